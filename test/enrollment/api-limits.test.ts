import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { requestEnrollment, serveCa } from '../../enrollment/api/index.ts'
import { problemOf } from '../../enrollment/api/problems.ts'
import { buildCsr, encodeToken, makeToken } from '../../enrollment/index.ts'
import { flawIn, type JsonSchema, objectOf } from '../../enrollment/json-schema.ts'
import {
  MAX_ATTESTATION_CHARACTERS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_CSR_CHARACTERS,
  MAX_LIST_AGE_SECONDS,
  MAX_POLICY_REQUEST_BYTES,
  MAX_REQUEST_BYTES,
} from '../../enrollment/limits.ts'
import { MAX_CHAIN_LENGTH } from '../../records/path/index.ts'
import { makeCsr, makeRequestKeys } from '../helpers/ca.ts'
import { bareExchange, barePost, makeNode, makeOperator, serveTestCa } from '../helpers/ca-api.ts'

function tcpTo(url: string): Socket {
  const { hostname: host, port } = new URL(url)
  return connectTcp(Number(port), host).on('error', () => undefined)
}

async function tlsTo(url: string) {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false }).on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket.resume()
}

/** Milliseconds until `socket` is closed, while `drip` is written to it every 50 ms. */
async function endures(socket: Socket, drip: () => string | Uint8Array): Promise<number> {
  const startedMs = performance.now()
  const ended = new AbortController()
  socket.once('close', () => ended.abort())
  while (!ended.signal.aborted) {
    if (socket.writable) socket.write(drip())
    await setTimeout(50, undefined, { signal: ended.signal }).catch(() => undefined)
    if (performance.now() - startedMs > 8_000) throw new Error('it was never closed')
  }
  return performance.now() - startedMs
}

t.test('bodies have a cap', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const post = (body: string | Uint8Array, path = '/v1/enroll') => barePost(url, path, body)
  t.equal((await post(Buffer.alloc(MAX_REQUEST_BYTES + 1, ' '))).status, 400)
  const padded = `{"token":"x","csr":"y"${' '.repeat(MAX_REQUEST_BYTES - 30)}}`
  t.equal((await post(padded)).status, 400, 'just below: read and refused for what it says')
  const { token } = await ca.createToken()
  const asked = { token, csr: 'A'.repeat(MAX_CSR_CHARACTERS + 1), node_id: 'relay-7' }
  t.equal((await barePost(url, '/v1/enroll', asked)).status, 400, 'a request for a certificate')
  const evidence = { type: 'tpm', payload: 'A'.repeat(MAX_ATTESTATION_CHARACTERS + 1) }
  t.equal((await barePost(url, '/v1/enroll', { ...asked, csr: 'AAAA', attestation: evidence })).status, 400)
  const operator = await makeOperator(ca, 'alice', dependencies.provider)
  const policy = Buffer.alloc(MAX_POLICY_REQUEST_BYTES + 1, ' ')
  const set = { method: 'PUT', path: '/v1/policy', as: operator, headers: { 'content-type': 'application/json' } }
  t.equal((await bareExchange(url, { ...set, body: policy })).status, 400)
  t.equal((await bareExchange(url, { ...set, as: undefined, body: policy })).status, 401, 'strangers are not read')
  t.same((await ca.status()).tokens, { open: 1, used: 0, expired: 0 })
})

t.test('chains have a cap', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const node = await makeNode(ca, 'relay-7', dependencies.provider)
  const [leaf, root] = node.chain as [Uint8Array, Uint8Array]
  const many = Array.from({ length: MAX_CHAIN_LENGTH + 1 }, () => root)
  for (const chain of [[leaf, ...many], [leaf, leaf, leaf], Array.from({ length: 40 }, () => leaf)]) {
    const answer = await bareExchange(url, { path: '/v1/pseudonym', as: { ...node, chain } }).catch(() => undefined)
    // What repeats does not chain: the leaf stands for itself, or TLS hangs up on the size.
    if (answer !== undefined) t.match(answer.status, /^(?:200|401)$/, `${chain.length} certificates`)
  }
  t.equal((await bareExchange(url, { path: '/v1/pseudonym', as: node })).status, 200)
})

t.test('connections have a cap, and each address its share', async (t) => {
  const { url, home } = await serveTestCa(t)
  const sockets = Array.from({ length: MAX_CONNECTIONS }, () => tcpTo(url))
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  await once(tcpTo(url), 'close')
  t.notOk(sockets.some((socket) => socket.destroyed))

  const { url: shared } = await serveTestCa(
    t,
    { connectionsPerAddress: undefined },
    { at: { home: join(home, 'shared') } },
  )
  const own = Array.from({ length: MAX_CONNECTIONS_PER_ADDRESS }, () => tcpTo(shared))
  t.teardown(() => own.map((socket) => socket.destroy()))
  await Promise.all(own.map((socket) => once(socket, 'connect')))
  await once(tcpTo(shared), 'close')
  t.notOk(own.some((socket) => socket.destroyed))
  const [first] = own as [Socket]
  first.destroy()
  await setTimeout(50)
  t.equal((await bareExchange(shared, { path: '/v1/crl' })).status, 200, 'there is room again')
})

t.test('who opens connections too fast is hung up on before a handshake', async (t) => {
  const clock = new SimulatedClock()
  const { url } = await serveTestCa(t, { rateBurst: 1, ratePerMinute: 1 }, { changes: { clock } })
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const socket = tcpTo(url)
    await once(socket, 'connect')
    socket.destroy()
  }
  await once(tcpTo(url).resume(), 'close')
  await clock.advance(60_000)
  t.equal((await bareExchange(url, { path: '/v1/crl' })).status, 200, 'a minute later it may again')
})

t.test('who is slow is cut off: handshake, headers, body', async (t) => {
  const deadlineMs = 600
  const { ca, url } = await serveTestCa(t, { deadlineMs })
  const soon = (tookMs: number, what: string) =>
    t.ok(tookMs >= deadlineMs / 2 && tookMs < deadlineMs + 2_500, `${what}: ${Math.round(tookMs)} ms`)
  // The beginning of a ClientHello that claims to be long, then a byte now and then.
  const hello = tcpTo(url)
  await once(hello, 'connect')
  hello.write(Uint8Array.of(0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3))
  const silent = tcpTo(url).resume()
  await once(silent, 'connect')
  const mute = await tlsTo(url)
  const headers = await tlsTo(url)
  headers.write('POST /v1/enroll HTTP/1.1\r\nhost: ca\r\n')
  const body = await tlsTo(url)
  body.write('POST /v1/enroll HTTP/1.1\r\nhost: ca\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{')
  await Promise.all([
    endures(hello, () => Uint8Array.of(0)).then((tookMs) => soon(tookMs, 'a handshake, byte by byte')),
    endures(silent, () => '').then((tookMs) => soon(tookMs, 'a connection without a byte')),
    endures(mute, () => '').then((tookMs) => soon(tookMs, 'a handshake without a request')),
    endures(headers, () => 'x: y\r\n').then((tookMs) => soon(tookMs, 'headers without an end')),
    endures(body, () => ' ').then((tookMs) => soon(tookMs, 'a body, byte by byte')),
  ])
  const { token } = await ca.createToken()
  t.ok(token)
  t.equal((await bareExchange(url, { path: '/v1/crl' })).status, 200, 'others are served')
})

t.test('who asks too often is told to wait', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url, dependencies } = await serveTestCa(t, { rateBurst: 2, ratePerMinute: 1 }, { changes: { clock } })
  const statuses: number[] = []
  for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await barePost(url, '/v1/enroll', '{}')).status)
  t.same(statuses, [400, 400, 429, 429])
  const { headers, body } = await barePost(url, '/v1/enroll', '{}')
  t.equal(headers['retry-after'], '60')
  t.same(JSON.parse(body.toString()), problemOf(429))
  const { token } = await ca.createToken()
  const { csr } = await makeCsr(dependencies.provider)
  const request = () => requestEnrollment({ url, token, makeCsr: async () => csr, nodeId: 'relay-7' }, dependencies)
  await t.rejects(request(), { code: 'ENROLLMENT_RATE_LIMITED' })
  await clock.advance(60_000)
  t.equal((await request()).nodeId, 'relay-7')
})

t.test('one token is tried so often, from wherever; guesses at others do not count', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t, { tokenRate: 3 })
  const { token } = await ca.createToken()
  const { csr } = await makeCsr(dependencies.provider)
  const text = Buffer.from(csr).toString('base64')
  const attempt = (one: string, node_id: string) => barePost(url, '/v1/enroll', { token: one, csr: text, node_id })
  const root = { mesh: ca.mesh, rootFingerprint: ca.root.fingerprint }
  for (let guess = 0; guess < 8; guess += 1) {
    const { status, body } = await attempt(encodeToken(makeToken(root, dependencies.random)), 'relay-7')
    t.equal(status, 400, 'a guess')
    t.same(JSON.parse(body.toString()), problemOf(400))
  }
  t.equal((await attempt(token, 'relay-7')).status, 200)
  t.equal((await attempt(token.toUpperCase(), 'relay-7')).status, 200, 'a retry with the same key')
  const { csr: other } = await makeCsr(dependencies.provider)
  const thief = { token, csr: Buffer.from(other).toString('base64'), node_id: 'thief' }
  t.equal((await barePost(url, '/v1/enroll', thief)).status, 400, 'a replay with another key')
  t.equal((await barePost(url, '/v1/enroll', thief)).status, 429)
  t.equal((await ca.status()).issued, 1)
})

t.test('a hundred redeem one token at once: one gets a certificate', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t, { tokenRate: 1000 })
  const { token } = await ca.createToken()
  const requests = await Promise.all(
    Array.from({ length: 100 }, async (_, at) => {
      const csr = await buildCsr(await makeRequestKeys(dependencies.provider))
      return { token, csr: Buffer.from(csr).toString('base64'), node_id: `relay-${at}` }
    }),
  )
  const answers = await Promise.all(requests.map((request) => barePost(url, '/v1/enroll', request)))
  const statuses = answers.map(({ status }) => status).sort()
  t.same([...new Set(statuses)], [200, 400])
  t.equal(statuses.filter((status) => status === 200).length, 1)
  t.equal((await ca.status()).issued, 1)
  const winner = answers.findIndex(({ status }) => status === 200)
  const again = await barePost(url, '/v1/enroll', requests[winner])
  t.strictSame(JSON.parse(again.body.toString()).certificate, JSON.parse(answers[winner]!.body.toString()).certificate)
})

t.test('a list is kept no longer than it says', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url } = await serveTestCa(t, {}, { changes: { clock } })
  const age = async () => (await bareExchange(url, { path: '/v1/crl' })).headers['cache-control']
  t.equal(await age(), `public, max-age=${MAX_LIST_AGE_SECONDS}`)
  const nextUpdateMs = (await ca.lists())[0]?.full.nextUpdateMs ?? 0
  t.ok(nextUpdateMs > clock.now() + MAX_LIST_AGE_SECONDS * 1000, 'not as long as the list itself')
})

t.test('options of the server have bounds', async (t) => {
  const { ca, dependencies } = await serveTestCa(t)
  const wrong = [{ rateBurst: 0 }, { tokenRate: 0 }, { deadlineMs: 0 }, { connectionsPerAddress: MAX_CONNECTIONS + 1 }]
  for (const options of wrong) await t.rejects(serveCa({ ca, port: 0, ...options }, dependencies), TypeError)
})

t.test('a schema is kept strictly', (t) => {
  const schema: JsonSchema = objectOf(
    {
      name: { type: 'string', maxLength: 3, pattern: '^[a-z]+$' },
      count: { type: 'integer', minimum: 1, maximum: 5 },
      flag: { type: 'boolean' },
      list: { type: 'array', items: { anyOf: [{ type: 'null' }, objectOf({ x: { type: 'boolean' } })] }, maxItems: 2 },
      kind: { type: 'string', maxLength: 9, enum: ['a', 'b'] },
    },
    ['flag', 'list', 'kind'],
  )
  const good = { name: 'abc', count: 5, flag: true, list: [null, { x: true }], kind: 'b' }
  t.equal(flawIn(schema, good), undefined)
  t.equal(flawIn(schema, { name: 'a', count: 1 }), undefined)
  const flaws: [unknown, string][] = [
    [undefined, 'body'],
    [null, 'body'],
    [[good], 'body'],
    [{ count: 1 }, 'name'],
    [{ ...good, more: 1 }, 'body'],
    [{ ...good, name: 'abcd' }, 'name'],
    [{ ...good, name: 'A' }, 'name'],
    [{ ...good, name: 7 }, 'name'],
    [{ ...good, name: '\ud800' }, 'name'],
    [{ ...good, count: 0 }, 'count'],
    [{ ...good, count: 1.5 }, 'count'],
    [{ ...good, count: '1' }, 'count'],
    [{ ...good, flag: 1 }, 'flag'],
    [{ ...good, list: {} }, 'list'],
    [{ ...good, list: [null, null, null] }, 'list'],
    [{ ...good, list: [{ x: 1 }] }, 'list'],
    [{ ...good, kind: 'c' }, 'kind'],
    [JSON.parse('{"name":"a","count":1,"__proto__":{}}'), 'body'],
  ]
  for (const [value, path] of flaws) t.equal(flawIn(schema, value), path, JSON.stringify(value))
  t.end()
})
