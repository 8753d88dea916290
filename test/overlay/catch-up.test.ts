import t from 'tap'
import { MemoryRecords, makeRecord, startNode, until } from './harness.ts'

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 0, 1)

function history(count: number): MemoryRecords {
  const records = new MemoryRecords()
  for (let at = 0; at < count; at += 1) records.keep(makeRecord(`record ${at}`, START_MS + (at % 30) * HOUR_MS))
  return records
}

t.test('a late joiner and the node behind it end with all of 2,000 records', async (t) => {
  const a = await startNode(t, 'a', { records: history(2_000) })
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const c = await startNode(t, 'c', { bootstrap: [b.address()] })
  await until(() => c.records.held.size === 2_000, 'c has everything', 20_000)
  t.equal(b.records.held.size, 2_000)
  t.ok(b.records.chains.length > 0, 'certificates came first')
  const { sync } = b.overlay.state()
  t.equal(sync.recordsAccepted, 2_000, 'each record was fetched once')
  t.ok(c.overlay.state().sync.hintsReceived > 0, 'c was told to compare')
})

t.test('a returning node gets what was said while it was away, in both directions', async (t) => {
  const a = await startNode(t, 'a', { records: history(300) })
  const old = history(300)
  const b = await startNode(t, 'b', { records: old, bootstrap: [a.address()] })
  await until(() => b.overlay.state().sync.runs > 0, 'compared')
  await b.overlay.stop()
  const meanwhile = makeRecord('while b was away')
  a.records.keep(meanwhile)
  await a.overlay.publish(meanwhile, 'anomaly')
  old.keep(makeRecord('seen by b alone'))
  const again = await startNode(t, 'b', { records: old, bootstrap: [a.address()] })
  await until(() => again.records.held.size === 302 && a.records.held.size === 302, 'both have both')
  t.equal(again.overlay.state().sync.recordsAccepted, 1, 'only the difference was fetched')
})

t.test('cost follows the difference', async (t) => {
  const a = await startNode(t, 'a', { records: history(2_000) })
  const b = await startNode(t, 'b', { records: history(2_000), bootstrap: [a.address()] })
  await until(() => b.overlay.state().sync.runs === 1 && b.overlay.state().sync.bytes > 0, 'compared')
  const equalBytes = b.overlay.state().sync.bytes
  t.ok(equalBytes < 200, `equal stores cost ${equalBytes} bytes`)
  const one = makeRecord('one more', START_MS)
  a.records.keep(one)
  b.overlay.catchUp('a')
  await until(() => b.records.held.size === 2_001, 'fetched')
  await until(() => b.overlay.state().sync.bytes > equalBytes, 'counted')
  const bytes = b.overlay.state().sync.bytes - equalBytes
  t.ok(bytes < 8_000, `one record of ${one.length} bytes cost ${bytes} bytes`)
})

t.test('a full bucket is compared by prefix', async (t) => {
  const records = new MemoryRecords()
  for (let at = 0; at < 3_000; at += 1) records.keep(makeRecord(`same hour ${at}`, START_MS))
  const mine = new MemoryRecords()
  for (const { record } of [...records.held.values()].slice(0, 2_990)) mine.keep(record)
  const a = await startNode(t, 'a', { records })
  const b = await startNode(t, 'b', { records: mine, bootstrap: [a.address()] })
  await until(() => b.records.held.size === 3_000, 'fetched')
  await until(() => b.overlay.state().sync.bytes > 0, 'counted')
  const { bytes } = b.overlay.state().sync
  t.ok(bytes < 30_000, `ten of 3,000 cost ${bytes} bytes, all ids alone would be 96,000`)
})

t.test('chains grow by announcement and by heads, across a line', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const c = await startNode(t, 'c', { bootstrap: [b.address()] })
  await until(() => c.overlay.peers().length === 1 && b.overlay.peers().length === 2, 'connected')
  await until(() => b.overlay.state().sync.runs >= 2 && c.overlay.state().sync.runs >= 1, 'compared')
  for (let at = 0; at < 20; at += 1) a.overlay.announce(a.chains.grow('a', 5))
  await until(() => c.chains.held.get('a')?.length === 100, 'c has the chain')
  t.ok(b.overlay.state().gossip.received < 20, 'announcements were gathered')
  t.equal(b.overlay.state().gossip.rejected, 0)
  const late = await startNode(t, 'd', { bootstrap: [c.address()] })
  await until(() => late.chains.held.get('a')?.length === 100, 'a late joiner has it by heads')
})

t.test('records fetched from several peers are fetched once', async (t) => {
  const peers = await Promise.all(['a', 'b', 'c'].map((name) => startNode(t, name, { records: history(1_000) })))
  const d = await startNode(t, 'd', { bootstrap: peers.map((peer) => peer.address()) })
  await until(() => d.records.held.size === 1_000, 'd has everything')
  await until(() => d.overlay.state().sync.runs >= 3, 'all compared')
  t.ok(d.records.received.length < 1_600, `${d.records.received.length} deliveries of 1,000 records from three peers`)
})

t.test(
  'a record that is ignored is not fetched again at every turn, unless the node knows something new',
  async (t) => {
    const a = await startNode(t, 'a', { records: history(50) })
    const sync = { periodMs: 100, minGapMs: 50 }
    const b = await startNode(t, 'b', { bootstrap: [a.address()], sync })
    b.records.judge = () => 'ignore'
    await until(() => b.overlay.state().sync.runs > 5, 'several turns')
    t.equal(b.records.received.length, 50)
    b.records.judge = () => 'accept'
    b.overlay.catchUp('a')
    await until(() => b.records.held.size === 50, 'looked at again')
  },
)
