import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { MAX_WANTS_PER_CATCH_UP } from '../../../overlay/limits.ts'
import type { ChainHead, ChainPlace, Verdict } from '../../../overlay/ports.ts'
import { ChainTurns } from '../../../overlay/sync/chain-turns.ts'
import { pullChains, pullWant, type WantDependencies } from '../../../overlay/sync/chains.ts'
import { headOf, MemoryChains } from '../harness.ts'

const FROM = { road: 'catch-up', nodeId: 'peer' } as const

/** A peer that serves `theirs`, each answer after `answerMs` and with at most `blocksPerAnswer`. */
function setUp(options: { answerMs?: number; blocksPerAnswer?: number; busy?: boolean; chains?: MemoryChains } = {}) {
  const { answerMs = 0, blocksPerAnswer = 1, busy = false, chains = new MemoryChains() } = options
  const clock = new SimulatedClock()
  const theirs = new MemoryChains()
  const asked: string[] = []
  const client = {
    ask: async (request: { kind: string; origin?: string; fromSeq?: number; after?: string }) => {
      asked.push(request.kind)
      await clock.advance(answerMs)
      if (request.kind === 'heads') return { kind: 'heads', heads: await theirs.heads(), more: false }
      return { kind: 'blocks', blocks: await theirs.read(request.origin ?? '', request.fromSeq ?? 0, blocksPerAnswer) }
    },
  } as unknown as WantDependencies['client']
  const moved: ChainHead[] = []
  const counted: number[] = []
  const dependencies = {
    ...{ clock, client, chains, from: FROM },
    turns: new ChainTurns({ clock, busy: () => busy }),
    onBlocks: (count: number) => counted.push(count),
    onMoved: (head: ChainHead) => moved.push(head),
  }
  return { clock, theirs, chains, asked, moved, counted, dependencies }
}

t.test('a want that takes longer than a minute is cut, what came is kept, the rest comes next time', async (t) => {
  const { clock, theirs, chains, asked, moved, dependencies } = setUp({ answerMs: 14_000 })
  theirs.grow('a', 8)
  t.equal(await pullWant({ origin: 'a', fromSeq: 1, toSeq: 8 }, dependencies), 'cut')
  t.equal(clock.monotonic(), 70_000, 'no answer was asked for after a minute')
  t.equal(chains.held.get('a')?.length, 5)
  t.equal(await pullChains(dependencies), false, 'nothing is left')
  t.same(moved, [headOf('a', 8)])
  t.same(asked.length, 5 + 1 + 3)
})

t.test('a catch-up whose want was cut says that something is left', async (t) => {
  const { theirs, moved, chains, dependencies } = setUp({ answerMs: 10_000 })
  theirs.grow('a', 20)
  theirs.grow('b', 1)
  t.equal(await pullChains(dependencies), true)
  t.equal(chains.held.get('a')?.length, 7)
  t.same(moved, [headOf('b', 1)], 'the next chain had its turn')
})

t.test('blocks of many chains give way to records once, not once for each chain', async (t) => {
  const { clock, theirs, moved, dependencies } = setUp({ busy: true })
  for (let at = 0; at < 40; at += 1) theirs.grow(`n${10 + at}`, 1)
  let left: boolean | undefined
  void pullChains(dependencies).then((result) => {
    left = result
  })
  while (left === undefined) await clock.advance(clock.pendingTimers > 0 ? 25 : 0)
  t.equal(left, false)
  t.equal(moved.length, 40)
  t.ok(clock.monotonic() <= 2_100, `records waited ${clock.monotonic()} ms for 40 chains`)
})

t.test('an answer that is empty or refused ends the want, a false one the catch-up', async (t) => {
  class Picky extends MemoryChains {
    verdict: Verdict = 'ignore'
    override async receive(_place: ChainPlace): Promise<Verdict> {
      return this.verdict
    }
  }
  const picky = new Picky()
  const { theirs, counted, dependencies } = setUp({ chains: picky })
  const want = { origin: 'a', fromSeq: 1, toSeq: 4 }
  t.equal(await pullWant(want, dependencies), 'ended', 'nothing came')
  theirs.grow('a', 4)
  t.equal(await pullWant(want, dependencies), 'ended', 'the ledger does not want it')
  picky.verdict = 'reject'
  await t.rejects(pullWant(want, dependencies), { code: 'OVERLAY_SYNC_REJECTED' })
  const generous = setUp({ blocksPerAnswer: 5 })
  generous.theirs.grow('a', 9)
  await t.rejects(pullWant(want, generous.dependencies), { code: 'OVERLAY_SYNC_UNEXPECTED' }, 'more than asked for')
  t.same([...counted, ...generous.counted], [])
})

t.test('one catch-up follows up so many heads', async (t) => {
  const { theirs, asked, dependencies } = setUp({ blocksPerAnswer: 0 })
  for (let at = 0; at <= MAX_WANTS_PER_CATCH_UP; at += 1) theirs.grow(`n${at}`, 1)
  const { client } = dependencies
  const patient = { ask: (request: never) => client.ask(request) } as typeof client
  t.equal(await pullChains({ ...dependencies, client: patient }), true)
  t.equal(asked.length, 1 + MAX_WANTS_PER_CATCH_UP)
})
