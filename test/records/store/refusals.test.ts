import t from 'tap'
import { SimulatedClock, SimulatedRandom, silentLogger } from '../../../core/index.ts'
import { openDatabase, ROOM } from '../../../core/store/index.ts'
import { MAX_REFUSAL_MS, REFUSAL_BATCH, REFUSAL_WRITE_DELAY_MS } from '../../../records/limits.ts'
import { writeRefusal } from '../../../records/store/entries.ts'
import { openRecordStore, type RecordStoreOptions } from '../../../records/store/index.ts'
import { DAY_MS, NOW_MS } from '../scene.ts'
import { failing } from './failing.ts'
import { all } from './open.ts'

const HOUR_MS = 3_600_000
const CODE = 'RECORDS_REVOKED'

function makeIds(count: number, seed = 1): Uint8Array[] {
  const random = new SimulatedRandom(seed)
  return Array.from({ length: count }, () => random.bytes(32))
}

/** An open store, the commits of which are counted and can fail. */
async function openCounted(path: string, options: RecordStoreOptions = {}, clock = new SimulatedClock(NOW_MS)) {
  const database = failing(await openDatabase(path))
  const store = await openRecordStore(options, { database, clock, logger: silentLogger() })
  const onDisk = async () => (await all(database.room(ROOM.recordsRefused).keys())).length
  const crash = () => database.close()
  const close = async () => {
    await store.close()
    await database.close()
  }
  return { database, store, clock, onDisk, crash, close }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

t.test('refusals are written together, some seconds later or at the end', async (t) => {
  const path = t.testdir()
  const { database, store, clock, onDisk, close } = await openCounted(path)
  const ids = makeIds(REFUSAL_BATCH + 500)
  for (const id of ids) store.refuse(id, CODE, NOW_MS + HOUR_MS)
  t.ok(ids.every((id) => store.isRefused(id)))
  t.equal(database.commits, 0)
  t.equal(clock.pendingTimers, 1)
  await clock.advance(REFUSAL_WRITE_DELAY_MS)
  await until(() => clock.pendingTimers === 1)
  t.equal(database.commits, 1)
  t.equal(await onDisk(), REFUSAL_BATCH)
  await close()
  t.equal(clock.pendingTimers, 0)
  t.equal(database.commits, 2)
  const again = await openCounted(path)
  t.equal(again.store.counts().refused, ids.length)
  t.ok(ids.every((id) => again.store.isRefused(id)))
  await again.close()
})

t.test('what could not be written is tried again, and lost in a crash', async (t) => {
  const path = t.testdir()
  const { database, store, clock, onDisk, crash } = await openCounted(path)
  const [first, second] = makeIds(2) as [Uint8Array, Uint8Array]
  database.failures.push('lost')
  store.refuse(first, CODE, NOW_MS + HOUR_MS)
  await clock.advance(REFUSAL_WRITE_DELAY_MS)
  await until(() => clock.pendingTimers === 1)
  t.equal(await onDisk(), 0)
  await clock.advance(REFUSAL_WRITE_DELAY_MS)
  await until(() => database.commits === 2)
  store.refuse(second, CODE, NOW_MS + HOUR_MS)
  await crash()
  const again = await openCounted(path)
  t.same([again.store.isRefused(first), again.store.isRefused(second)], [true, false])
  await again.close()
})

t.test(
  'refused ids are bounded, in memory and on disk, and a flood does not drive out the older ones at once',
  async (t) => {
    const path = t.testdir()
    const { store, clock, close } = await openCounted(path, { maxRefusedIds: 500 })
    const honest = makeIds(100)
    for (const id of honest) store.refuse(id, CODE, NOW_MS + HOUR_MS)
    await clock.advance(REFUSAL_WRITE_DELAY_MS)
    for (const id of makeIds(500, 2)) store.refuse(id, CODE, NOW_MS + HOUR_MS)
    t.equal(store.counts().refused, 500)
    const left = honest.filter((id) => store.isRefused(id)).length
    t.ok(left > 50, `${left} of 100 are left after a flood as large as the memory`)
    await close()
    const again = await openCounted(path, { maxRefusedIds: 500 })
    t.equal(await again.onDisk(), 500)
    t.equal(honest.filter((id) => again.store.isRefused(id)).length, left)
    await again.close()
    const smaller = await openCounted(path, { maxRefusedIds: 20 })
    t.equal(smaller.store.counts().refused, 20)
    await smaller.close()
    const last = await openCounted(path)
    t.equal(await last.onDisk(), 20)
    await last.close()
  },
)

t.test('refusals are forgotten in time, on disk too', async (t) => {
  const path = t.testdir()
  const { store, clock, close } = await openCounted(path)
  const ids = makeIds(6)
  for (const [at, id] of ids.entries()) store.refuse(id, CODE, NOW_MS + 10_000 + at)
  store.refuse(ids[0] as Uint8Array, CODE, NOW_MS + 20_000)
  await clock.advance(10_002)
  t.same(
    ids.map((id) => store.isRefused(id)),
    [true, false, false, true, true, true],
  )
  await close()
  const again = await openCounted(path, {}, clock)
  t.equal(again.store.counts().refused, 4)
  await again.clock.advance(REFUSAL_WRITE_DELAY_MS)
  await until(() => again.database.commits === 1)
  await again.close()
  const last = await openCounted(path, {}, clock)
  t.equal(await last.onDisk(), 1, 'five seconds later')
  await last.close()
})

t.test('a clock that was ahead does not prolong a refusal beyond an hour of the right clock', async (t) => {
  const path = t.testdir()
  const clock = new SimulatedClock(NOW_MS + 365 * DAY_MS)
  const { store, close } = await openCounted(path, {}, clock)
  const [asked, stored] = makeIds(2) as [Uint8Array, Uint8Array]
  for (const id of [asked, stored]) store.refuse(id, CODE, clock.now() + 30 * DAY_MS)
  clock.jumpTo(NOW_MS)
  t.equal(store.isRefused(asked), true)
  clock.jumpTo(NOW_MS + MAX_REFUSAL_MS)
  t.equal(store.isRefused(asked), false, 'while it is open')
  await close()
  clock.jumpTo(NOW_MS)
  const again = await openCounted(path, {}, clock)
  t.equal(again.store.isRefused(stored), true)
  await again.close()
  clock.jumpTo(NOW_MS + MAX_REFUSAL_MS)
  const last = await openCounted(path, {}, clock)
  t.equal(last.store.isRefused(stored), false, 'and on disk')
  await last.close()
})

t.test('a refusal that passes, or may be about the signatures that the id leaves out, is not remembered', async (t) => {
  const path = t.testdir()
  const { database, store, close } = await openCounted(path)
  const passing = [
    'RECORDS_SIGNATURE',
    'RECORDS_POLICY',
    'RECORDS_SIGNATURE_SET',
    'RECORDS_FROM_FUTURE',
    'RECORDS_EXPIRED',
    'RECORDS_TYPE_UNKNOWN',
    'RECORDS_CERTIFICATE_UNKNOWN',
  ]
  const ids = makeIds(passing.length)
  for (const [at, id] of ids.entries()) store.refuse(id, passing[at] ?? '', NOW_MS + HOUR_MS)
  t.same(await store.missing(ids), ids)
  t.equal(store.counts().refused, 0)
  const room = database.room(ROOM.recordsRefused)
  await database.commit(ids.map((id, at) => room.put(id, writeRefusal(passing[at] ?? '', NOW_MS + HOUR_MS))))
  await close()
  const again = await openCounted(path)
  t.equal(again.store.counts().refused, 0, 'nor when an earlier version has stored it')
  await again.close()
  const last = await openCounted(path)
  t.equal(await last.onDisk(), 0)
  await last.close()
})
