import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { IgnoreBudget } from '../../../overlay/gossip/ignore-budget.ts'
import { MAX_IGNORED_PER_MINUTE } from '../../../overlay/limits.ts'
import { makeRecord, rpcFrame, startHost, startNode, until } from '../harness.ts'

function setUp() {
  const clock = new SimulatedClock()
  return { clock, budget: new IgnoreBudget({ windowMs: 1_000, maxIgnored: 10, maxUnheard: 20 }, { clock }) }
}

t.test('above its budget a peer is not listened to, until the window has passed', async (t) => {
  const { clock, budget } = setUp()
  for (let count = 0; count < 10; count += 1) t.notOk(budget.countIgnored('p'))
  t.ok(budget.isHeard('p'))
  t.ok(budget.countIgnored('p'), 'one too many, told once')
  t.notOk(budget.countIgnored('p'))
  t.notOk(budget.isHeard('p'))
  t.ok(budget.isHeard('q'), 'others are')
  await clock.advance(1_000)
  t.notOk(budget.isHeard('p'), 'the window slides: it does not begin anew at once')
  await clock.advance(500)
  t.ok(budget.isHeard('p'))
  await clock.advance(60_000)
  for (let count = 0; count < 10; count += 1) budget.countIgnored('p')
  t.ok(budget.isHeard('p'), 'what is long past does not count')
})

t.test('a peer that goes on is hung up on', async (t) => {
  const { budget } = setUp()
  for (let count = 0; count < 20; count += 1) t.notOk(budget.countUnheard('p'))
  t.ok(budget.countUnheard('p'))
})

t.test('a peer that sends what is ignored is not verified any more; its good records come all the same', async (t) => {
  const node = await startNode(t, 'a')
  const host = await startHost(t, 'b')
  const stream = await (await host.dial(multiaddr(node.address()))).newStream(['/meshsub/1.2.0', '/meshsub/1.1.0'])
  const say = (records: readonly Uint8Array[]) => {
    const topic = '/dadm-mesh/north-grid/anomaly/1'
    return stream.send(rpcFrame({ messages: records.map((data) => ({ topic, data })) }))
  }
  const batch = (name: string, count: number) => Array.from({ length: count }, (_, at) => makeRecord(`${name} ${at}`))
  node.records.judge = () => 'duplicate'
  say(batch('held', MAX_IGNORED_PER_MINUTE + 10))
  await until(() => node.overlay.state().gossip.duplicates === MAX_IGNORED_PER_MINUTE + 10, 'judged')
  t.equal(node.overlay.state().gossip.overBudget, 0, 'duplicates cost nothing')
  node.records.judge = () => 'ignore'
  say(batch('junk', MAX_IGNORED_PER_MINUTE + 1))
  await until(() => node.overlay.state().gossip.overBudget === 1, 'over its budget')
  const judged = node.records.received.length
  node.records.judge = () => 'accept'
  say(batch('more', 50))
  await until(() => node.overlay.state().gossip.unheard === 50, 'not listened to')
  t.equal(node.records.received.length, judged, 'none was verified')
  t.equal(node.overlay.peers().length, 1, 'it stays connected')
  const c = await startNode(t, 'c', { bootstrap: [node.address()] })
  await until(() => c.overlay.state().inGossip === 1, 'in gossip')
  await c.overlay.publish(makeRecord('from another peer'), 'anomaly')
  await until(() => node.records.held.size === 1, 'others are heard')
})
