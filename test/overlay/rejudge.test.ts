/** Peers whose certificate is revoked, or whose verdict changes, while they are connected. */
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import {
  createOverlay,
  MeshQuic,
  MeshTls,
  type Opinion,
  type Overlay,
  type Refusal,
  type Verdict,
} from '../../overlay/index.ts'
import { parseChain, type RevocationView, validatePath } from '../../records/path/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { MemoryChains, MemoryRecords, makeRecord, startHost, startNode, until } from './harness.ts'

const mesh = await makeTestMesh({ nodes: ['one', 'two', 'three'] })

interface RealNode {
  readonly overlay: Overlay
  readonly records: MemoryRecords
  readonly refusals: Refusal[]
  revoke(nodeId: string): void
  opinion: Partial<Opinion>
}

type Scene = { teardown(action: () => Promise<void>): void }
const TCP = '/ip4/127.0.0.1/tcp/0'
const QUIC = '/ip4/127.0.0.1/udp/0/quic-v1'

/** A node with real links, whose gate knows revocations. */
async function startReal(
  test: Scene,
  nodeId: string,
  { listen = TCP, bootstrap = [] as string[] } = {},
): Promise<RealNode> {
  const self = mesh.node(nodeId)
  const shared = { clock: systemClock(), random: systemRandom(), logger: silentLogger() }
  const revoked = new Set<string>()
  const revocations: RevocationView = {
    find: ({ serialNumber }) =>
      revoked.has(serialNumber.join()) ? { revokedAtMs: shared.clock.now(), keyCompromise: true } : undefined,
  }
  const gate = {
    judge: async (chain: readonly Uint8Array[]) => {
      const input = { chain: parseChain(chain), atMs: shared.clock.now(), revocations, policy: mesh.policy() }
      return { ...(await validatePath(input, { provider: mesh.provider })), ...node.opinion }
    },
  }
  const { identityKey, deviceKey } = self
  const link = { mesh: mesh.mesh, rootDer: mesh.root.certificate.der, chainDer: self.chain, identityKey, deviceKey }
  const dependencies = { ...shared, gate, provider: mesh.provider }
  const records = new MemoryRecords()
  const overlay = await createOverlay(
    {
      mesh: mesh.mesh,
      privateKey: privateKeyFromRaw(self.overlayRawKey),
      listen: [listen],
      quic: listen === QUIC,
      redial: { baseMs: 100, maxMs: 500 },
      bootstrap,
    },
    {
      ...{ ...shared, records, chains: new MemoryChains(), gate },
      encrypter: (sink) => new MeshTls(link, { ...dependencies, sink }),
      quic: (sink) => new MeshQuic(link, { ...dependencies, sink }),
    },
  )
  const refusals: Refusal[] = []
  overlay.on('refused', (refusal) => refusals.push(refusal))
  await overlay.start()
  test.teardown(() => overlay.stop())
  const revoke = (id: string) => void revoked.add(mesh.node(id).certificate.serialNumber.join())
  const node: RealNode = { overlay, records, refusals, revoke, opinion: {} }
  return node
}

for (const [name, listen] of [
  ['TCP', TCP],
  ['QUIC', QUIC],
] as const) {
  t.test(`over ${name}, a revoked peer is gone at once, stays out, and is told why`, async (t) => {
    const one = await startReal(t, 'one', { listen })
    const bootstrap = [...one.overlay.addresses()]
    const two = await startReal(t, 'two', { listen, bootstrap })
    const three = await startReal(t, 'three', { listen, bootstrap })
    await until(() => one.overlay.state().inGossip === 2, 'all are in')
    await one.overlay.rejudge()
    t.equal(one.overlay.peers().length, 2, 'nothing has changed')
    one.revoke('two')
    const began = performance.now()
    await one.overlay.rejudge()
    t.same(
      one.overlay.peers().map(({ nodeId }) => nodeId),
      ['three'],
    )
    await until(() => two.overlay.peers().every(({ nodeId }) => nodeId !== 'one'), 'the other side knows')
    t.ok(performance.now() - began < 1_000)
    await until(() => one.refusals.length > 0 && two.refusals.length > 0, 'it came back, and was refused')
    t.match(one.refusals[0], { code: 'RECORDS_PATH_REVOKED', by: 'self' })
    t.match(two.refusals[0], { code: 'RECORDS_PATH_REVOKED', by: 'peer' })
    const record = makeRecord('from three', Date.now())
    three.records.keep(record)
    await three.overlay.publish(record, 'anomaly')
    await until(() => one.records.held.size === 1, 'the others go on')
  })
}

t.test('an untrusted peer is refused at admission, and told so', async (t) => {
  const one = await startReal(t, 'one')
  one.opinion = { verdict: 'untrusted', reasons: ['it runs what it should not'] }
  const two = await startReal(t, 'two', { bootstrap: [...one.overlay.addresses()] })
  await until(() => two.refusals.length > 0, 'refused')
  t.match(two.refusals[0], { code: 'OVERLAY_LINK_UNTRUSTED', by: 'peer' })
  t.match(one.refusals[0], { code: 'OVERLAY_LINK_UNTRUSTED', nodeId: 'two' })
  one.opinion = { verdict: 'stale', reasons: ['its list is 40 days old'] }
  await until(() => one.overlay.peers().length === 1, 'let in')
  t.match(one.overlay.peers(), [
    {
      verdict: 'stale',
      reasons: ['its list is 40 days old'],
      capabilities: { receive: true, forward: true, publish: false, validate: false },
      lists: [],
    },
  ])
  one.opinion = {}
  await one.overlay.rejudge()
  t.match(one.overlay.peers(), [{ verdict: 'trusted', reasons: [], capabilities: { publish: true } }])
  one.opinion = { verdict: 'untrusted' }
  await one.overlay.rejudge()
  t.same(one.overlay.peers(), [])
})

t.test('of a peer that was sent away nothing is processed any more', async (t) => {
  const revoked = new Set<string>()
  const judge = (nodeId: string) => (revoked.has(nodeId) ? undefined : {})
  const a = await startNode(t, 'a', { judge, gossip: { concurrency: 1 } })
  // Slow enough for a queue.
  let judging = 0
  a.records.judge = async (): Promise<Verdict> => {
    judging += 1
    await new Promise((resolve) => setTimeout(resolve, 20))
    return 'accept'
  }
  const b = await startNode(t, 'b', { bootstrap: [a.address()], sync: { minGapMs: 60_000 } })
  const c = await startNode(t, 'c', { bootstrap: [a.address()], sync: { minGapMs: 60_000 } })
  await until(() => a.overlay.state().inGossip === 2, 'in gossip')
  const flood = async () => {
    for (let count = 0; count < 200; count += 1) {
      const record = makeRecord(`from b ${count}`, Date.now())
      b.records.keep(record)
      await b.overlay.publish(record, 'anomaly')
    }
  }
  await flood()
  await until(() => (a.overlay.state().queued.waiting[2] ?? 0) > 50, 'a queue')
  revoked.add('b')
  await a.overlay.rejudge()
  const seen = judging
  t.equal(a.overlay.state().queued.waiting[2], 0, 'the queue is empty')
  t.same(
    a.overlay.peers().map(({ nodeId }) => nodeId),
    ['c'],
  )
  await flood()
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.equal(judging, seen, 'nothing more was looked at')
  t.ok(c.records.held.size <= seen, 'nor passed on')
  t.equal(a.overlay.state().dialTargets, 0)
  revoked.clear()
  await until(() => a.overlay.peers().length === 2, 'the gate decides about its return')
})

t.test('a catch-up with a peer that was sent away ends there', async (t) => {
  const b = await startNode(t, 'b')
  for (let count = 0; count < 200; count += 1) b.records.keep(makeRecord(`b ${count}`, Date.now()))
  const records = new MemoryRecords()
  let judged = 0
  records.judge = async (): Promise<Verdict> => {
    judged += 1
    await new Promise((resolve) => setTimeout(resolve, 20))
    return 'accept'
  }
  const a = await startNode(t, 'a', { records, bootstrap: [b.address()], redial: { baseMs: 60_000, maxMs: 60_000 } })
  await until(() => judged > 20, 'the catch-up runs')
  await a.overlay.disconnect('b')
  const seen = judged
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.ok(seen < 100)
  t.equal(judged, seen, 'what came already is left alone')
})

t.test('of two connections the one with the revoked certificate is closed', async (t) => {
  let judged = 0
  const revoked = { on: false }
  const judge = () => {
    if (!revoked.on) return {}
    judged += 1
    return judged === 1 ? undefined : {}
  }
  const a = await startNode(t, 'a', { judge })
  const insider = await startHost(t, 'insider')
  const address = multiaddr(a.address())
  await insider.dial(address)
  await insider.dial(address, { force: true })
  const open = () => insider.getConnections().filter(({ status }) => status === 'open').length
  await until(() => open() === 2 && a.overlay.peers().length === 1, 'two connections')
  revoked.on = true
  await a.overlay.rejudge()
  await until(() => open() === 1, 'one is closed')
  t.equal(a.overlay.peers().length, 1)
  judged = 0
  await a.overlay.rejudge()
  await until(() => open() === 0, 'and then the other')
  t.equal(a.overlay.peers().length, 0)
})

t.test("the gate's own trouble sends nobody away", async (t) => {
  let isBroken = false
  const judge = () => {
    if (isBroken) throw new Error('the disk is full')
    return {}
  }
  const a = await startNode(t, 'a', { judge })
  await startNode(t, 'b', { bootstrap: [a.address()] })
  await until(() => a.overlay.peers().length === 1, 'connected')
  isBroken = true
  await a.overlay.rejudge()
  t.equal(a.overlay.peers().length, 1)
})
