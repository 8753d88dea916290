import type { Stream } from '@libp2p/interface'
import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { Backlog } from '../../../overlay/gossip/backlog.ts'

const OPTIONS = { highWaterBytes: 1_000, maxWaitMs: 250 }

function setUp(waitingBytes: Record<string, number>) {
  const clock = new SimulatedClock()
  const backlog = new Backlog(OPTIONS, {
    clock,
    streams: () =>
      Object.entries(waitingBytes).map(([key, bytes]) => [key, { writeBufferLength: bytes } as Stream] as const),
  })
  /** How long a sender waits for room. */
  const wait = async () => {
    const sinceMs = clock.monotonic()
    let untilMs = Number.NaN
    void backlog.room().then(() => {
      untilMs = clock.monotonic()
    })
    await clock.advance(0)
    await clock.advance(1_000)
    return untilMs - sinceMs
  }
  return { clock, backlog, wait }
}

t.test('senders wait until there is room', async (t) => {
  const waitingBytes = { p: 1_001, q: 1_000 }
  const { clock, backlog, wait } = setUp(waitingBytes)
  const room = Promise.all([backlog.room(), backlog.room()])
  await clock.advance(100)
  waitingBytes.p = 1_000
  await clock.advance(10)
  await room
  t.equal(await wait(), 0)
  t.equal(clock.pendingTimers, 0)
})

t.test('a slow peer holds senders up once, until it has caught up', async (t) => {
  const waitingBytes = { slow: 5_000 }
  const { wait } = setUp(waitingBytes)
  t.equal(await wait(), OPTIONS.maxWaitMs)
  t.equal(await wait(), 0, 'it is not waited for again')
  for (let turn = 0; turn < 10; turn += 1) {
    waitingBytes.slow = 999
    t.equal(await wait(), 0)
    waitingBytes.slow = 1_001
    t.equal(await wait(), 0, 'reading a little now and then does not count as catching up')
  }
  waitingBytes.slow = 200
  t.equal(await wait(), 0)
  waitingBytes.slow = 1_001
  t.equal(await wait(), OPTIONS.maxWaitMs, 'it had caught up')
})
