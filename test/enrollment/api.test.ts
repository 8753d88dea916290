import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer, type Server } from 'node:tls'
import t, { type Test } from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { enrollNode, requestEnrollment, type ServeCaOptions, serveCa } from '../../enrollment/api/index.ts'
import { problemOf, statusOf } from '../../enrollment/api/problems.ts'
import { buildCsr, ENROLLMENT_ERRORS, encodePem, encodeToken, makeToken } from '../../enrollment/index.ts'
import { MAX_ANSWER_BYTES, SERVER_LIFETIME_MS } from '../../enrollment/limits.ts'
import { type InitCaOptions, type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { encodeAnswer, encodeRequest } from '../../enrollment/wire.ts'
import { makeCsr, makeNodeKeystore, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'

const dependencies = testDependencies()
const { provider, random } = dependencies

async function serve(
  t: Test,
  options: Partial<ServeCaOptions> = {},
  changes: Partial<typeof dependencies> = {},
  at: Partial<InitCaOptions> = {},
) {
  const { ca, home } = await makeTestCa(t, at, { ...dependencies, ...changes })
  const server = await serveCa({ ca, port: 0, ...options }, { ...dependencies, ...changes })
  t.teardown(() => server.close())
  return { ca, home, url: server.url, close: server.close }
}

/** A bare HTTPS exchange, past the client under test. */
async function exchange(
  url: string,
  head: string,
  body: string | Uint8Array = '',
): Promise<{ status: number; head: string; body: string }> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false, servername: 'ca.north-grid' })
  await once(socket, 'secureConnect')
  socket.write(`${head}\r\nhost: ca\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`)
  socket.write(body)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  await once(socket, 'close')
  const [headText = '', bodyText = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  return { status: Number(headText.split(' ')[1]), head: headText.toLowerCase(), body: bodyText }
}

const postJson = (url: string, body: string | Uint8Array) =>
  exchange(url, 'POST /v1/enroll HTTP/1.1\r\ncontent-type: application/json', body)

/** A TLS server with the CA's own identity, or any other, that keeps what it receives and answers what it is told. */
async function impostor(t: Test, identity: { certificateChain: string; privateKey: string }, answer: string) {
  const received: Buffer[] = []
  const closed: Promise<unknown>[] = []
  const server: Server = createServer({ cert: identity.certificateChain, key: identity.privateKey }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk)
      if (answer !== '' && Buffer.concat(received).includes('}')) socket.end(answer)
    })
  })
  server.on('tlsClientError', () => undefined)
  server.on('connection', (socket) => closed.push(once(socket, 'close')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Everything that came over TLS, once every connection has ended. */
    async received() {
      await Promise.all(closed)
      return Buffer.concat(received)
    },
  }
}

function httpAnswer(body: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

t.test(
  'a node enrols: keys made, certificate held, secrets in the keystore, and again with the same result',
  async (t) => {
    const { ca, url, home } = await serve(t)
    t.match(url, /^https:\/\/127\.0\.0\.1:\d+$/, 'loopback by default')
    const { token } = await ca.createToken({ nodeId: 'relay-7' })
    const keystore = await makeNodeKeystore(join(home, 'node'), dependencies)
    const enrolled = await enrollNode({ keystore, token, url, addresses: ['/ip4/127.0.0.1/tcp/4001'] }, dependencies)
    t.match(enrolled, {
      mesh: 'north-grid',
      nodeId: 'relay-7',
      chain: { length: 2 },
      config: { crlUrl: `${url}/v1/crl` },
    })
    t.strictSame(enrolled.chain[1], ca.root.der)
    const names = (await keystore.list()).map(({ name, suite }) => [name, suite])
    t.same(names.sort(), [
      ['device', 'ed25519'],
      ['identity', 'ml-dsa-87'],
      ['overlay', 'ed25519'],
      ['pseudonym-1', undefined],
      ['store', undefined],
    ])
    t.equal((await keystore.secret('pseudonym-1'))?.length, 32)
    t.notMatch(JSON.stringify(enrolled.config), /key/, 'no secret in what is returned')
    const again = await enrollNode({ keystore, token, url }, dependencies)
    t.strictSame(again.chain, enrolled.chain)
    const second = await makeNodeKeystore(join(home, 'second'), dependencies)
    const other = { keystore: second, token: (await ca.createToken()).token, url, nodeId: 'relay-8' }
    t.same((await enrollNode(other, dependencies)).config.bootstrapPeers, ['/ip4/127.0.0.1/tcp/4001'])
  },
)

t.test('a level3 mesh: ML-DSA-65 from the root to the node, and no other key enrols', async (t) => {
  const { ca, home } = await makeTestCa(t, { suite: 'level3' })
  t.equal(ca.root.signatureSuite, 'ml-dsa-65')
  await ca.close()
  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  t.equal((await reopened.status()).suite, 'level3')
  const { url, close } = await serveCa({ ca: reopened, port: 0 }, dependencies)
  t.teardown(close)
  const keystore = await makeNodeKeystore(join(home, 'node'), dependencies)
  const { token } = await reopened.createToken({ uses: 2 })
  const { path } = await enrollNode({ keystore, token, url, nodeId: 'relay-7' }, dependencies)
  t.equal(path.identityKey.suite.name, 'ml-dsa-65')
  t.same([...new Set(path.chain.map(({ signatureSuite }) => signatureSuite))], ['ml-dsa-65'])

  const { csr } = await makeCsr(provider)
  const asked = { url, token, nodeId: 'relay-8', makeCsr: async () => csr }
  await t.rejects(requestEnrollment(asked, dependencies), { code: 'ENROLLMENT_REFUSED', metadata: { status: 400 } })
  const own = { token, csr, nodeId: 'relay-8', addresses: [] }
  await t.rejects(reopened.enroll(own, { crlUrl: url }), { code: 'ENROLLMENT_CSR_SUITE' })
  const { ca: level5, url: elsewhere } = await serve(t, {}, {}, { home: join(home, 'level5') })
  const foreign = { keystore, token: (await level5.createToken()).token, url: elsewhere, nodeId: 'relay-7' }
  await t.rejects(enrollNode(foreign, dependencies), { code: 'ENROLLMENT_CSR_SUITE', hint: /home without keys/ })
  t.same((await level5.status()).tokens, { open: 1, used: 0, expired: 0 })
})

t.test('refusals are problem documents with constant text', async (t) => {
  const { ca, url } = await serve(t)
  const { csr } = await makeCsr(provider)
  const request = (token: string) =>
    requestEnrollment({ url, token, makeCsr: async () => csr, nodeId: 'relay-7' }, dependencies)
  const used = (await ca.createToken()).token
  await request(used)
  const other = await makeCsr(provider)
  const expired = (await ca.createToken({ lifetimeMs: 1 })).token
  const unknown = encodeToken(makeToken({ mesh: ca.mesh, rootFingerprint: ca.root.fingerprint }, random))
  for (const token of [used, expired, unknown]) {
    const asked = { token, csr: other.csr, nodeId: 'relay-9' }
    const request = requestEnrollment({ url, token, nodeId: 'relay-9', makeCsr: async () => other.csr }, dependencies)
    await t.rejects(request, { code: 'ENROLLMENT_REFUSED', metadata: { status: 400 } })
    const { status, body } = await postJson(url, encodeRequest({ ...asked, addresses: [] }))
    t.equal(status, 400)
    t.same(JSON.parse(body), problemOf(400), 'the same for used, expired and unknown')
  }
  const answers = await Promise.all(
    ['{', '{}', '[]', '"x"', 'null', '{"token":1,"csr":2}'].map((body) => postJson(url, body)),
  )
  for (const { status, head, body } of answers) {
    t.equal(status, 400)
    t.match(head, 'content-type: application/problem+json')
    t.same(JSON.parse(body), {
      type: 'urn:gapmesh:problem:bad-request',
      title: 'The request is malformed.',
      status: 400,
    })
  }
  const wrongType = await exchange(url, 'POST /v1/enroll HTTP/1.1\r\ncontent-type: text/plain', 'x')
  t.equal(wrongType.status, 400)
  for (const head of ['GET /v1/enroll HTTP/1.1', 'GET / HTTP/1.1', 'POST /v1/enrol HTTP/1.1']) {
    const { status, body } = await exchange(url, head)
    t.equal(status, 404, head)
    t.same(JSON.parse(body), problemOf(404))
  }
})

t.test('errors become statuses', (t) => {
  const of = (code: Parameters<typeof ENROLLMENT_ERRORS.create>[0]) => statusOf(ENROLLMENT_ERRORS.create(code))
  t.equal(of('ENROLLMENT_TOKEN_USED'), 400)
  t.equal(of('ENROLLMENT_TOKEN_UNKNOWN'), 400)
  t.equal(of('ENROLLMENT_NODE_ID_TAKEN'), 403)
  t.equal(of('ENROLLMENT_CSR_PROOF'), 400)
  t.equal(of('ENROLLMENT_BUSY'), 429)
  t.equal(of('ENROLLMENT_CA_DAMAGED'), 500)
  t.equal(of('ENROLLMENT_CA_BEHIND'), 503)
  t.equal(of('ENROLLMENT_PEER_UNTRUSTED'), 401)
  t.equal(of('ENROLLMENT_PEER_REVOKED'), 403)
  t.equal(of('ENROLLMENT_CERTIFICATE_UNKNOWN'), 404)
  t.equal(statusOf(new Error('internal')), 500)
  t.equal(statusOf(Object.assign(new Error('too large'), { statusCode: 413 })), 400)
  t.end()
})

t.test('the token does not leave for a server of another root', async (t) => {
  const { ca, home } = await makeTestCa(t)
  const { token } = await ca.createToken({ nodeId: 'relay-7' })
  const { csr } = await makeCsr(provider)
  const { ca: stranger } = await makeTestCa(t, { home: join(home, 'stranger') })
  const other = await stranger.issueServerIdentity()
  const own = await ca.issueServerIdentity()
  const strangers: [string, typeof own][] = [
    ['another root of the same name', other],
    ['the leaf of another root under the right root', { ...other, certificateChain: leafOf(other) + rootOf(own) }],
    ['the leaf alone', { ...own, certificateChain: leafOf(own) }],
  ]
  for (const [what, identity] of strangers) {
    const server = await impostor(t, identity, httpAnswer('{}'))
    const request = requestEnrollment({ url: server.url, token, makeCsr: async () => csr }, dependencies)
    await t.rejects(request, { code: 'ENROLLMENT_SERVER_UNTRUSTED' }, what)
    t.equal((await server.received()).length, 0, 'nothing was sent after the handshake')
  }
  const server = await impostor(t, own, httpAnswer('{}'))
  await t.rejects(requestEnrollment({ url: server.url, token, makeCsr: async () => csr }, dependencies), {
    code: 'ENROLLMENT_ANSWER_MALFORMED',
  })
  t.ok((await server.received()).includes(token), 'the recorder sees what is sent to the right one')
})

const PEM_END = '-----END CERTIFICATE-----\n'
const leafOf = ({ certificateChain }: { certificateChain: string }) => certificateChain.split(PEM_END)[0] + PEM_END
const rootOf = ({ certificateChain }: { certificateChain: string }) => certificateChain.split(PEM_END)[1] + PEM_END

t.test('an expired server certificate, or a node certificate in its place, gets no token', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url, home } = await serve(t, {}, { clock })
  const { token } = await ca.createToken({ uses: 5 })
  const { csr } = await makeCsr(provider)
  const late = { provider, clock: new SimulatedClock(clock.now() + SERVER_LIFETIME_MS + 1) }
  await t.rejects(requestEnrollment({ url, token, makeCsr: async () => csr, nodeId: 'a' }, late), {
    code: 'ENROLLMENT_SERVER_UNTRUSTED',
  })
  const keystore = await makeNodeKeystore(join(home, 'node'), dependencies)
  const node = await enrollNode({ keystore, token, url, nodeId: 'insider' }, { ...dependencies, clock })
  const key = (await keystore.signingKey('identity'))!.keyObject.export({ format: 'pem', type: 'pkcs8' }).toString()
  const chain = node.chain.map((der) => encodePem('CERTIFICATE', der)).join('')
  const server = await impostor(t, { certificateChain: chain, privateKey: key }, httpAnswer('{}'))
  await t.rejects(requestEnrollment({ url: server.url, token, makeCsr: async () => csr }, { provider, clock }), {
    code: 'ENROLLMENT_SERVER_UNTRUSTED',
  })
  t.equal((await server.received()).length, 0)
})

async function serialNumberOf(url: string): Promise<string | undefined> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const serialNumber = socket.getPeerX509Certificate()?.serialNumber
  socket.destroy()
  return serialNumber
}

t.test('a clock that is wrong is named as what may be in the way', async (t) => {
  const clock = new SimulatedClock(Date.UTC(2026, 5, 1))
  const { ca, url } = await serve(t, {}, { clock })
  const { token } = await ca.createToken()
  const { csr } = await makeCsr(provider)
  const enrolAt = (atMs: number) => {
    const dependencies = { provider, clock: new SimulatedClock(atMs) }
    return requestEnrollment({ url, token, makeCsr: async () => csr, nodeId: 'relay-7' }, dependencies)
  }
  for (const atMs of [0, Date.UTC(2099, 0, 1)]) {
    const day = new Date(atMs).toISOString().slice(0, 10)
    await t.rejects(enrolAt(atMs), {
      code: 'ENROLLMENT_SERVER_UNTRUSTED',
      message: new RegExp(`valid from 2026-.* to 2026-.*, and the clock here says ${day}`),
      hint: /clock/,
    })
  }
  t.equal((await ca.status()).issued, 0, 'nothing was asked for')
  await clock.advance(3_600_000)
  await t.rejects(enrolAt(clock.now() - 3_600_000), {
    code: 'ENROLLMENT_ANSWER_WRONG',
    message: /valid from 2026-06-01T00:55.* and the clock here says 2026-06-01T00:00/,
    hint: /clock/,
  })
  t.equal((await enrolAt(clock.now())).nodeId, 'relay-7', 'with the clock set right the same token does')
  t.equal((await ca.status()).issued, 1)
})

t.test('the server renews its certificate while it runs', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url } = await serve(t, {}, { clock })
  const { token } = await ca.createToken({ uses: 5, lifetimeMs: SERVER_LIFETIME_MS })
  const { csr } = await makeCsr(provider)
  const first = await serialNumberOf(url)
  await clock.advance(SERVER_LIFETIME_MS / 2)
  while ((await serialNumberOf(url)) === first) await new Promise((resolve) => setTimeout(resolve, 20))
  await clock.advance(SERVER_LIFETIME_MS / 2 - 2)
  const enrolled = await requestEnrollment(
    { url, token, makeCsr: async () => csr, nodeId: 'relay-7' },
    { provider, clock },
  )
  t.equal(enrolled.nodeId, 'relay-7')
})

t.test('an answer must be for these keys, this node and this mesh', async (t) => {
  const { ca, home } = await makeTestCa(t)
  const own = await ca.issueServerIdentity()
  const { keys, csr } = await makeCsr(provider)
  const answerFor = async (maker: MeshCa, nodeId: string, request: Uint8Array) => {
    const { token } = await maker.createToken()
    const answer = await maker.enroll({ token, csr: request, nodeId, addresses: [] }, { crlUrl: 'https://ca/v1/crl' })
    return JSON.stringify(encodeAnswer(answer))
  }
  const { ca: stranger } = await makeTestCa(t, { home: join(home, 'stranger') })
  const otherDevice = await buildCsr({ ...keys, deviceKey: await provider.generate('ed25519') })
  const otherOverlay = await buildCsr({ ...keys, overlayKey: await provider.generate('ed25519') })
  const right = await answerFor(ca, 'relay-7', csr)
  const answers: [string, string, string][] = [
    ['other keys', await answerFor(ca, 'relay-1', (await makeCsr(provider)).csr), 'ENROLLMENT_ANSWER_WRONG'],
    ['another device key', await answerFor(ca, 'relay-7', otherDevice), 'ENROLLMENT_ANSWER_WRONG'],
    ['another overlay key', await answerFor(ca, 'relay-7', otherOverlay), 'ENROLLMENT_ANSWER_WRONG'],
    ['another root', await answerFor(stranger, 'relay-7', csr), 'ENROLLMENT_ANSWER_WRONG'],
    ['no certificate', right.replaceAll(/MII[^-]*/g, 'AAAA\\n'), 'ENROLLMENT_ANSWER_WRONG'],
    ['no JSON', 'nonsense', 'ENROLLMENT_ANSWER_MALFORMED'],
    ['too much', ' '.repeat(MAX_ANSWER_BYTES + 1), 'ENROLLMENT_ANSWER_MALFORMED'],
  ]
  const { token } = await ca.createToken()
  const request = (url: string, nodeId = 'relay-7') =>
    requestEnrollment({ url, token, makeCsr: async () => csr, nodeId }, dependencies)
  for (const [what, body, code] of answers) {
    const { url } = await impostor(t, own, httpAnswer(body))
    await t.rejects(request(url), { code }, what)
  }
  t.equal((await request((await impostor(t, own, httpAnswer(right))).url)).nodeId, 'relay-7')
  const { url } = await impostor(t, own, httpAnswer(right))
  await t.rejects(request(url, 'relay-8'), { code: 'ENROLLMENT_ANSWER_WRONG' }, 'another node_id')
  const failing = await impostor(t, own, httpAnswer('{}', '500 Internal'))
  await t.rejects(request(failing.url), { code: 'ENROLLMENT_ANSWER_MALFORMED', metadata: { status: 500 } })
  const resting = await impostor(t, own, httpAnswer('{}', '503 Unavailable'))
  await t.rejects(request(resting.url), { code: 'ENROLLMENT_UNAVAILABLE', metadata: { status: 503 } })
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'
  const other = await impostor(t, own, switching)
  await t.rejects(request(other.url), { code: 'ENROLLMENT_UNREACHABLE' }, 'another protocol')
})

t.test('a CA that is silent, gone, or not named by an https URL', async (t) => {
  const { ca } = await makeTestCa(t)
  const { token } = await ca.createToken()
  const { csr } = await makeCsr(provider)
  const silent = await impostor(t, await ca.issueServerIdentity(), '')
  const request = (url: string) =>
    requestEnrollment({ url, token, makeCsr: async () => csr, nodeId: 'a', timeoutMs: 300 }, dependencies)
  await t.rejects(request(silent.url), { code: 'ENROLLMENT_TIMEOUT' })
  const { url, close } = await serveCa({ ca, port: 0 }, dependencies)
  await close()
  await t.rejects(request(url), { code: 'ENROLLMENT_UNREACHABLE' })
  for (const wrong of ['', 'ca', 'http://127.0.0.1', 'https://127.0.0.1/path', 'https://u@127.0.0.1', 'https://h/?q']) {
    await t.rejects(request(wrong), { code: 'ENROLLMENT_URL' }, wrong)
  }
  await t.rejects(
    requestEnrollment({ url, token, makeCsr: async () => csr, retries: 3 } as never, dependencies),
    TypeError,
  )
  await t.rejects(serveCa({ ca, port: -1 }, dependencies), TypeError)
  await t.rejects(serveCa({ ca, publicUrl: 'https://ca.example/' }, dependencies), TypeError)
  const busy = await serveCa({ ca, port: 0, publicUrl: 'https://ca.example:8443' }, dependencies)
  t.teardown(() => busy.close())
  t.equal(busy.url, 'https://ca.example:8443')
  const { port } = new URL(silent.url)
  await t.rejects(serveCa({ ca, port: Number(port) }, dependencies), { code: 'ENROLLMENT_LISTEN' })
  await t.rejects(serveCa({ ca, insecure: true } as never, dependencies), TypeError)
})

t.test('TLS 1.3 with hybrid key exchange is the least', async (t) => {
  const { url } = await serve(t)
  const { hostname: host, port } = new URL(url)
  const attempt = async (options: object) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...options })
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    return socket
  }
  await t.rejects(attempt({ maxVersion: 'TLSv1.2' }), { code: /^ERR_SSL/ })
  await t.rejects(attempt({ ecdhCurve: 'X25519:P-384' }), { code: /^ERR_SSL/ })
  for (const ecdhCurve of ['SecP384r1MLKEM1024', 'X25519MLKEM768']) {
    const socket = await attempt({ ecdhCurve })
    t.equal(socket.getProtocol(), 'TLSv1.3', ecdhCurve)
    t.equal(
      socket.getPeerX509Certificate()?.issuerCertificate?.subject.includes('mesh root'),
      true,
      'root in the chain',
    )
  }
})
