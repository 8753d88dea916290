import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { MAX_IGNORED_IDS } from '../../../overlay/limits.ts'
import type { ChainWant } from '../../../overlay/ports.ts'
import { ChainTurns } from '../../../overlay/sync/chain-turns.ts'
import { IgnoredIds } from '../../../overlay/sync/ignored.ts'
import { InFlightIds } from '../../../overlay/sync/in-flight.ts'
import { WantList } from '../../../overlay/sync/want-list.ts'

function idOf(number: number): Uint8Array {
  const id = new Uint8Array(32)
  new DataView(id.buffer).setUint32(0, number)
  return id
}

t.test('a claim keeps others away for a moment, not for as long as its owner likes', async (t) => {
  const clock = new SimulatedClock()
  const inFlight = new InFlightIds({ claimMs: 3_000 }, { clock })
  const [slow, other] = [{}, {}]
  t.equal(inFlight.claim([idOf(1), idOf(2)], slow).length, 2)
  t.same(inFlight.claim([idOf(2), idOf(3)], other), [idOf(3)])
  await clock.advance(3_000)
  t.same(inFlight.claim([idOf(2)], other), [idOf(2)], 'the claim is over')
  inFlight.release([idOf(1), idOf(2)], slow)
  t.same(inFlight.claim([idOf(2)], slow), [], 'and it is the other one that holds it')
  inFlight.release([idOf(2), idOf(3)], other)
  t.equal(inFlight.size, 0)
})

t.test('ignored ids are remembered per peer, so many and for so long', async (t) => {
  const clock = new SimulatedClock()
  const ignored = new IgnoredIds({ retryMs: 1_000 }, { clock })
  for (let at = 0; at <= MAX_IGNORED_IDS; at += 1) ignored.add('p', idOf(at))
  t.notOk(ignored.has('p', idOf(0)), 'the oldest made room')
  t.ok(ignored.has('p', idOf(1)))
  t.ok(ignored.has('p', idOf(MAX_IGNORED_IDS)))
  t.notOk(ignored.has('q', idOf(1)), 'only the peer’s own word ties a record to an id')
  await clock.advance(1_000)
  t.notOk(ignored.has('p', idOf(1)), 'looked at again later')
})

t.test('wants of one chain are one fetch for the whole range', async (t) => {
  const list = new WantList()
  const answers = [
    list.add({ origin: 'a', fromSeq: 5, toSeq: 6 }),
    list.add({ origin: 'a', fromSeq: 5, toSeq: 9 }),
    list.add({ origin: 'b', fromSeq: 1, toSeq: 1 }),
    list.add({ origin: 'a', fromSeq: 2, toSeq: 2, compare: true }),
  ]
  t.equal(list.size, 3)
  const first = list.take(({ origin }) => origin === 'a')
  t.same(first?.want, { origin: 'a', fromSeq: 5, toSeq: 9 })
  await first?.settle(async () => true)
  t.same(await Promise.all(answers.slice(0, 2)), [true, true])
  list.giveUp()
  t.same(await Promise.all(answers.slice(2)), [false, false])
})

t.test('wants that wait for one peer are bounded, by chains and by askers', async (t) => {
  const list = new WantList()
  const want = (at: number): ChainWant => ({ origin: `n${at}`, fromSeq: 1, toSeq: 1 })
  for (let at = 0; at < 256; at += 1) void list.add(want(at))
  t.equal(await list.add(want(256)), false)
  for (let asker = 1; asker < 64; asker += 1) void list.add(want(0))
  t.equal(await list.add(want(0)), false)
  list.giveUp()
  t.equal(list.size, 0)
})

t.test('a chain comes from one peer at a time, and what has come is not fetched again', async (t) => {
  const clock = new SimulatedClock()
  const turns = new ChainTurns({ clock, busy: () => false })
  const want = { origin: 'a', fromSeq: 1, toSeq: 4 }
  const { promise, resolve } = Promise.withResolvers<'complete'>()
  const first = turns.take(want, () => promise)
  t.notOk(turns.isFree(want))
  t.ok(turns.isFree({ ...want, origin: 'b' }))
  resolve('complete')
  t.equal(await first, 'complete')
  t.ok(turns.isFree(want))
  const rests: ChainWant[] = []
  const fetch = async (rest: ChainWant) => {
    rests.push(rest)
    return 'ended' as const
  }
  t.equal(await turns.take(want, fetch), 'complete', 'nothing is left')
  await turns.take({ ...want, toSeq: 6 }, fetch)
  await turns.take({ ...want, compare: true }, fetch)
  t.same(rests, [
    { origin: 'a', fromSeq: 5, toSeq: 6 },
    { ...want, compare: true },
  ])
  void turns.take({ origin: 'a', fromSeq: 7, toSeq: 9 }, () => new Promise(() => {}))
  t.notOk(turns.isFree(want))
  await clock.advance(3_000)
  t.ok(turns.isFree(want), 'a slow peer holds nobody up for long')
})

t.test('blocks give way to records, but not for ever', async (t) => {
  const clock = new SimulatedClock()
  let busy = true
  const turns = new ChainTurns({ clock, busy: () => busy })
  let lull = false
  const waiting = turns.giveWay().then(() => {
    lull = true
  })
  await clock.advance(1_000)
  t.notOk(lull)
  busy = false
  await clock.advance(50)
  t.ok(lull)
  busy = true
  const patience = turns.giveWay()
  await clock.advance(2_100)
  await Promise.all([waiting, patience])
})
