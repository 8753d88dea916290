import t from 'tap'
import { makeRecord, startNode, type TestNode, until } from './harness.ts'

const HOUR_MS = 3_600_000
const COUNT = 11_000

t.test('a burst of 11,000 records ends with every record on every node', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const c = await startNode(t, 'c', { bootstrap: [b.address()] })
  await until(() => c.overlay.state().inGossip === 1 && b.overlay.state().inGossip === 2, 'in gossip')
  let judging = 0
  let most = 0
  c.records.judge = async () => {
    judging += 1
    most = Math.max(most, judging)
    await new Promise((resolve) => setTimeout(resolve, 1))
    judging -= 1
    return 'accept' as const
  }
  for (let at = 0; at < COUNT; at += 1) {
    const record = makeRecord(`burst ${at} `.padEnd(512, '.'), Date.UTC(2026, 0, 1) + (at % 7) * HOUR_MS)
    a.records.keep(record)
    void a.overlay.publish(record, 'anomaly')
  }
  const holds = (node: TestNode) => node.records.held.size === COUNT
  await until(() => holds(b) && holds(c), 'everything everywhere', 25_000)
  const { gossip, sync, queued } = c.overlay.state()
  t.ok(gossip.overflowed + gossip.expired > 0, `${gossip.overflowed + gossip.expired} messages were left to catch-up`)
  t.ok(sync.recordsAccepted > 0, 'catch-up brought them')
  t.ok(most <= 16, `${most} were judged at a time: 8 of gossip, 8 of catch-up`)
  t.same(queued.waiting, [0, 0, 0, 0])
  t.equal(gossip.rejected + b.overlay.state().gossip.rejected, 0)
})
