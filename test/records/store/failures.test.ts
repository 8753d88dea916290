/** Commits that fail, with and without reaching the disk: what the store says then, and after it was opened again. */
import { join } from 'node:path'
import t from 'tap'
import { SimulatedClock, SimulatedRandom, silentLogger } from '../../../core/index.ts'
import { type Database, openDatabase, ROOM } from '../../../core/store/index.ts'
import type { CheckedRecord } from '../../../records/index.ts'
import { MAX_STRAY_RECORDS } from '../../../records/limits.ts'
import { openRecordStore, type RecordStore } from '../../../records/store/index.ts'
import { recordRooms } from '../../../records/store/rooms.ts'
import { Strays } from '../../../records/store/strays.ts'
import { NOW_MS } from '../scene.ts'
import { type FailingDatabase, failing } from './failing.ts'
import { series, unsigned } from './fake-records.ts'
import { all, openAt } from './open.ts'

interface OpenFailing {
  readonly database: FailingDatabase
  readonly store: RecordStore
  /** The process ends here: nothing is settled. */
  crash(): Promise<void>
  close(): Promise<void>
}

async function openFailing(path: string): Promise<OpenFailing> {
  const database = failing(await openDatabase(path))
  const store = await openRecordStore({}, { database, clock: new SimulatedClock(NOW_MS), logger: silentLogger() })
  const close = async () => {
    await store.close()
    await database.close()
  }
  return { database, store, crash: () => database.close(), close }
}

async function entriesOf(database: Database): Promise<number[]> {
  const rooms = [ROOM.records, ROOM.recordsByTime, ROOM.recordsByExpiry] as const
  return Promise.all(rooms.map(async (prefix) => (await all(database.room(prefix).keys())).length))
}

t.test('what a refused joint commit left on disk stays together until the next joint commit', async (t) => {
  const beside = Uint8Array.of(1)
  for (const ends of ['crash', 'close', 'joint'] as const) {
    const path = join(t.testdir(), ends)
    const { database, store, crash, close } = await openFailing(path)
    const room = database.room(ROOM.readPositions)
    const [own, other, next] = series(3, 0)
    if (own === undefined || other === undefined || next === undefined) throw new TypeError('three records')
    const joint = async (record: CheckedRecord) => {
      const admission = store.admitOperations(record, NOW_MS)
      if (admission === undefined) throw new TypeError('it is not held')
      await database.commit([...admission.operations, room.put(beside, record.id)]).then(
        () => admission.committed(),
        () => admission.failed(),
      )
    }
    database.failures.push('reached')
    await joint(own)
    await store.admit(other, NOW_MS)
    t.equal(store.isDuplicate(own.id, own.createdAtMs), false)
    if (ends === 'joint') await joint(next)
    if (ends === 'close') await close()
    else await crash()
    const again = await openAt(path)
    const position = await again.database.room(ROOM.readPositions).get(beside)
    t.same(position, ends === 'joint' ? next.id : own.id)
    t.equal(await again.store.has(own.id), ends !== 'joint', 'the record is there where the entry beside it is')
    t.match(again.store.counts(), { records: 2, missing: 0 })
    t.ok((await again.store.check()).ok)
    await again.close()
  }
})

t.test('what a refused commit left on disk goes with the next record, or when the store is closed', async (t) => {
  for (const closes of [false, true]) {
    const path = join(t.testdir(), String(closes))
    const { database, store, crash, close } = await openFailing(path)
    const [refused, other] = [unsigned(), unsigned({ sequence: 1, createdAtMs: NOW_MS + 1 })]
    database.failures.push('reached')
    await t.rejects(store.admit(refused, NOW_MS))
    t.same(await entriesOf(database), [2, 1, 1], 'the counters are an entry too')
    t.same(await store.missing([refused.id]), [refused.id], 'a peer may bring it again')
    if (closes) await close()
    else {
      await store.admit(other, NOW_MS)
      t.same(await entriesOf(database), [2, 1, 1])
      await crash()
    }
    const again = await openAt(path)
    t.equal(await again.store.has(refused.id), false)
    t.match(again.store.counts(), { records: closes ? 0 : 1, missing: 0, heads: closes ? 0 : 1 })
    t.ok((await again.store.check()).ok)
    await again.close()
  }
})

t.test('a record that is staged again is not taken for what its failed commit left', async (t) => {
  const path = t.testdir()
  const { database, store, crash } = await openFailing(path)
  const [record, other, last] = series(3) as [CheckedRecord, CheckedRecord, CheckedRecord]
  database.failures.push('reached', 'lost')
  await t.rejects(store.admit(record, NOW_MS))
  const removing = t.rejects(store.admit(other, NOW_MS)) // would remove the first; fails
  t.equal(await store.admit(record, NOW_MS), true)
  await removing
  t.equal(await store.admit(last, NOW_MS), true)
  t.equal(await store.has(record.id), true)
  t.equal(await store.has(other.id), false)
  await crash()
  const again = await openAt(path)
  t.match(again.store.counts(), { records: 2, missing: 0 })
  t.ok((await again.store.check()).ok)
  await again.close()
})

t.test('strays are bounded', async (t) => {
  const { database, close } = await openAt(t.testdir())
  const strays = new Strays(recordRooms(database))
  const random = new SimulatedRandom(1)
  for (let at = 0; at <= MAX_STRAY_RECORDS; at += 1) {
    strays.add(String(at), { id: random.bytes(32), createdAtMs: NOW_MS, expiresAtMs: undefined })
  }
  t.same([strays.has('0'), strays.has('1')], [false, true])
  t.equal(strays.take(false).size, MAX_STRAY_RECORDS)
  t.equal(strays.take(false).size, 0)
  await close()
})

t.test('heads follow what is on disk', async (t) => {
  for (const failure of ['lost', 'reached'] as const) {
    const path = join(t.testdir(), failure)
    const { database, store, crash } = await openFailing(path)
    await store.admit(unsigned({ sequence: 4 }), NOW_MS)
    const refused = unsigned({ sequence: 41, createdAtMs: NOW_MS + 9 })
    database.failures.push(failure)
    await t.rejects(store.admit(refused, NOW_MS))
    t.same(store.headOf('sensor-01', 'anomaly'), { sequence: 4, createdAtMs: NOW_MS }, 'not moved')
    await store.admit(unsigned({ origin: 'sensor-02', sequence: 1 }), NOW_MS)
    await crash()

    const again = await openFailing(path)
    t.same(again.store.headOf('sensor-01', 'anomaly'), { sequence: 4, createdAtMs: NOW_MS })
    again.database.failures.push(failure)
    await t.rejects(again.store.admit(refused, NOW_MS))
    t.equal(await again.store.admit(refused, NOW_MS), true)
    await again.crash()

    const last = await openAt(path)
    t.same(last.store.headOf('sensor-01', 'anomaly'), { sequence: 41, createdAtMs: NOW_MS + 9 })
    t.equal(last.store.counts().heads, 2)
    await last.close()
  }
})

t.test(
  'a head that only a refused commit wrote is removed, and records that wait together do not undo each other',
  async (t) => {
    const path = t.testdir()
    const { database, store, close } = await openFailing(path)
    database.failures.push('reached')
    await t.rejects(store.admit(unsigned({ origin: 'ghost' }), NOW_MS))
    const outcomes = Promise.all([7, 5, 6].map((sequence) => store.admit(unsigned({ sequence }), NOW_MS)))
    t.same(await outcomes, [true, true, true])
    t.equal(store.headOf('sensor-01', 'anomaly')?.sequence, 7)
    const higher = store.admitOperations(unsigned({ sequence: 9 }), NOW_MS)
    await store.admit(unsigned({ sequence: 8 }), NOW_MS)
    higher?.failed()
    t.equal(store.headOf('sensor-01', 'anomaly')?.sequence, 8)
    await close()
    const again = await openAt(path)
    t.equal(again.store.headOf('ghost', 'anomaly'), undefined)
    t.equal(again.store.headOf('sensor-01', 'anomaly')?.sequence, 8)
    await again.close()
  },
)

t.test('a record that was never accepted is never missing, also when nothing more is written', async (t) => {
  const path = t.testdir()
  const { database, store, crash } = await openFailing(path)
  const records = series(6)
  database.failures.push('lost')
  const outcomes = await Promise.allSettled(records.map((record) => store.admit(record, NOW_MS)))
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', ...Array.from({ length: 5 }, () => 'fulfilled')],
  )
  t.match(store.counts(), { records: 5, missing: 0 })
  await crash()
  const again = await openAt(path)
  t.match(again.store.counts(), { records: 5, missing: 0 })
  await again.close()
})

t.test('counts stay right when a removal fails and records come meanwhile', async (t) => {
  for (const failure of ['lost', 'reached'] as const) {
    const path = join(t.testdir(), failure)
    const database = failing(await openDatabase(path))
    const clock = new SimulatedClock(NOW_MS)
    const store = await openRecordStore({}, { database, clock, logger: silentLogger() })
    await store.admit(unsigned({ lifetimeMs: 1_000 }), NOW_MS)
    await store.admit(unsigned({ sequence: 1 }), NOW_MS)
    database.failures.push(failure)
    const before = database.commits
    await clock.advance(1_000)
    while (database.commits === before || clock.pendingTimers === 0) await new Promise(setImmediate)
    await store.admit(unsigned({ sequence: 2 }), NOW_MS)
    t.match(store.counts(), { records: 3, expired: 0 })
    await database.close()
    const again = await openAt(path)
    t.match(again.store.counts(), { records: failure === 'lost' ? 3 : 2, missing: 0 })
    await again.close()
  }
})
