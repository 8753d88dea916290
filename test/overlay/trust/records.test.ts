import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { SimulatedRandom, silentLogger, systemClock } from '../../../core/index.ts'
import { MAX_PUSHED_RECORDS } from '../../../overlay/limits.ts'
import { Outbox } from '../../../overlay/trust/outbox.ts'
import { RECORD_TYPES, type RecordType } from '../../../records/index.ts'
import { MemoryRecords, makeRecord, startHost, until } from '../harness.ts'
import { answerTrust, ask, openTrust, startTrustNode, type TrustNode } from './support.ts'

/** Records of a node that can judge all types. */
function allTypes(): MemoryRecords & { types: readonly RecordType[] } {
  return Object.assign(new MemoryRecords(), { types: Object.keys(RECORD_TYPES) as RecordType[] })
}

t.test('a directive crosses a line of four nodes and arrives everywhere once', async (t) => {
  const line: TrustNode[] = []
  for (const nodeId of ['a', 'b', 'c', 'd']) {
    const bootstrap = line.slice(-1).map((before) => before.address())
    line.push(await startTrustNode(t, nodeId, { records: allTypes(), bootstrap, sync: { minGapMs: 60_000 } }))
  }
  const [a, , , d] = line
  await until(() => line.every((node, at) => node.overlay.peers().length === (at % 3 === 0 ? 1 : 2)), 'connected')
  await until(() => line.every(({ overlay }) => overlay.state().sync.runs > 0), 'and compared')
  const directive = makeRecord('revoke relay-7')
  a?.records.keep(directive)
  await a?.overlay.pushRecord(directive, 'directive')
  await until(() => d?.records.held.size === 1, 'at the end of the line', 1_000)
  await new Promise((resolve) => setTimeout(resolve, 200))
  for (const { records, overlay } of line.slice(1)) {
    const pushed = records.received.filter(({ from }) => from.road === 'trust')
    t.match(pushed, [{ from: { topic: 'directive' } }])
    t.equal(pushed.length, 1)
    t.match(overlay.state().trust, { records: 1, accepted: 1 })
  }
})

t.test('in a triangle a record is taken once', async (t) => {
  const a = await startTrustNode(t, 'a', { records: allTypes() })
  const b = await startTrustNode(t, 'b', { records: allTypes(), bootstrap: [a.address()] })
  const c = await startTrustNode(t, 'c', { records: allTypes(), bootstrap: [a.address(), b.address()] })
  const nodes = [a, b, c]
  await until(() => nodes.every(({ overlay }) => overlay.peers().length === 2), 'connected')
  const directive = makeRecord('rotate')
  a.records.keep(directive)
  await a.overlay.pushRecord(directive, 'directive')
  await until(() => b.records.held.size + c.records.held.size === 2, 'both have it')
  await new Promise((resolve) => setTimeout(resolve, 200))
  for (const { overlay } of [b, c]) t.match(overlay.state().trust, { accepted: 1, faults: 0 })
})

t.test('only a few types are pushed, and none to a node that cannot judge them', async (t) => {
  const a = await startTrustNode(t, 'a')
  const records = Object.assign(new MemoryRecords(), { types: ['anomaly'] as const })
  const b = await startTrustNode(t, 'b', { records, bootstrap: [a.address()] })
  await until(() => b.overlay.peers().length === 1, 'connected')
  const record = makeRecord('x')
  await t.rejects(a.overlay.pushRecord(record, 'anomaly'), TypeError)
  await a.overlay.pushRecord(record, 'directive')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(b.records.received.length, 0)
  await a.overlay.stop()
  await t.rejects(a.overlay.pushRecord(record, 'directive'), { code: 'OVERLAY_NOT_RUNNING' })
})

t.test('a record that every node refuses is held against who pushes it, and nothing more is taken', async (t) => {
  const records = allTypes()
  records.judge = () => 'reject'
  const victim = await startTrustNode(t, 'victim', { records })
  const forger = await startHost(t, 'forger')
  await answerTrust(forger, () => ({ kind: 'announce' }))
  await forger.dial(multiaddr(victim.address()))
  const push = async (text: string) =>
    ask(await openTrust(forger), { kind: 'record', type: 'directive', record: makeRecord(text), chain: [] })
  t.same(await push('one'), { kind: 'record' })
  t.same(await push('two'), { kind: 'refusal', reason: 'busy' })
  t.equal(records.received.length, 1)
  t.match(victim.overlay.state().trust, { records: 1, accepted: 0, faults: 1 })
})

t.test('the chain of a record comes with it', async (t) => {
  const victim = await startTrustNode(t, 'victim', { records: allTypes() })
  const host = await startHost(t, 'host')
  await host.dial(multiaddr(victim.address()))
  const chain = [new Uint8Array(9), new Uint8Array(8)]
  await ask(await openTrust(host), { kind: 'record', type: 'directive', record: makeRecord('x'), chain })
  t.same(victim.records.chains, [chain])
})

t.test('so many records wait for one peer; it catches up with the others', async (t) => {
  let lost = 0
  const outbox = new Outbox(
    { answerTimeoutMs: 1_000 },
    {
      ...{ clock: systemClock(), random: new SimulatedRandom(1), logger: silentLogger() },
      openStream: () => new Promise(() => {}),
      lists: () => [],
      onLost: () => {
        lost += 1
      },
    },
  )
  const push = () => outbox.push({ type: 'directive', record: new Uint8Array(1), chain: [] })
  for (let count = 0; count < MAX_PUSHED_RECORDS; count += 1) push()
  t.equal(lost, 0)
  push()
  t.equal(lost, 1)
  outbox.stop()
  push()
  t.equal(lost, 2)
})
