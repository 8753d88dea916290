import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type ConnectionOptions, createServer, type TlsOptions } from 'node:tls'
import t from 'tap'
import { concatBytes, fromHex, uintBytes } from '../../../core/index.ts'
import { MAX_CHAIN_CERTIFICATES } from '../../../overlay/limits.ts'
import { linkFailure } from '../../../overlay/link/index.ts'
import { makeTestMesh } from '../../helpers/pki.ts'
import { acceptTls, dialRaw, dialTls, listenRaw, nothingLeft, startNode, tlsOptions, until } from './support.ts'

const mesh = await makeTestMesh({ nodes: ['good', 'bad'] })
const good = await startNode(mesh, 'good', { options: { handshakeTimeoutMs: 4000 } })
const bad = mesh.node('bad')
t.teardown(() => good.libp2p.stop())
t.beforeEach(() => void good.refusals.splice(0))

/** The one refusal the good node reports. */
async function refusal(): Promise<(typeof good.refusals)[number] | undefined> {
  await until(() => good.refusals.length > 0, 'a refusal')
  return good.refusals[0]
}

const DIALLERS: { what: string; changes: ConnectionOptions; code: string; alert: string }[] = [
  {
    what: 'TLS 1.2',
    changes: {
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: 'DEFAULT',
      ecdhCurve: 'X25519',
      sigalgs: 'ed25519',
    },
    code: 'OVERLAY_LINK_TLS_VERSION',
    alert: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  },
  {
    what: 'classical groups only',
    changes: { ecdhCurve: 'X25519:P-384' },
    code: 'OVERLAY_LINK_GROUP',
    alert: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  },
  {
    what: 'the group of level3 in a level5 mesh',
    changes: { ecdhCurve: 'X25519MLKEM768' },
    code: 'OVERLAY_LINK_GROUP',
    alert: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  },
  {
    what: 'AES-128',
    changes: { ciphers: 'TLS_AES_128_GCM_SHA256' },
    code: 'OVERLAY_LINK_CIPHER',
    alert: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  },
  {
    what: 'classical signatures only',
    changes: { sigalgs: 'ed25519:ECDSA+SHA384' },
    code: 'OVERLAY_LINK_SIGNATURE_ALGORITHM',
    alert: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  },
  {
    what: 'another application protocol',
    changes: { ALPNProtocols: ['h2'] },
    code: 'OVERLAY_LINK_ALPN',
    alert: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
  },
]

for (const { what, changes, code, alert } of DIALLERS) {
  t.test(`a dialler with ${what} is refused by TLS itself`, async (t) => {
    await t.rejects(dialTls(good, bad, changes), { code: alert }, 'an alert is all TLS can tell')
    t.match(await refusal(), { code, by: 'self', direction: 'inbound' })
    await nothingLeft(good)
  })
}

const TOLD: { what: string; changes: ConnectionOptions; code: string }[] = [
  { what: 'no client certificate', changes: { key: undefined, cert: undefined }, code: 'OVERLAY_LINK_NO_CERTIFICATE' },
  {
    what: 'more certificates than are looked at',
    changes: { cert: bad.chainPem + mesh.rootPem.repeat(MAX_CHAIN_CERTIFICATES) },
    code: 'OVERLAY_LINK_CHAIN_LENGTH',
  },
  { what: 'no application protocol', changes: { ALPNProtocols: undefined }, code: 'OVERLAY_LINK_ALPN' },
]

for (const { what, changes, code } of TOLD) {
  t.test(`a dialler with ${what} is refused and told`, async (t) => {
    const peer = await dialTls(good, bad, changes)
    t.match(await peer.channel.expect('refused'), { code })
    peer.socket.destroy()
    t.match(await refusal(), { code, by: 'self' })
    await nothingLeft(good)
  })
}

t.test('a dialler that offers a session of an earlier connection is refused and told', async (t) => {
  const first = await dialTls(good, bad)
  const [session] = await once(first.socket, 'session')
  first.socket.destroy()
  await nothingLeft(good)
  good.refusals.splice(0)
  const second = await dialTls(good, bad, { session })
  t.equal(second.socket.isSessionReused(), false, 'there is nothing to resume')
  t.match(await second.channel.expect('refused'), { code: 'OVERLAY_LINK_SESSION' })
  second.socket.destroy()
  t.match(await refusal(), { code: 'OVERLAY_LINK_SESSION', by: 'self' })
  await nothingLeft(good)
})

t.test('a listener that hands out tickets gets a full handshake each time', async (t) => {
  const reused: boolean[] = []
  const server = createServer({ ...tlsOptions(bad), requestCert: true, ALPNProtocols: ['dadm-mesh/1'] }, (socket) => {
    socket.on('error', () => undefined)
    reused.push(socket.isSessionReused())
    socket.on('data', () => socket.destroy())
    socket.write('no admission frame')
  })
  const listener = await listenRaw((socket) => void server.emit('connection', socket))
  for (const _ of [1, 2])
    await t.rejects(good.libp2p.dial(listener.address), { message: /^OVERLAY_LINK_FRAME_TOO_LARGE: / })
  t.same(reused, [false, false])
  await listener.close()
  await nothingLeft(good)
})

for (const [what, bytes] of Object.entries({
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  'zero bytes': Buffer.alloc(100),
  'a hello that ends inside': Buffer.from('1603010005010000010000', 'hex'),
  'application data first': Buffer.from('1703030005aabbccddee', 'hex'),
  noise: Buffer.from('f00dfeedbeefcafe'.repeat(64), 'hex'),
})) {
  t.test(`a dialler that sends ${what} is refused`, async (t) => {
    const socket = await dialRaw(good)
    socket.write(bytes)
    t.match(await refusal(), { code: 'OVERLAY_LINK_GARBAGE', by: 'self', direction: 'inbound' })
    await nothingLeft(good)
    t.ok(socket.destroyed)
  })
}

t.test('a silent dialler, and one that drips bytes, are ended at the deadline', async (t) => {
  const silent = await dialRaw(good)
  const dripping = await dialRaw(good)
  for (const byte of [0x16, 0x03, 0x01, 0x06, 0x00, 0x01]) {
    dripping.write(Uint8Array.of(byte))
    await good.clock.advance(500)
  }
  t.same(good.refusals, [], 'three seconds are allowed')
  await good.clock.advance(1000)
  await until(() => good.refusals.length === 2, 'both are ended')
  for (const refused of good.refusals) t.match(refused, { code: 'OVERLAY_LINK_TIMEOUT', by: 'self' })
  await nothingLeft(good)
  t.ok(silent.destroyed && dripping.destroyed)
})

t.test('a dialler that hangs up during the handshake leaves nothing', async (t) => {
  const socket = await dialRaw(good)
  socket.end()
  t.match(await refusal(), { code: 'OVERLAY_LINK_CLOSED' })
  await nothingLeft(good)
})

t.test('a node that stops while a peer is silent leaves nothing', async (t) => {
  await mesh.addNode({ nodeId: 'stopping' })
  const stopping = await startNode(mesh, 'stopping')
  await dialRaw(stopping)
  await stopping.libp2p.stop()
  await until(() => stopping.refusals.length === 1, 'given up')
  t.match(stopping.refusals, [{ by: 'self' }])
  await nothingLeft(stopping)
})

for (const { what, changes } of DIALLERS) {
  t.test(`a listener with ${what} refuses this node by an alert`, async (t) => {
    const parties = { dialler: good.self, listener: bad }
    const listener = await listenRaw(
      (raw) => void acceptTls(raw, parties, changes as TlsOptions).catch(() => undefined),
    )
    const error = await good.libp2p.dial(listener.address).catch((error) => error)
    t.same(linkFailure(error), { code: 'OVERLAY_LINK_TLS_ALERT', by: 'self' })
    t.match(await refusal(), { code: 'OVERLAY_LINK_TLS_ALERT', direction: 'outbound' })
    await listener.close()
    await nothingLeft(good)
  })
}

/** A ServerHello that answers the ClientHello in `record` (RFC 8446 §4.1.3) with what the client never offered. */
function serverHello(record: Uint8Array, chosen: { cipher: string; extensions: string }): Uint8Array {
  const sessionId = record.subarray(43, 44 + (record[43] ?? 0))
  const extensions = fromHex(chosen.extensions)
  const body = concatBytes(
    fromHex('0303'),
    new Uint8Array(32).fill(7),
    sessionId,
    fromHex(chosen.cipher),
    Uint8Array.of(0),
    uintBytes(extensions.length, 2),
    extensions,
  )
  const message = concatBytes(Uint8Array.of(2), uintBytes(body.length, 3), body)
  return concatBytes(fromHex('160303'), uintBytes(message.length, 2), message)
}

const TLS13 = '002b00020304'
const X25519_SHARE = `00330024001d0020${'09'.repeat(32)}`

const LISTENERS: { what: string; answer: (hello: Uint8Array) => Uint8Array; code: string }[] = [
  {
    what: 'chooses TLS 1.2',
    answer: (hello) => serverHello(hello, { cipher: 'c02c', extensions: '' }),
    code: 'OVERLAY_LINK_TLS_VERSION',
  },
  {
    what: 'chooses AES-128',
    answer: (hello) => serverHello(hello, { cipher: '1301', extensions: TLS13 + X25519_SHARE }),
    code: 'OVERLAY_LINK_CIPHER',
  },
  {
    what: 'chooses X25519',
    answer: (hello) => serverHello(hello, { cipher: '1302', extensions: TLS13 + X25519_SHARE }),
    code: 'OVERLAY_LINK_GROUP',
  },
  {
    what: 'answers in HTTP',
    answer: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    code: 'OVERLAY_LINK_GARBAGE',
  },
  { what: 'answers with zeros', answer: () => new Uint8Array(64), code: 'OVERLAY_LINK_GARBAGE' },
]

for (const { what, answer, code } of LISTENERS) {
  t.test(`a listener that ${what} is refused`, async (t) => {
    const listener = await listenRaw((raw: Socket) => {
      raw.once('data', (hello) => raw.write(answer(new Uint8Array(hello as Buffer))))
    })
    const error = await good.libp2p.dial(listener.address).catch((error) => error)
    t.same(linkFailure(error), { code, by: 'self' })
    t.match(await refusal(), { code, by: 'self', direction: 'outbound' })
    await listener.close()
    await nothingLeft(good)
  })
}

t.test('a silent listener is ended at the deadline', async (t) => {
  const listener = await listenRaw((raw) => raw.resume())
  const dial = good.libp2p.dial(listener.address).catch((error) => error)
  await until(() => good.clock.pendingTimers === 1, 'the handshake has begun')
  await good.clock.advance(4000)
  t.same(linkFailure(await dial), { code: 'OVERLAY_LINK_TIMEOUT', by: 'self' })
  await listener.close()
  await nothingLeft(good)
})

t.test('a dial that is given up leaves nothing', async (t) => {
  const listener = await listenRaw((raw) => raw.resume())
  const giveUp = new AbortController()
  const dial = good.libp2p.dial(listener.address, { signal: giveUp.signal }).catch((error) => error)
  await until(() => good.clock.pendingTimers === 1, 'the handshake has begun')
  giveUp.abort()
  t.ok((await dial) instanceof Error)
  t.match(await refusal(), { code: 'OVERLAY_LINK_ABORTED', by: 'self' })
  await listener.close()
  await nothingLeft(good)
})
