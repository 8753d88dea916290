import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { problemOf } from '../../enrollment/api/problems.ts'
import { MAX_CRL_BYTES } from '../../enrollment/limits.ts'
import { bareExchange, serveTestCa } from '../helpers/ca-api.ts'

/** All that the CA answers to `bytes`, without parsing by a client. */
async function answerTo(url: string, bytes: string): Promise<string> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(bytes)
  return text(socket)
}

const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: ca\r\nconnection: close\r\n\r\n`

const chunked = (body: string, path = '/v1/enroll') =>
  `POST ${path} HTTP/1.1\r\nhost: ca\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body}`

const kept = (path: string) => `GET ${path} HTTP/1.1\r\nhost: ca\r\n\r\n`

const statusesIn = (answers: string) =>
  [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

t.test('what reaches no route is a problem document too, without the path in it', async (t) => {
  const { url } = await serveTestCa(t)
  const shapes = {
    'a path that cannot be decoded': request('/v1/%zz'),
    'a long parameter': request(`/v1/enroll/${'a'.repeat(200)}`).replace('GET', 'POST'),
    'no HTTP': 'hello\r\n\r\n',
    'two lengths': 'POST /v1/enroll HTTP/1.1\r\nhost: ca\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
    'no host': 'GET /v1/crl HTTP/1.1\r\nconnection: close\r\n\r\n',
    'two hosts': request('/v1/crl').replace('host', 'host: other\r\nhost'),
    'an extension of a chunk without an end': chunked(`2;${'a'.repeat(32_768)}\r\n{}\r\n0\r\n\r\n`),
    'a chunk without a size': chunked('zz\r\n{}'),
    'huge headers': request('/v1/crl').replace('host', `x: ${'a'.repeat(32_768)}\r\nhost`),
  }
  for (const [name, bytes] of Object.entries(shapes)) {
    const [head = '', body = ''] = (await answerTo(url, bytes)).split('\r\n\r\n')
    t.match(head, /^HTTP\/1\.1 400 /, name)
    t.match(head, /^content-type: application\/problem\+json/im, name)
    t.equal(body, JSON.stringify(problemOf(400)), name)
  }
})

t.test('paths that cannot be decoded count towards the rate of an address', async (t) => {
  const { url } = await serveTestCa(t, { rateBurst: 1, ratePerMinute: 1 })
  t.match(await answerTo(url, request('/v1/%zz')), /^HTTP\/1\.1 400 /)
  t.match(await answerTo(url, request('/v1/%zz')), /^HTTP\/1\.1 429 /)
})

t.test('one request is never answered in the place of another', async (t) => {
  const { url, ca } = await serveTestCa(t)
  const held = Promise.withResolvers<void>()
  const lists = ca.lists.bind(ca)
  ca.lists = () => held.promise.then(lists)
  t.equal(await answerTo(url, `${kept('/v1/crl')}no HTTP\r\n\r\n`), '', 'an answer is owed: nothing is said')
  held.resolve()
  const early = await answerTo(url, chunked('zz\r\n{}', '/v1/revoke'))
  t.ok(statusesIn(early).length <= 1, 'refused before its body was read: no second answer')
  const orderly = await answerTo(
    url,
    `${kept('/v1/nowhere')}${kept('/v1/crl')}${kept('/v1/%zz')}${request('/v1/none')}`,
  )
  t.same(statusesIn(orderly), [404, 200, 400, 404], 'answers come in the order of the requests')
})

t.test('an expectation is no way past the rate of an address', async (t) => {
  const { url } = await serveTestCa(t, { rateBurst: 1, ratePerMinute: 1 })
  const expecting = request('/v1/crl').replace('host', 'expect: magic\r\nhost')
  t.same(statusesIn(await answerTo(url, expecting)), [200], 'it may be ignored (RFC 9110 §10.1.1)')
  t.same(statusesIn(await answerTo(url, expecting)), [429])
})

t.test('requests without a host count', async (t) => {
  const { url, home } = await serveTestCa(t, { rateBurst: 1, ratePerMinute: 1 })
  const bare = 'GET /v1/crl HTTP/1.1\r\nconnection: close\r\n\r\n'
  t.same(statusesIn(await answerTo(url, bare)), [400])
  t.same(statusesIn(await answerTo(url, bare)), [429])
  const { url: other } = await serveTestCa(t, {}, { at: { home: join(home, 'other') } })
  t.same(statusesIn(await answerTo(other, 'GET /v1/crl HTTP/1.0\r\n\r\n')), [200], 'HTTP/1.0 has none')
})

t.test('a server that ends waits for nobody', async (t) => {
  const { url, close } = await serveTestCa(t, { deadlineMs: 600_000 })
  const { hostname: host, port } = new URL(url)
  const [silent, idle] = [
    connectTcp(Number(port), host),
    connect({ host, port: Number(port), rejectUnauthorized: false }),
  ]
  for (const socket of [silent, idle]) socket.on('error', () => undefined).resume()
  await Promise.all([once(silent, 'connect'), once(idle, 'secureConnect')])
  const closed = Promise.all([silent, idle].map((socket) => once(socket, 'close')))
  await close()
  await closed
  t.ok(silent.closed && idle.closed, 'one in its handshake, one without a request')
})

t.test('who reads a long list slowly costs a part of it, and not for ever', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url } = await serveTestCa(t, { deadlineMs: 600_000 }, { changes: { clock } })
  const [published] = await ca.lists()
  if (published === undefined) return t.fail('there is a list')
  const long = { ...published, full: { ...published.full, der: new Uint8Array(MAX_CRL_BYTES) } }
  ca.lists = async () => [long]
  const { hostname: host, port } = new URL(url)
  const readers = Array.from({ length: 6 }, () => connect({ host, port: Number(port), rejectUnauthorized: false }))
  t.teardown(() => readers.map((reader) => reader.destroy()))
  const closed = readers.map((reader) =>
    once(
      reader.on('error', () => undefined),
      'close',
    ),
  )
  await Promise.all(readers.map((reader) => once(reader, 'secureConnect')))
  const before = process.memoryUsage.rss()
  await Promise.all(
    readers.map((reader) => {
      reader.write(`${kept('/v1/crl').repeat(4)}`)
      return once(reader, 'readable')
    }),
  )
  t.ok(process.memoryUsage.rss() - before < MAX_CRL_BYTES * 2, 'less than two lists for 24 answers')
  const whole = await bareExchange(url, { path: '/v1/crl' })
  t.equal(whole.body.length, MAX_CRL_BYTES, 'others get it')
  await clock.advance(300_000)
  for (const reader of readers) reader.resume()
  await Promise.all(closed)
})
