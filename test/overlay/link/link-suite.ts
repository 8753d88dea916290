/** What two nodes with the real link may do to each other; every transport runs it. */
import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, REFUSAL_LINGER_MS } from '../../../overlay/limits.ts'
import { linkFailure } from '../../../overlay/link/index.ts'
import type { PeerGate } from '../../../overlay/ports.ts'
import { PATH_ERRORS } from '../../../records/path/index.ts'
import { type Flaw, makeTestMesh } from '../../helpers/pki.ts'
import type { LinkKit } from './kits.ts'
import { gateOf, nothingLeft, openSockets, until } from './support.ts'

export async function linkSuite(kit: LinkKit): Promise<void> {
  const mesh = await makeTestMesh({ nodes: ['alpha', 'bravo', 'charlie'] })
  const alpha = await kit.start(mesh, 'alpha', { options: { features: ['sync/1'], policyVersion: 7 } })
  const bravo = await kit.start(mesh, 'bravo')
  t.teardown(() => Promise.all([alpha.libp2p.stop(), bravo.libp2p.stop()]))

  await bravo.libp2p.handle('/echo/1', (stream) => {
    stream.addEventListener('message', ({ data }) => void stream.send(data))
  })

  t.test('two good nodes connect, know each other and exchange bytes both ways', async (t) => {
    const connection = await alpha.libp2p.dial(bravo.address)
    const link = kit.facts
    await until(() => bravo.admissions.length === 1, 'the listener reports too')
    t.match(alpha.admissions, [{ path: { nodeId: 'bravo' }, link: { ...link, policyVersion: 0, features: '' } }])
    t.match(bravo.admissions, [{ path: { nodeId: 'alpha' }, link: { ...link, policyVersion: 7, features: 'sync/1' } }])
    t.ok(alpha.admissions[0]?.peerId.equals(bravo.libp2p.peerId))
    t.ok(bravo.admissions[0]?.peerId.equals(alpha.libp2p.peerId))

    const stream = await connection.newStream('/echo/1')
    const sent = Buffer.alloc(1_000_000, 'gapmesh ')
    const echoed: Uint8Array[] = []
    stream.addEventListener('message', ({ data }) => void echoed.push(data.subarray()))
    for (let at = 0; at < sent.length; at += 50_000) {
      if (!stream.send(sent.subarray(at, at + 50_000))) await stream.onDrain()
    }
    const length = () => echoed.reduce((sum, bytes) => sum + bytes.length, 0)
    await until(() => length() === sent.length, 'everything came back')
    t.ok(Buffer.concat(echoed).equals(sent))
    if (kit.transport === 'tcp') t.equal(openSockets(), 2, 'one connection, both ends in this process')

    await connection.close()
    await nothingLeft(alpha, bravo)
    t.same([...alpha.refusals, ...bravo.refusals], [])
  })

  t.test('a node without the PeerId in the address connects as well', async (t) => {
    const [bare = ''] = bravo.address.toString().split('/p2p/')
    const { multiaddr } = await import('@multiformats/multiaddr')
    const connection = await alpha.libp2p.dial(multiaddr(bare))
    t.ok(connection.remotePeer.equals(bravo.libp2p.peerId))
    await until(() => bravo.admissions.length === 2, 'the listener is done as well')
    await connection.close()
    await nothingLeft(alpha, bravo)
  })

  const FLAWS: Record<Flaw, string> = {
    'other-root': 'OVERLAY_LINK_OTHER_ROOT',
    'self-signed': 'OVERLAY_LINK_SELF_SIGNED',
    expired: 'RECORDS_PATH_EXPIRED',
    'not-yet-valid': 'RECORDS_PATH_NOT_YET_VALID',
    'no-peer-id': 'RECORDS_PATH_OVERLAY_KEY',
    'other-peer-id': 'OVERLAY_LINK_PEER_ID',
  }

  for (const [flaw, code] of Object.entries(FLAWS)) {
    t.test(`a certificate that is ${flaw} is refused in both roles, and its owner learns why`, async (t) => {
      await mesh.addNode({ nodeId: `bad-${flaw}`, flaw: flaw as Flaw })
      const bad = await kit.start(mesh, `bad-${flaw}`)
      t.teardown(() => bad.libp2p.stop())

      const asListener = await alpha.libp2p.dial(bad.address).catch((error) => error)
      t.same(linkFailure(asListener), { code, by: 'self' }, 'the code survives libp2p')
      await until(() => bad.refusals.length === 1, 'the listener is told')
      t.match(alpha.refusals.splice(0), [{ code, by: 'self', direction: 'outbound' }])
      t.match(bad.refusals.splice(0), [{ code, by: 'peer', direction: 'inbound' }])
      await nothingLeft(alpha, bad)

      if (flaw === 'other-peer-id' && kit.transport === 'tcp') return
      const asDialler = await bad.libp2p.dial(bravo.address).catch((error) => error)
      t.same(linkFailure(asDialler), { code, by: 'peer' }, 'the dialler is told')
      t.match(bravo.refusals.splice(0), [{ code, by: 'self', direction: 'inbound', remoteAddress: /127\.0\.0\.1/ }])
      t.match(bad.refusals.splice(0), [{ code, by: 'peer', direction: 'outbound' }])
      await nothingLeft(bravo, bad)
    })
  }

  t.test('a node that lies about its PeerId is known to its listener by its certificate only', async (t) => {
    if (kit.transport === 'quic') return t.pass('QUIC has proven another PeerId: it is refused, see above')
    const bad = await kit.start(mesh, 'bad-other-peer-id')
    t.teardown(() => bad.libp2p.stop())
    const connection = await bad.libp2p.dial(bravo.address)
    const admission = bravo.admissions.at(-1)
    t.notOk(admission?.peerId.equals(bad.libp2p.peerId))
    t.equal(admission?.path.nodeId, 'bad-other-peer-id')
    await connection.close()
    await nothingLeft(bravo, bad)
  })

  t.test('a revoked node is refused in both roles and told why', async (t) => {
    const revoked = { judge: async () => Promise.reject(PATH_ERRORS.create('RECORDS_PATH_REVOKED')) }
    const charlie = await kit.start(mesh, 'charlie', { gate: revoked })
    t.teardown(() => charlie.libp2p.stop())
    const asDialler = await alpha.libp2p.dial(charlie.address).catch((error) => error)
    t.same(linkFailure(asDialler), { code: 'RECORDS_PATH_REVOKED', by: 'peer' })
    const asListener = await charlie.libp2p.dial(alpha.address).catch((error) => error)
    t.same(linkFailure(asListener), { code: 'RECORDS_PATH_REVOKED', by: 'self' })
    await until(() => alpha.refusals.length === 2, 'told twice')
    t.match(alpha.refusals.splice(0), [{ by: 'peer' }, { by: 'peer', code: 'RECORDS_PATH_REVOKED' }])
    await nothingLeft(alpha, charlie)
  })

  t.test('until admission succeeds no protocol opens in either direction, identify included', async (t) => {
    for (const nodeId of ['patient', 'eager']) await mesh.addNode({ nodeId })
    const { promise: verdict, resolve: decide } = Promise.withResolvers<void>()
    const clock = new SimulatedClock(mesh.nowMs)
    const judge: PeerGate['judge'] = async (chain) => {
      await verdict
      return gateOf(mesh, clock).judge(chain)
    }
    const patient = await kit.start(mesh, 'patient', { identify: true, gate: { judge } })
    const eager = await kit.start(mesh, 'eager', { identify: true })
    t.teardown(() => Promise.all([patient.libp2p.stop(), eager.libp2p.stop()]))
    const opened: string[] = []
    for (const { self, libp2p } of [patient, eager]) {
      libp2p.addEventListener('connection:open', () => void opened.push(self.nodeId))
      libp2p.addEventListener('peer:identify', () => void opened.push(`${self.nodeId} identified`))
    }
    const dial = eager.libp2p.dial(patient.address)
    await new Promise((resolve) => setTimeout(resolve, 300))
    t.same(opened, [], 'neither side has a connection')
    t.same([...patient.libp2p.getConnections(), ...eager.libp2p.getConnections()], [])
    decide()
    await dial
    await until(() => opened.length === 4, 'identify runs both ways')
    t.same(opened.sort(), ['eager', 'eager identified', 'patient', 'patient identified'])
  })

  t.test('a silent listener is ended at the deadline, and so is a dial that is given up', async (t) => {
    const parties = { dialler: alpha.self, listener: mesh.node('charlie') }
    const listener = await kit.listen(parties, async () => undefined)
    const silent = alpha.libp2p.dial(listener.address).catch((error) => error)
    await until(() => alpha.clock.pendingTimers === 1, 'the handshake has begun')
    await alpha.clock.advance(DEFAULT_HANDSHAKE_TIMEOUT_MS - 1)
    t.same(alpha.refusals, [], 'five seconds are allowed')
    await alpha.clock.advance(1)
    await until(() => alpha.refusals.length === 1, 'given up')
    await alpha.clock.advance(REFUSAL_LINGER_MS)
    t.same(linkFailure(await silent), { code: 'OVERLAY_LINK_TIMEOUT', by: 'self' })
    const giveUp = new AbortController()
    const dial = alpha.libp2p.dial(listener.address, { signal: giveUp.signal }).catch((error) => error)
    await until(() => alpha.clock.pendingTimers === 1, 'the handshake has begun')
    giveUp.abort()
    t.ok((await dial) instanceof Error)
    await until(() => alpha.refusals.length === 2, 'given up')
    t.match(alpha.refusals.splice(0), [{ code: 'OVERLAY_LINK_TIMEOUT' }, { code: 'OVERLAY_LINK_ABORTED', by: 'self' }])
    await listener.close()
    await nothingLeft(alpha)
  })

  t.test('a gate that fails for its own reasons tells nothing of them', async (t) => {
    const gate = { judge: () => Promise.reject(new Error('disk of the registry is full')) }
    const charlie = await kit.start(mesh, 'charlie', { gate })
    t.teardown(() => charlie.libp2p.stop())
    const error = await alpha.libp2p.dial(charlie.address).catch((error) => error)
    t.same(linkFailure(error), { code: 'OVERLAY_LINK_UNJUDGED', by: 'peer' })
    t.match(charlie.refusals, [{ code: 'OVERLAY_LINK_UNJUDGED', by: 'self' }])
    alpha.refusals.splice(0)
    await nothingLeft(alpha, charlie)
  })

  t.test('a path of another mesh is refused even if the gate let it pass', async (t) => {
    const other = await makeTestMesh({ mesh: 'other-mesh', nodes: ['alpha'] })
    const gate = { judge: async () => ({ ...alpha.admissions[0]!.path, mesh: other.mesh }) }
    const charlie = await kit.start(mesh, 'charlie', { gate })
    t.teardown(() => charlie.libp2p.stop())
    await t.rejects(charlie.libp2p.dial(bravo.address), { message: /^OVERLAY_LINK_MESH: / })
    await nothingLeft(bravo, charlie)
    bravo.refusals.splice(0)
  })

  t.test('a path without a usable overlay key is refused even if the gate let it pass', async (t) => {
    for (const overlayPublicKey of [undefined, new Uint8Array([8, 1, 18, 1, 0])]) {
      const path = { ...alpha.admissions[0]!.path, overlayPublicKey }
      const charlie = await kit.start(mesh, 'charlie', { gate: { judge: async () => path } })
      await t.rejects(charlie.libp2p.dial(bravo.address), { message: /^OVERLAY_LINK_NO_PEER_ID: / })
      await nothingLeft(bravo, charlie)
      await charlie.libp2p.stop()
    }
    bravo.refusals.splice(0)
  })

  t.test('an issuing CA between root and leaf; a renewed certificate counts from the next connection on', async (t) => {
    const issuer = await mesh.makeIssuingCa()
    await mesh.addNode({ nodeId: 'delta', issuer })
    const node = await kit.start(mesh, 'delta')
    t.teardown(() => node.libp2p.stop())
    bravo.admissions.splice(0)
    const first = await node.libp2p.dial(bravo.address)
    await until(() => bravo.admissions.length === 1, 'admitted')
    t.equal(bravo.admissions.at(-1)?.path.chain.length, 3)
    const { deviceKey, overlayKey } = node.self
    const renewed = await mesh.addNode({ nodeId: 'delta', issuer, deviceKey, overlayKey })
    node.link.renew({ chainDer: renewed.chain, identityKey: renewed.identityKey })
    t.equal(first.status, 'open')
    await first.close()
    const second = await node.libp2p.dial(bravo.address)
    t.same(second.status, 'open')
    await until(() => bravo.admissions.length === 2, 'admitted again')
    t.same(bravo.admissions.at(-1)?.path.leaf.fingerprint, renewed.certificate.fingerprint)
  })

  t.test('wrong options are a programming mistake', async (t) => {
    const wrong = (options: Record<string, unknown>) => kit.start(mesh, 'alpha', { options })
    await t.rejects(wrong({ levle: 'level3' }), TypeError)
    await t.rejects(wrong({ level: 'level1' }), TypeError)
    await t.rejects(wrong({ mesh: 'Not A Label' }), TypeError)
    await t.rejects(wrong({ chainDer: [] }), TypeError)
    await t.rejects(wrong({ features: ['b', 'a'] }), TypeError)
    await t.rejects(wrong({ handshakeTimeoutMs: 0 }), TypeError)
  })
}
