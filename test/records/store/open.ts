/** A record store on a real database. */
import { type Clock, SimulatedClock, silentLogger } from '../../../core/index.ts'
import { type Database, openDatabase } from '../../../core/store/index.ts'
import { openRecordStore, type RecordStore, type RecordStoreOptions } from '../../../records/store/index.ts'
import { NOW_MS } from '../scene.ts'

export interface OpenStore {
  database: Database
  store: RecordStore
  clock: SimulatedClock
  close(): Promise<void>
}

/** Opens the store in directory `path`. */
export async function openAt(
  path: string,
  options: RecordStoreOptions & { clock?: SimulatedClock } = {},
): Promise<OpenStore> {
  const { clock = new SimulatedClock(NOW_MS), ...rest } = options
  const database = await openDatabase(path)
  const store = await openRecordStore(rest, { database, clock: clock satisfies Clock, logger: silentLogger() })
  const close = async () => {
    await store.close()
    await database.close()
  }
  return { database, store, clock, close }
}

/** All items of an async iterable. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}
