import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import {
  createOverlay,
  MeshQuic,
  MeshTls,
  type Overlay,
  type OverlayOptions,
  type Refusal,
} from '../../overlay/index.ts'
import { noRevocations, parseChain, validatePath } from '../../records/path/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { MemoryChains, MemoryRecords, makeRecord, until } from './harness.ts'
import { dialQuic } from './link/kits.ts'

const QUIC = '/ip4/127.0.0.1/udp/0/quic-v1'
const TCP = '/ip4/127.0.0.1/tcp/0'
const mesh = await makeTestMesh({ nodes: ['one', 'two', { nodeId: 'stranger', flaw: 'other-root' }] })

interface Node {
  readonly overlay: Overlay
  readonly records: MemoryRecords
  readonly refusals: Refusal[]
}

type Scene = { teardown(action: () => Promise<void>): void }

/** A node with both links; QUIC is on unless `changes` say otherwise. */
async function startNode(test: Scene, nodeId: string, changes: Partial<OverlayOptions> = {}): Promise<Node> {
  const self = mesh.node(nodeId)
  const shared = { clock: systemClock(), random: systemRandom(), logger: silentLogger() }
  const gate = {
    judge: (chain: readonly Uint8Array[]) =>
      validatePath(
        { chain: parseChain(chain), atMs: shared.clock.now(), revocations: noRevocations(), policy: mesh.policy() },
        { provider: mesh.provider },
      ),
  }
  const { identityKey, deviceKey } = self
  const link = { mesh: mesh.mesh, rootDer: mesh.root.certificate.der, chainDer: self.chain, identityKey, deviceKey }
  const records = new MemoryRecords()
  const overlay = await createOverlay(
    { mesh: mesh.mesh, privateKey: privateKeyFromRaw(self.overlayRawKey), listen: [QUIC], quic: true, ...changes },
    {
      ...shared,
      records,
      chains: new MemoryChains(),
      encrypter: (sink) => new MeshTls(link, { ...shared, gate, provider: mesh.provider, sink }),
      quic: (sink) => new MeshQuic(link, { ...shared, gate, provider: mesh.provider, sink }),
    },
  )
  const refusals: Refusal[] = []
  overlay.on('refused', (refusal) => refusals.push(refusal))
  await overlay.start()
  test.teardown(() => overlay.stop())
  return { overlay, records, refusals }
}

t.test('over QUIC alone: gossip, catch-up, and a link that says it is classical', async (t) => {
  const one = await startNode(t, 'one')
  const held = makeRecord('from before', Date.now())
  one.records.keep(held)
  const two = await startNode(t, 'two', { bootstrap: one.overlay.addresses() })
  await until(() => two.records.held.size === 1, 'catch-up brings what was there')
  await until(() => one.overlay.state().inGossip === 1 && two.overlay.state().inGossip === 1, 'gossip stands')
  for (let count = 0; count < 50; count += 1) {
    const record = makeRecord(`live ${count}`, Date.now())
    two.records.keep(record)
    await two.overlay.publish(record, 'anomaly')
  }
  await until(() => one.records.held.size === 51, 'gossip brings the rest')
  for (const { overlay } of [one, two]) {
    t.match(overlay.peers(), [{ address: /quic-v1/, link: { class: 'classical', protocol: 'QUICv1' } }])
  }
  const [peer] = one.overlay.peers()
  await one.overlay.disconnect(peer?.nodeId ?? '')
  await until(() => one.overlay.peers().length === 0, 'disconnected')
})

t.test('a node that listens on both is dialled over TCP, which is post-quantum', async (t) => {
  const one = await startNode(t, 'one', { listen: [QUIC, TCP] })
  const two = await startNode(t, 'two', { bootstrap: one.overlay.addresses() })
  await until(() => two.overlay.peers().length === 1, 'connected')
  t.match(two.overlay.peers(), [{ address: /tcp/, link: { class: 'post-quantum' } }])
})

t.test('a stranger on QUIC is refused, told, and never a peer', async (t) => {
  const one = await startNode(t, 'one')
  const stranger = await startNode(t, 'stranger', { bootstrap: one.overlay.addresses() })
  await until(() => stranger.refusals.length > 0 && one.refusals.length > 0, 'both know')
  t.match(one.refusals[0], { code: 'OVERLAY_LINK_OTHER_ROOT', by: 'self', direction: 'inbound' })
  t.match(stranger.refusals[0], { code: 'OVERLAY_LINK_OTHER_ROOT', by: 'peer', direction: 'outbound' })
  t.same([one.overlay.peers(), stranger.overlay.peers()], [[], []])
})

t.test('QUIC is off unless it is turned on', async (t) => {
  await t.rejects(
    startNode(t, 'one', { quic: false }),
    TypeError,
    'an address to listen on is not passed over silently',
  )
  const one = await startNode(t, 'one')
  const two = await startNode(t, 'two', { quic: false, listen: [], bootstrap: one.overlay.addresses() })
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.same(two.overlay.peers(), [], 'a QUIC address is not dialled')
  const dependencies = { clock: systemClock(), random: systemRandom(), logger: silentLogger() }
  const options = { mesh: mesh.mesh, privateKey: new Uint8Array(32), quic: true }
  await t.rejects(createOverlay(options, { ...dependencies } as never), TypeError, 'on, and no link for it')
})

t.test('connections on QUIC that say nothing keep nobody out, and are cut', async (t) => {
  const one = await startNode(t, 'one')
  const [address = ''] = one.overlay.addresses()
  const silent = await Promise.all(
    Array.from({ length: 40 }, () => dialQuic(multiaddr(address.split('/p2p/')[0]), mesh.node('stranger'))),
  )
  await startNode(t, 'two', { bootstrap: [address], redial: { baseMs: 100, maxMs: 400 } })
  await until(() => one.overlay.peers().length === 1, 'a member gets in')
  await Promise.all(silent.map(({ closed }) => closed))
  t.equal(one.overlay.peers().length, 1, 'all that is left')
})
