import { type Clock, type Logger, uintBytes } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import { EXPIRY_BATCH } from '../limits.ts'
import type { BucketIndex } from './buckets.ts'
import type { Counters } from './counters.ts'
import { readExpiry, readTimeKey, timeKey } from './entries.ts'
import { ExpiryTimer } from './expiry-timer.ts'
import type { RecordRooms } from './rooms.ts'

const RETRY_MS = 60_000

/** What {@link Expiry} works on. */
export interface ExpiryDependencies {
  readonly database: Database
  readonly rooms: RecordRooms
  readonly buckets: BucketIndex
  readonly counters: Counters
  readonly clock: Clock
  readonly logger: Logger
}

interface ExpiredRecord {
  readonly id: Uint8Array
  /** When it expired. */
  readonly timeMs: number
  readonly createdAtMs: number
  readonly bytes: number
}

/** Removes records whose lifetime has ended: one timer for the next one, bounded batches, no scans. */
export class Expiry {
  readonly #deps: ExpiryDependencies
  readonly #timer: ExpiryTimer
  #running: Promise<void> | undefined
  #closed = false
  #removed = 0
  #unconfirmed: ExpiredRecord[] | undefined

  constructor(dependencies: ExpiryDependencies) {
    this.#deps = dependencies
    this.#timer = new ExpiryTimer(dependencies.clock, () => this.#start())
  }

  /** Records removed since the store was opened. */
  get removed(): number {
    return this.#removed
  }

  schedule(expiresAtMs: number): void {
    if (!this.#closed) this.#timer.schedule(expiresAtMs)
  }

  /** Looks up the next expiry. */
  async scheduleNext(): Promise<void> {
    for await (const key of this.#deps.rooms.byExpiry.keys({ limit: 1 })) this.schedule(readTimeKey(key).timeMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer.stop()
    await this.#running
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#deps
    const before = this.#removed
    try {
      while (!this.#closed && (await this.#removeBatch()) === EXPIRY_BATCH);
      if (!this.#closed) await this.scheduleNext()
    } catch (error) {
      logger.error({ error }, 'Expired records could not be removed; will try again.')
      this.schedule(clock.now() + RETRY_MS)
    }
    if (this.#removed > before) logger.debug({ records: this.#removed - before }, 'Expired records were removed.')
  }

  /** Removes what has expired, at most {@link EXPIRY_BATCH} records, and tells how many. */
  async #removeBatch(): Promise<number> {
    const { database, rooms, buckets, counters } = this.#deps
    // A removal that failed may have reached the disk all the same, where it would not be found again.
    const expired = this.#unconfirmed ?? (await this.#nextBatch())
    if (expired.length === 0) return 0
    const bytes = expired.reduce((sum, record) => sum + record.bytes, 0)
    const operations = expired.flatMap(({ id, timeMs, createdAtMs }) => [
      rooms.records.delete(id),
      rooms.byTime.delete(timeKey(createdAtMs, id)),
      rooms.byExpiry.delete(timeKey(timeMs, id)),
    ])
    try {
      await database.commit([...operations, counters.change(-expired.length, -bytes)])
      this.#unconfirmed = undefined
    } catch (error) {
      this.#unconfirmed = expired
      counters.undo(-expired.length, -bytes)
      throw error
    }
    for (const { id, createdAtMs } of expired) buckets.delete(id, createdAtMs)
    this.#removed += expired.length
    return expired.length
  }

  async #nextBatch(): Promise<ExpiredRecord[]> {
    const { rooms, clock } = this.#deps
    const expired: ExpiredRecord[] = []
    const range = { lt: uintBytes(clock.now() + 1), limit: EXPIRY_BATCH }
    for await (const [key, value] of rooms.byExpiry.entries(range)) {
      expired.push({ ...readTimeKey(key), ...readExpiry(value) })
    }
    return expired
  }
}
