/** What a peer may do, by the gate's verdict on it. */
import t from 'tap'
import { systemClock } from '../../core/index.ts'
import type { Opinion, PeerVerdict } from '../../overlay/index.ts'
import { PeerTable } from '../../overlay/peers.ts'
import { RecordFilter } from '../../overlay/record-filter.ts'
import { opinionOf, resolveCapabilities, standingOf } from '../../overlay/verdicts.ts'
import { encodeAnomalyBody, type RecordType, signRecord } from '../../records/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { anomaly } from '../records/scene.ts'
import { makeRecord, startNode, until } from './harness.ts'

const HOUR_MS = 3_600_000
const INBOUND = { direction: 'inbound', relayed: false } as const
const mesh = await makeTestMesh({ nowMs: systemClock().now() - HOUR_MS, nodes: ['stale', 'good'] })
let sequence = 0

/** A real record of `origin`: its author has to be read from it. */
async function sign(origin: 'stale' | 'good'): Promise<Uint8Array> {
  const { certificate, identityKey, deviceKey } = mesh.node(origin)
  const { authorityKeyId: issuerKeyId, serialNumber } = certificate
  const createdAtMs = systemClock().now()
  const times = { firstSeenMs: createdAtMs, lastSeenMs: createdAtMs, expiresAtMs: createdAtMs + HOUR_MS }
  sequence += 1
  const content = { type: 'anomaly' as RecordType, origin, issuerKeyId, serialNumber, sequence, createdAtMs }
  const signer = { mesh: mesh.mesh, rootFingerprint: mesh.root.certificate.fingerprint, identityKey, deviceKey }
  const body = encodeAnomalyBody([anomaly(times)])
  return (await signRecord({ ...content, lifetimeMs: HOUR_MS, body }, signer, { policy: 'hybrid' })).bytes
}

const judgeOf = (opinions: Record<string, PeerVerdict>) => (nodeId: string) => {
  const verdict = opinions[nodeId]
  return verdict === undefined ? {} : { verdict }
}

t.test('a stale peer hears and forwards; its own records are taken from nobody, and nobody is charged', async (t) => {
  const stale = await startNode(t, 'stale')
  const [own, others] = [await sign('stale'), await sign('good')]
  stale.records.keep(own)
  stale.records.keep(others)
  const a = await startNode(t, 'a', { judge: judgeOf({ stale: 'stale' }), bootstrap: [stale.address()] })
  await until(() => a.records.held.size === 1, 'catch-up brings what it forwards')
  t.same(
    a.records.received.map(({ record }) => record),
    [others],
  )
  const good = await startNode(t, 'good', { bootstrap: [a.address(), stale.address()] })
  await until(() => good.records.held.size === 2, 'to whom it is not stale')
  await until(() => a.overlay.state().inGossip === 2 && good.overlay.state().inGossip === 2, 'in gossip')
  const live = [await sign('stale'), await sign('good')]
  for (const record of live) {
    good.records.keep(record)
    await good.overlay.publish(record, 'anomaly')
  }
  await until(() => a.records.held.size === 2, 'gossip brings one of the two')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(a.records.held.size, 2)
  t.equal(a.overlay.state().gossip.rejected + a.overlay.state().sync.faults, 0)
  await until(() => stale.records.held.size === 4, 'it is sent everything')
})

t.test('when its verdict is better, what was ignored is fetched', async (t) => {
  const opinions: Record<string, PeerVerdict> = { stale: 'stale' }
  const stale = await startNode(t, 'stale')
  stale.records.keep(await sign('stale'))
  const a = await startNode(t, 'a', { judge: judgeOf(opinions), bootstrap: [stale.address()] })
  await until(() => a.overlay.state().sync.recordsIgnored === 1, 'ignored')
  t.equal(a.records.received.length, 0)
  delete opinions.stale
  await a.overlay.rejudge()
  await until(() => a.records.held.size === 1, 'fetched')
})

t.test('a peer without `forward` brings its own records only', async (t) => {
  const good = await startNode(t, 'good')
  const [own, others] = [await sign('good'), await sign('stale')]
  good.records.keep(own)
  good.records.keep(others)
  const capabilities = { unreachable: { forward: false, publish: true } }
  const judge = judgeOf({ good: 'unreachable' })
  const a = await startNode(t, 'a', { judge, capabilities, bootstrap: [good.address()] })
  await until(() => a.records.held.size === 1 && a.overlay.state().sync.recordsIgnored === 1, 'caught up')
  t.same(
    a.records.received.map(({ record }) => record),
    [own],
  )
})

t.test('a peer without `receive` is sent no records, by catch-up or gossip', async (t) => {
  const capabilities = { stale: { receive: false, publish: true } }
  const a = await startNode(t, 'a', { judge: judgeOf({ b: 'stale' }), capabilities })
  a.records.keep(makeRecord('from before', Date.now()))
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const c = await startNode(t, 'c', { bootstrap: [a.address()] })
  await until(() => c.records.held.size === 1 && b.overlay.state().sync.failures > 0, 'c catches up, b may not')
  await until(() => a.overlay.state().inGossip === 2, 'in gossip')
  for (let count = 0; count < 20; count += 1) {
    const record = makeRecord(`live ${count}`, Date.now())
    a.records.keep(record)
    await a.overlay.publish(record, 'anomaly')
  }
  await until(() => c.records.held.size === 21, 'c hears them')
  t.equal(a.overlay.state().gossip.publishShortfalls, 0, 'b is not counted')
  const back = makeRecord('from b', Date.now())
  b.records.keep(back)
  await b.overlay.publish(back, 'anomaly')
  await until(() => c.records.held.size === 22, 'what b says is heard, and passed on')
  t.equal(b.records.held.size, 1)
})

t.test('a peer that may no longer receive is sent nothing from then on', async (t) => {
  const opinions: Record<string, PeerVerdict> = {}
  const a = await startNode(t, 'a', { judge: judgeOf(opinions), capabilities: { stale: { receive: false } } })
  const b = await startNode(t, 'b', { bootstrap: [a.address()], sync: { minGapMs: 60_000 } })
  await until(() => a.overlay.state().inGossip === 1, 'in gossip')
  opinions.b = 'stale'
  await a.overlay.rejudge()
  const record = makeRecord('after that', Date.now())
  a.records.keep(record)
  await a.overlay.publish(record, 'anomaly')
  await until(() => a.overlay.state().inGossip === 1, 'gossip stands again', 12_000)
  await a.overlay.publish(makeRecord('and that', Date.now()), 'anomaly')
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.equal(b.records.received.length, 0)
})

t.test('directives are outside of it', async (t) => {
  const restrictions = { hasRestricted: true, may: () => false }
  const filter = new RecordFilter({ restrictions })
  const from = { road: 'gossip', nodeId: 'x' } as const
  t.equal(filter.allows(await sign('good'), from), false)
  t.equal(filter.allows(new Uint8Array(9), from), true, 'what cannot be read fails where it is judged')
  const open = new RecordFilter({ restrictions: { hasRestricted: false, may: () => false } })
  t.equal(open.allows(await sign('good'), from), true, 'nothing is read while nobody is restricted')
})

t.test('the table and its options', async (t) => {
  const table = resolveCapabilities()
  t.same(opinionOf({}), { verdict: 'trusted', reasons: [] })
  const all = { receive: true, forward: true, publish: true, validate: true }
  t.same(standingOf({ verdict: 'trusted', reasons: [] }, table).capabilities, all)
  const opinion: Opinion = { verdict: 'unreachable', reasons: ['x'] }
  t.same(standingOf(opinion, table), { ...opinion, capabilities: { ...all, publish: false, validate: false } })
  t.throws(() => standingOf({ verdict: 'untrusted', reasons: [] }, table), TypeError)
  for (const options of [{ untrusted: {} }, { stale: { speak: true } }, { stale: { publish: 1 } }]) {
    t.throws(() => resolveCapabilities(options as never), TypeError)
  }
})

t.test('an admission judged before the latest revocation is void', async (t) => {
  let nowMs = 1_000
  const clock = { ...systemClock(), monotonic: () => nowMs }
  const peers = new PeerTable({ maxPeers: 9, capabilities: resolveCapabilities() }, { clock })
  const peerId = { toString: () => 'p' } as never
  const path = { nodeId: 'b' } as never
  peers.admit({ peerId, path })
  t.equal(peers.mayOpen(peerId, INBOUND), true)
  peers.voidAdmissions()
  t.equal(peers.mayOpen(peerId, INBOUND), false, 'it was admitted before')
  nowMs += 1
  peers.admit({ peerId, path, judgedAtMs: 999 })
  t.equal(peers.mayOpen(peerId, INBOUND), false, 'it was judged before')
  peers.admit({ peerId, path: { nodeId: 'b', verdict: 'untrusted' } as never })
  t.equal(peers.mayOpen(peerId, INBOUND), false, 'whatever a link says')
  peers.admit({ peerId, path, judgedAtMs: 1_001 })
  t.equal(peers.mayOpen(peerId, INBOUND), true)
})
