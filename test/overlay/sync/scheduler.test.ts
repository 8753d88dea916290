import t from 'tap'
import { SimulatedClock, SimulatedRandom } from '../../../core/index.ts'
import { ByteBudget } from '../../../overlay/streams/index.ts'
import { Hints } from '../../../overlay/sync/hints.ts'
import { CatchUpScheduler, type Outcome } from '../../../overlay/sync/scheduler.ts'

function setUp(options: { maxRunning?: number } = {}) {
  const clock = new SimulatedClock()
  const runs: string[] = []
  const finish = new Map<string, (outcome: Outcome) => void>()
  const scheduler = new CatchUpScheduler(
    { periodMs: 60_000, minGapMs: 1_000, maxRunning: 4, ...options },
    {
      clock,
      random: new SimulatedRandom(1),
      run: (key) => {
        runs.push(key)
        return new Promise((resolve) => finish.set(key, resolve))
      },
    },
  )
  const end = async (key: string, outcome: Outcome = 'done') => {
    finish.get(key)?.(outcome)
    await clock.advance(0)
  }
  return { clock, scheduler, runs, end }
}

t.test('a new peer is caught up with at once, then every minute or so', async (t) => {
  const { clock, scheduler, runs, end } = setUp()
  scheduler.add('p')
  await clock.advance(0)
  t.same(runs, ['p'])
  await end('p')
  await clock.advance(47_000)
  t.equal(runs.length, 1)
  await clock.advance(26_000)
  t.equal(runs.length, 2)
  scheduler.stop()
  await end('p')
  t.equal(clock.pendingTimers, 0)
})

t.test('wishes are gathered: one at a time per peer, with a gap between', async (t) => {
  const { clock, scheduler, runs, end } = setUp()
  scheduler.add('p')
  await clock.advance(0)
  for (let at = 0; at < 100; at += 1) scheduler.schedule('p', 100)
  await clock.advance(5_000)
  t.equal(runs.length, 1, 'none beside the one that runs')
  await end('p')
  await clock.advance(999)
  t.equal(runs.length, 1)
  await clock.advance(1)
  t.equal(runs.length, 2, 'and one after it')
  await end('p', 'again')
  await clock.advance(1_000)
  t.equal(runs.length, 3, 'a run that left something is repeated')
})

t.test('no more catch-ups at a time than allowed; a peer that left is skipped', async (t) => {
  const { clock, scheduler, runs, end } = setUp({ maxRunning: 2 })
  for (const key of ['p', 'q', 'r', 's']) scheduler.add(key)
  await clock.advance(0)
  t.same(runs, ['p', 'q'])
  scheduler.remove('r')
  await end('p')
  t.same(runs, ['p', 'q', 's'])
})

t.test('slow peers do not keep the others waiting', async (t) => {
  const { clock, scheduler, runs, end } = setUp({ maxRunning: 2 })
  for (const key of ['slow', 'slower', 'r', 's', 'u']) scheduler.add(key)
  await clock.advance(29_000)
  t.same(runs, ['slow', 'slower'])
  await clock.advance(1_000)
  t.same(runs, ['slow', 'slower', 'r', 's'])
  await end('slow')
  await end('slower')
  t.equal(runs.length, 4, 'their slots were given away already')
  await end('r')
  t.same(runs.slice(4), ['u'])
  scheduler.stop()
  for (const key of ['s', 'u']) await end(key)
  t.equal(clock.pendingTimers, 0)
})

t.test('a peer that came back while it waited for its turn has one turn', async (t) => {
  const { clock, scheduler, runs, end } = setUp({ maxRunning: 1 })
  scheduler.add('p')
  await clock.advance(0)
  for (let at = 0; at < 5; at += 1) {
    scheduler.remove('liar')
    scheduler.add('liar')
    await clock.advance(0)
  }
  await end('p')
  await end('liar', 'fault')
  await clock.advance(10_000)
  t.same(runs, ['p', 'liar'], 'its penalty holds')
})

t.test('failures lengthen the pause; success forgets them', async (t) => {
  const { clock, scheduler, runs, end } = setUp()
  scheduler.add('p')
  await clock.advance(0)
  await end('p', 'failed')
  await clock.advance(1_000)
  t.equal(runs.length, 2)
  await end('p', 'failed')
  await clock.advance(900)
  t.equal(runs.length, 2)
  await clock.advance(1_100)
  t.equal(runs.length, 3)
})

t.test('a fault is remembered, also when the peer reconnects or asks for more', async (t) => {
  const { clock, scheduler, runs, end } = setUp()
  scheduler.add('liar')
  await clock.advance(0)
  await end('liar', 'fault')
  scheduler.schedule('liar', 0)
  await clock.advance(20_000)
  scheduler.remove('liar')
  scheduler.add('liar')
  await clock.advance(9_000)
  t.equal(runs.length, 1)
  await clock.advance(40_000)
  t.equal(runs.length, 2)
  await end('liar', 'fault')
  await clock.advance(55_000)
  t.equal(runs.length, 2, 'longer the second time')
})

t.test('hints are gathered and rare', async (t) => {
  const clock = new SimulatedClock()
  const sent: string[] = []
  const hints = new Hints({ delayMs: 200, minGapMs: 1_000 }, { clock, send: async (key) => void sent.push(key) })
  for (let at = 0; at < 50; at += 1) hints.to('p')
  hints.to('q')
  await clock.advance(200)
  t.same(sent, ['p', 'q'])
  hints.to('p')
  await clock.advance(900)
  t.equal(sent.length, 2)
  await clock.advance(100)
  t.same(sent, ['p', 'q', 'p'])
  hints.to('p')
  hints.remove('p')
  hints.to('q')
  hints.stop()
  hints.to('p')
  await clock.advance(5_000)
  t.equal(sent.length, 3)
  t.equal(clock.pendingTimers, 0)
})

t.test('a budget pays at once up to its burst, then as it refills', async (t) => {
  const budget = new ByteBudget({ burstBytes: 1_000, bytesPerSecond: 500 }, 0)
  t.equal(budget.take(1_000, 0), 0)
  t.equal(budget.take(250, 0), 500)
  t.equal(budget.take(0, 500), 0)
  t.equal(budget.take(1_000, 60_000), 0, 'never more than the burst')
  t.equal(budget.take(500, 60_000), 1_000)
})
