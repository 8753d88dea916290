import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import t from 'tap'
import { problemOf } from '../../enrollment/api/problems.ts'
import { serveTestCa } from '../helpers/ca-api.ts'

/** All that the CA answers to `bytes`, without parsing by a client. */
async function answerTo(url: string, bytes: string): Promise<string> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(bytes)
  return text(socket)
}

const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: ca\r\nconnection: close\r\n\r\n`

t.test('what reaches no route is a problem document too, without the path in it', async (t) => {
  const { url } = await serveTestCa(t)
  const shapes = {
    'a path that cannot be decoded': request('/v1/%zz'),
    'a long parameter': request(`/v1/enroll/${'a'.repeat(200)}`).replace('GET', 'POST'),
    'no HTTP': 'hello\r\n\r\n',
    'two lengths': 'POST /v1/enroll HTTP/1.1\r\nhost: ca\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
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
