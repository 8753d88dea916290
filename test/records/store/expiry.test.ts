import { join } from 'node:path'
import t from 'tap'
import { SimulatedClock, silentLogger } from '../../../core/index.ts'
import { ROOM } from '../../../core/store/index.ts'
import { EXPIRY_BATCH, MAX_CLOCK_DOUBT_MS, MAX_EXPIRY_SLEEP_MS } from '../../../records/limits.ts'
import { Chains } from '../../../records/store/chains.ts'
import { ExpiryTimer } from '../../../records/store/expiry-timer.ts'
import { openRecordStore } from '../../../records/store/index.ts'
import { DAY_MS, makeScene, NOW_MS } from '../scene.ts'
import { failing } from './failing.ts'
import { series, unsigned } from './fake-records.ts'
import { all, type OpenStore, openAt } from './open.ts'

const HOUR_MS = 3_600_000

/** Lets the disk finish what a timer started. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function indexEntries({ database }: OpenStore): Promise<number[]> {
  const rooms = [ROOM.records, ROOM.recordsByTime, ROOM.recordsByExpiry] as const
  return Promise.all(rooms.map(async (prefix) => (await all(database.room(prefix).keys())).length))
}

t.test('records leave at the end of their lifetime, by one timer, and everywhere', async (t) => {
  const open = await openAt(t.testdir())
  const { store, clock } = open
  const [short, long] = [unsigned({ lifetimeMs: 1_000 }), unsigned({ lifetimeMs: 5_000, sequence: 1 })]
  const forever = unsigned({ type: 'seal', lifetimeMs: 0, body: Uint8Array.of(1) })
  for (const record of [long, short, forever]) await store.admit(record, NOW_MS)
  t.equal(clock.pendingTimers, 1)
  t.same(await indexEntries(open), [4, 3, 2], 'the counters are an entry too')
  await clock.advance(999)
  t.equal(store.counts().records, 3)
  await clock.advance(1)
  await until(() => store.counts().expired === 1 && clock.pendingTimers === 1)
  t.equal(store.isDuplicate(short.id, NOW_MS), false)
  t.equal(await store.has(short.id), false)
  t.equal(store.buckets()[0]?.count, 2)
  await clock.advance(4_000)
  await until(() => store.counts().expired === 2)
  t.match(store.counts(), { records: 1, bytes: forever.bytes.length })
  t.same(await indexEntries(open), [2, 1, 0])
  t.ok((await store.check()).ok)
  await open.close()
  t.equal(clock.pendingTimers, 0)
})

t.test('what expired while the store was closed goes in bounded batches when it opens', async (t) => {
  const path = t.testdir()
  const first = await openAt(path)
  const count = EXPIRY_BATCH + 10
  await Promise.all(series(count, 0).map((record) => first.store.admit(record, NOW_MS)))
  await first.close()
  const clock = new SimulatedClock(NOW_MS + DAY_MS)
  const again = await openAt(path, { clock })
  const sizes: number[] = []
  const commit = again.database.commit.bind(again.database)
  again.database.commit = (operations) => {
    sizes.push(operations.length)
    return commit(operations)
  }
  t.equal(again.store.counts().records, count)
  await clock.advance(0)
  await until(() => again.store.counts().expired === count)
  t.same(sizes, [3 * EXPIRY_BATCH + 1, 3 * 10 + 1])
  t.same(await indexEntries(again), [1, 0, 0])
  await again.close()
})

t.test('a removal that failed is tried again, also when it had reached the disk all the same', async (t) => {
  for (const reaches of [true, false]) {
    const { database, close } = await openAt(join(t.testdir(), String(reaches)))
    const clock = new SimulatedClock(NOW_MS)
    const fails = failing(database)
    const store = await openRecordStore({}, { database: fails, clock, logger: silentLogger() })
    const record = unsigned({ lifetimeMs: 1_000 })
    await store.admit(record, NOW_MS)
    fails.failures.push(reaches ? 'reached' : 'lost')
    await clock.advance(1_000)
    await until(() => clock.pendingTimers === 1)
    t.match(store.counts(), { records: 1, expired: 0 })
    await clock.advance(60_000)
    await until(() => store.counts().expired === 1)
    t.match(store.counts(), { records: 0, bytes: 0 })
    t.equal(store.isDuplicate(record.id, NOW_MS), false)
    t.match(await store.check(), { ok: true, records: 0 })
    await store.close()
    await close()
  }
})

t.test('a record that reached the disk although its commit failed still expires', async (t) => {
  const { store, database, clock, close } = await openAt(t.testdir())
  const admission = store.admitOperations(unsigned({ lifetimeMs: 1_000 }), NOW_MS)
  await database.commit(admission?.operations ?? [])
  admission?.failed()
  await store.admit(unsigned({ sequence: 1, lifetimeMs: 2_000 }), NOW_MS)
  t.equal(store.counts().records, 1)
  await clock.advance(2_000)
  await until(() => store.counts().expired === 1)
  t.match(store.counts(), { records: 0, bytes: 0 })
  t.match(await store.check(), { ok: true, records: 0 })
  await close()
})

t.test('a record that only a failed commit left expires like any other, and was never counted', async (t) => {
  const open = await openAt(t.testdir())
  const { store, database, clock, close } = open
  await store.admit(unsigned({ sequence: 1, lifetimeMs: 1_000 }), NOW_MS)
  const admission = store.admitOperations(unsigned({ lifetimeMs: 1_000 }), NOW_MS)
  await database.commit(admission?.operations ?? [])
  admission?.failed()
  await clock.advance(1_000)
  await until(() => store.counts().expired === 1)
  t.match(store.counts(), { records: 0, bytes: 0 })
  t.same(await indexEntries(open), [1, 0, 0])
  await close()
})

t.test('nothing is removed while the clock is ahead of the time that has passed', async (t) => {
  const { store, clock, close } = await openAt(t.testdir())
  const records = [unsigned({ lifetimeMs: 10 * HOUR_MS }), unsigned({ sequence: 1, lifetimeMs: 30 * DAY_MS })]
  for (const record of records) await store.admit(record, NOW_MS)
  clock.jumpTo(NOW_MS + 365 * DAY_MS)
  for (let hour = 0; hour < 3; hour += 1) {
    await clock.advance(HOUR_MS)
    await until(() => clock.pendingTimers === 1)
  }
  t.match(store.counts(), { records: 2, expired: 0 })
  clock.jumpTo(NOW_MS + 3 * HOUR_MS)
  await clock.advance(HOUR_MS)
  await until(() => clock.pendingTimers === 1)
  t.equal(store.counts().expired, 0)
  await clock.advance(6 * HOUR_MS)
  await until(() => store.counts().expired === 1 && clock.pendingTimers === 1)
  t.equal(store.counts().records, 1)
  clock.jumpTo(NOW_MS + 30 * DAY_MS)
  await clock.advance(HOUR_MS)
  await until(() => clock.pendingTimers === 1)
  t.equal(store.counts().records, 1, 'a second jump is noticed too')
  await close()
  t.equal(clock.pendingTimers, 0)
})

t.test('a clock that stays ahead is believed after a day, as after the sleep of a machine', async (t) => {
  const { store, clock, close } = await openAt(t.testdir())
  await store.admit(unsigned({ lifetimeMs: 10 * HOUR_MS }), NOW_MS)
  clock.jumpTo(NOW_MS + 5 * DAY_MS)
  await clock.advance(HOUR_MS)
  await until(() => store.counts().expirySuspended)
  await clock.advance(MAX_CLOCK_DOUBT_MS - HOUR_MS)
  await until(() => clock.pendingTimers === 1)
  t.match(store.counts(), { records: 1, expirySuspended: true })
  await clock.advance(HOUR_MS)
  await until(() => store.counts().expired === 1)
  t.match(store.counts(), { records: 0, expirySuspended: false })
  clock.jumpTo(NOW_MS + 60 * DAY_MS)
  await store.admit(unsigned({ sequence: 1, lifetimeMs: 10 * DAY_MS }), NOW_MS)
  await clock.advance(HOUR_MS)
  await until(() => store.counts().expirySuspended)
  t.equal(store.counts().records, 1, 'the next jump is doubted again')
  await close()
})

t.test('a clock beyond the end that was named removes nothing, also when the store is opened with it', async (t) => {
  const path = t.testdir()
  const first = await openAt(path)
  await first.store.admit(unsigned({ lifetimeMs: HOUR_MS }), NOW_MS)
  await first.close()
  let endMs = NOW_MS + 7 * DAY_MS
  const clock = new SimulatedClock(NOW_MS + 73 * 365 * DAY_MS)
  const { store, close } = await openAt(path, { clock, clockEndMs: () => endMs })
  await clock.advance(1)
  await until(() => store.counts().expirySuspended)
  await clock.advance(3 * MAX_CLOCK_DOUBT_MS)
  await until(() => clock.pendingTimers === 1)
  t.match(store.counts(), { records: 1, expired: 0 }, 'not after days either')
  endMs = clock.now() + DAY_MS
  await clock.advance(HOUR_MS)
  await until(() => store.counts().expired === 1)
  t.equal(store.counts().expirySuspended, false)
  await close()
})

t.test(
  'a clock that was ahead when the store was opened, or is off by less than an hour, is taken as it is',
  async (t) => {
    const { store, clock, close } = await openAt(t.testdir(), { clock: new SimulatedClock(NOW_MS + DAY_MS) })
    await store.admit(unsigned({ lifetimeMs: 2 * DAY_MS }), NOW_MS)
    clock.jumpTo(NOW_MS)
    await clock.advance(2 * DAY_MS - 1)
    t.equal(store.counts().expired, 0)
    await clock.advance(1)
    await until(() => store.counts().expired === 1)
    await store.admit(unsigned({ sequence: 1, lifetimeMs: 3 * DAY_MS }), NOW_MS)
    clock.jumpTo(NOW_MS + 3 * DAY_MS) // a day ahead of before; as far as when the store was opened
    await clock.advance(HOUR_MS)
    await until(() => store.counts().expired === 2)
    t.equal(store.counts().records, 0)
    await close()
  },
)

t.test('one timer for the earliest of many times, also when the wall clock jumps', async (t) => {
  const clock = new SimulatedClock(NOW_MS)
  const fired: number[] = []
  const timer = new ExpiryTimer(clock, () => fired.push(clock.now() - NOW_MS))
  timer.schedule(NOW_MS + 500)
  timer.schedule(NOW_MS + 100)
  timer.schedule(NOW_MS + 300)
  t.equal(clock.pendingTimers, 1)
  await clock.advance(1_000)
  t.same(fired, [100], 'and is done until told again')

  timer.schedule(NOW_MS + 400 * DAY_MS)
  clock.jumpTo(NOW_MS + 500 * DAY_MS)
  await clock.advance(MAX_EXPIRY_SLEEP_MS)
  t.equal(fired.length, 2, 'a clock set forward is noticed within an hour')

  clock.jumpTo(NOW_MS)
  timer.schedule(NOW_MS + 1_000)
  clock.jumpTo(NOW_MS - DAY_MS)
  await clock.advance(1_000)
  t.equal(fired.length, 2, 'a clock set back delays')
  await clock.advance(DAY_MS)
  t.equal(fired.length, 3)
  timer.schedule(NOW_MS + 2 * DAY_MS)
  timer.retry(1_000)
  timer.schedule(NOW_MS)
  t.equal(clock.pendingTimers, 1)
  clock.jumpTo(NOW_MS - 2 * DAY_MS)
  await clock.advance(999)
  t.equal(fired.length, 3)
  await clock.advance(1)
  t.equal(fired.length, 4, 'a retry comes in its time, whatever the clock says')
  timer.schedule(NOW_MS + 2 * DAY_MS)
  timer.stop()
  t.equal(clock.pendingTimers, 0)
})

t.test('certificates in memory are bounded, and read again when needed', async (t) => {
  const { database, close } = await openAt(t.testdir())
  const scene = await makeScene()
  const chains = new Chains({ maxCached: 1 }, { database })
  await chains.put(scene.chain)
  const { authorityKeyId, serialNumber } = scene.node.certificate
  for (let round = 0; round < 2; round += 1) {
    const chain = await chains.get(authorityKeyId, serialNumber)
    t.same(
      chain?.map(({ der }) => der),
      scene.node.chain,
    )
    t.equal(chains.cached, 1)
  }
  await close()
})
