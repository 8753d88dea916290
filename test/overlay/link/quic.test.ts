import { createSocket } from 'node:dgram'
import { quic } from '@chainsafe/libp2p-quic'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import t from 'tap'
import { utf8 } from '../../../core/index.ts'
import { MAX_ADMISSION_CHAIN_BYTES, MAX_CHAIN_CERTIFICATES } from '../../../overlay/limits.ts'
import { linkFailure } from '../../../overlay/link/index.ts'
import { MeshQuic } from '../../../overlay/link/quic/index.ts'
import { QuicDuplex } from '../../../overlay/link/quic/quic-duplex.ts'
import { rawConnectionOf } from '../../../overlay/link/quic/raw-connection.ts'
import { type Statement, signStatement } from '../../../overlay/link/statement.ts'
import { externalAad } from '../../../records/index.ts'
import { makeTestMesh, type TestNode } from '../../helpers/pki.ts'
import { dialQuic, firstDatagram, listenQuic, QUIC_KIT, quicPeer } from './kits.ts'
import { nothingLeft, type RawPeer, until } from './support.ts'

const mesh = await makeTestMesh({ nodes: ['good', 'bad', 'victim'] })
const good = await QUIC_KIT.start(mesh, 'good', { identify: true })
const bad = mesh.node('bad')
const aadItem = externalAad(mesh.mesh, mesh.root.certificate.fingerprint)
t.teardown(() => good.libp2p.stop())
t.beforeEach(() => void good.refusals.splice(0))

const MULTISTREAM = utf8('\x13/multistream/1.0.0\n')

/** Opens a further stream and asks for a protocol on it. */
async function askForProtocol(peer: { open(): Promise<QuicDuplex> }): Promise<{ answered: () => number }> {
  const stream = await peer.open()
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  stream.write(Buffer.concat([MULTISTREAM, utf8('\x0f/ipfs/id/1.0.0\n')]))
  return { answered: () => bytes }
}

async function dialWithStreams(self: TestNode): Promise<RawPeer & { open(): Promise<QuicDuplex> }> {
  const connection = await dialQuic(good.address, self)
  const parties = { role: 'dialler' as const, dialler: self, listener: good.self }
  const peer = quicPeer(await connection.raw.outboundStream(), connection, parties)
  return { ...peer, open: async () => new QuicDuplex(await connection.raw.outboundStream()) }
}

/** All of an admission up to the last frame. */
async function almostAdmitted(peer: RawPeer): Promise<void> {
  peer.channel.send({ type: 'certificates', chain: bad.chain.slice(0, -1) })
  await peer.channel.expect('certificates')
  const diallerNonce = new Uint8Array(32).fill(9)
  peer.channel.send({ type: 'hello', nonce: diallerNonce })
  const { nonce: listenerNonce } = await peer.channel.expect('hello')
  const statement: Statement = { ...peer.facts, diallerNonce, listenerNonce }
  peer.channel.send({
    type: 'statement',
    sign: await signStatement(statement, { keys: [bad.identityKey, bad.deviceKey], aadItem }),
  })
  await peer.channel.expect('statement')
}

t.test('streams opened before admission wait, and are served after it', async (t) => {
  const peer = await dialWithStreams(bad)
  await almostAdmitted(peer)
  const early = await askForProtocol(peer)
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(early.answered(), 0, 'nobody answers before the last frame')
  t.same(good.libp2p.getConnections(), [])
  peer.channel.send({ type: 'admitted' })
  await until(() => early.answered() > MULTISTREAM.length, 'identify answers')
  peer.hangUp()
  await nothingLeft(good)
})

t.test('streams opened before a refusal are never served', async (t) => {
  const peer = await dialWithStreams(bad)
  peer.channel.send({ type: 'certificates', chain: mesh.node('victim').chain.slice(0, -1) })
  const early = await askForProtocol(peer)
  t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_PEER_ID' })
  peer.hangUp()
  await nothingLeft(good)
  t.equal(early.answered(), 0)
  t.match(good.refusals, [{ code: 'OVERLAY_LINK_PEER_ID', nodeId: 'victim', direction: 'inbound' }])
})

t.test('streams that the dialled side opens before admission are not served either', async (t) => {
  const asked = Promise.withResolvers<{ answered: () => number; peer: RawPeer }>()
  const listener = await listenQuic(bad, async (inward) => {
    const early = await askForProtocol({ open: async () => new QuicDuplex(await inward.raw.outboundStream()) })
    const parties = { role: 'listener' as const, dialler: good.self, listener: bad }
    const peer = quicPeer(await inward.raw.inboundStream(), inward, parties)
    await peer.channel.expect('certificates')
    asked.resolve({ ...early, peer })
  })
  const dial = good.libp2p.dial(listener.address).catch((error) => error)
  const { answered, peer } = await asked.promise
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(answered(), 0, 'the dialler knows nothing of the listener yet')
  t.same(good.libp2p.getConnections(), [])
  peer.channel.send({ type: 'certificates', chain: mesh.node('victim').chain.slice(0, -1) })
  t.match(await peer.channel.expect('hello').catch((error) => error.metadata), { code: 'OVERLAY_LINK_PEER_ID' })
  peer.hangUp()
  t.same(linkFailure(await dial), { code: 'OVERLAY_LINK_PEER_ID', by: 'self' })
  t.equal(answered(), 0, 'and never')
  await listener.close()
  await nothingLeft(good)
})

t.test('a peer that hangs up right behind its last frame leaves nothing', async (t) => {
  for (let times = 10; times > 0; times -= 1) {
    const peer = await dialWithStreams(bad)
    await almostAdmitted(peer)
    peer.channel.send({ type: 'admitted' })
    peer.hangUp()
    await peer.closed
  }
  await nothingLeft(good)
  const before = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 250_000, 'nothing spins')
})

const CHAINS: { what: string; chain: readonly Uint8Array[]; code: string }[] = [
  { what: 'noise', chain: [utf8('no certificate')], code: 'OVERLAY_LINK_FRAME' },
  {
    what: 'a certificate with a byte behind it',
    chain: [Buffer.concat([bad.chain[0]!, utf8('x')])],
    code: 'OVERLAY_LINK_FRAME',
  },
  { what: 'a certificate in PEM', chain: [utf8(bad.chainPem)], code: 'OVERLAY_LINK_FRAME' },
]

for (const { what, chain, code } of CHAINS) {
  t.test(`a chain of ${what} is refused and told`, async (t) => {
    const peer = await dialWithStreams(bad)
    peer.channel.send({ type: 'certificates', chain })
    t.match(await peer.channel.expect('refused'), { code })
    peer.hangUp()
    await nothingLeft(good)
  })
}

t.test('chains above the caps are refused before they are read', async (t) => {
  const long = await dialWithStreams(bad)
  long.stream.write(Uint8Array.of((MAX_ADMISSION_CHAIN_BYTES + 1) >> 8, (MAX_ADMISSION_CHAIN_BYTES + 1) & 0xff))
  t.match(await long.channel.expect('refused'), { code: 'OVERLAY_LINK_FRAME_TOO_LARGE' })
  const many = await dialWithStreams(bad)
  many.channel.send({
    type: 'certificates',
    chain: Array.from({ length: MAX_CHAIN_CERTIFICATES + 1 }, () => utf8('x')),
  })
  t.match(await many.channel.expect('refused'), { code: 'OVERLAY_LINK_FRAME' })
  long.hangUp()
  many.hangUp()
  await nothingLeft(good)
})

t.test('a stranger learns no certificate: it must show one first that names its own PeerId', async (t) => {
  const stranger = await dialWithStreams(bad)
  await good.clock.advance(4_999)
  t.equal(stranger.stream.readableLength, 0)
  await until(() => good.clock.pendingTimers > 0, 'the listener waits')
  await good.clock.advance(5_000)
  await stranger.closed
  t.match(good.refusals, [{ code: 'OVERLAY_LINK_TIMEOUT', by: 'self' }])
  await nothingLeft(good)
})

t.test("a thief of the listener's overlay key cannot relay between dialler and listener", async (t) => {
  const victim = await QUIC_KIT.start(mesh, 'victim')
  t.teardown(() => victim.libp2p.stop())
  const listener = await listenQuic(good.self, async (inward) => {
    const outward = await dialQuic(good.address, bad)
    const [from, to] = [
      new QuicDuplex(await inward.raw.inboundStream()),
      new QuicDuplex(await outward.raw.outboundStream()),
    ]
    from.pipe(to).pipe(from)
    void outward.closed.then(() => inward.abort())
    void inward.closed.then(() => outward.abort())
  })
  const error = await victim.libp2p.dial(listener.address).catch((error) => error)
  t.same(
    linkFailure(error),
    { code: 'OVERLAY_LINK_PEER_ID', by: 'peer' },
    'the listener sees a PeerId that is not the one certified',
  )
  await listener.close()
  await nothingLeft(good, victim)
})

t.test('half-open handshakes do not hold up the others', async (t) => {
  const initial = await firstDatagram(bad)
  const aside = await QUIC_KIT.start(mesh, 'bad')
  t.teardown(() => aside.libp2p.stop())
  const [, port] = /udp\/(\d+)/.exec(String(good.address)) ?? []
  for (let times = 20; times > 0; times -= 1) {
    const silent = createSocket('udp4')
    silent.send(initial, Number(port), '127.0.0.1', () => silent.close())
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  const connection = await aside.libp2p.dial(good.address, { signal: AbortSignal.timeout(2_000) })
  t.equal(connection.status, 'open')
})

t.test('why not the upgraded-connection gate: streams that come while it waits are lost', async (t) => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const bare = (changes: Libp2pOptions) => createLibp2p({ transports: [quic()], ...changes })
  const late = await bare({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    privateKey: privateKeyFromRaw(good.self.overlayRawKey),
    connectionGater: {
      denyInboundUpgradedConnection: async () => {
        await released
        return false
      },
    },
  })
  const early = await bare({})
  t.teardown(() => Promise.all([late.stop(), early.stop()]))
  await late.handle('/echo/1', (stream) => void stream.close())
  const connection = await early.dial(late.getMultiaddrs())
  const lost = connection.newStream('/echo/1', { signal: AbortSignal.timeout(1_500) })
  setTimeout(release, 300)
  await t.rejects(lost, 'opened while the gate waited: nobody ever answers')
  t.ok(await connection.newStream('/echo/1'), 'opened afterwards: served')
})

t.test('a library that hides its connection is noticed; options are checked as on TCP', async (t) => {
  t.throws(() => rawConnectionOf(undefined), TypeError)
  t.throws(() => rawConnectionOf({ protocol: 'quic', createStreamMuxer: () => t.fail() as never }), TypeError)
  t.throws(() => new MeshQuic({ mesh: 'no label!' } as never, {} as never), TypeError)
})
