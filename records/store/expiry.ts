import { type Clock, type Logger, uintBytes } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import { EXPIRY_BATCH, MAX_CLOCK_DOUBT_MS, MAX_CLOCK_JUMP_MS } from '../limits.ts'
import type { BucketIndex } from './buckets.ts'
import type { Counters } from './counters.ts'
import { readExpiry, readTimeKey, timeKey } from './entries.ts'
import { ExpiryTimer } from './expiry-timer.ts'
import type { RecordRooms } from './rooms.ts'

const RETRY_MS = 60_000

export interface ExpiryOptions {
  /** A wall clock beyond this time is wrong, however long it has been so. Default: none is. */
  readonly clockEndMs?: (() => number) | undefined
}

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

/**
 * Removes records whose lifetime has ended: one timer for the next one, bounded batches, no scans.
 *
 * What a wrong clock removed is lost, what it kept is only late. So nothing is removed while the wall clock is more than an
 * hour ahead of where it was when the store was opened and the time that has passed since: removal resumes when the clock
 * is back, after a day (a machine that slept sees such a jump, too), or after a restart, which takes the clock as it is.
 * Beyond the end that the caller names, no clock is believed. A clock that was set back harms nothing.
 */
export class Expiry {
  readonly #deps: ExpiryDependencies
  readonly #clockEndMs: () => number
  readonly #timer: ExpiryTimer
  #running: Promise<void> | undefined
  #closed = false
  #removed = 0
  /** Wall clock less monotonic clock when the store was opened, or when a jump was believed. */
  #offsetMs: number
  /** Monotonic time at which the clock was found to be ahead; undefined while it is believed. */
  #doubtedMs: number | undefined
  #unconfirmed: ExpiredRecord[] | undefined

  constructor({ clockEndMs = () => Number.POSITIVE_INFINITY }: ExpiryOptions, dependencies: ExpiryDependencies) {
    this.#deps = dependencies
    this.#clockEndMs = clockEndMs
    const { clock } = dependencies
    this.#offsetMs = clock.now() - clock.monotonic()
    this.#timer = new ExpiryTimer(clock, () => this.#start())
  }

  /** Records removed since the store was opened. */
  get removed(): number {
    return this.#removed
  }

  /** True while nothing is removed because the clock may be wrong. */
  get suspended(): boolean {
    return this.#doubtedMs !== undefined
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
    const { logger } = this.#deps
    const before = this.#removed
    try {
      while (!this.#closed && (await this.#removeBatch()) === EXPIRY_BATCH);
      if (this.suspended) this.#retry()
      else if (!this.#closed) await this.scheduleNext()
    } catch (error) {
      logger.error({ err: error }, 'Expired records could not be removed; will try again.')
      this.#retry()
    }
    if (this.#removed > before) logger.debug({ records: this.#removed - before }, 'Expired records were removed.')
  }

  #retry(): void {
    if (!this.#closed) this.#timer.retry(RETRY_MS)
  }

  /** Removes what has expired, at most {@link EXPIRY_BATCH} records, and tells how many. */
  async #removeBatch(): Promise<number> {
    const { database, rooms, buckets, counters } = this.#deps
    // A removal that failed may have reached the disk all the same, where it would not be found again.
    const expired = this.#unconfirmed ?? (await this.#nextBatch())
    if (expired.length === 0) return 0
    // What a failed commit left on disk was never counted.
    const held = expired.filter(({ id, createdAtMs }) => buckets.has(id, createdAtMs))
    const operations = expired.flatMap(({ id, timeMs, createdAtMs }) => [
      rooms.records.delete(id),
      rooms.byTime.delete(timeKey(createdAtMs, id)),
      rooms.byExpiry.delete(timeKey(timeMs, id)),
    ])
    try {
      await database.commit([...operations, counters.removing(held.length, sizeOf(held))])
      this.#unconfirmed = undefined
    } catch (error) {
      this.#unconfirmed = expired
      counters.failed()
      throw error
    }
    const removed = expired.filter(({ id, createdAtMs }) => buckets.delete(id, createdAtMs))
    counters.removed(removed.length, sizeOf(removed))
    this.#removed += removed.length
    return expired.length
  }

  async #nextBatch(): Promise<ExpiredRecord[]> {
    const { rooms, clock } = this.#deps
    const expired: ExpiredRecord[] = []
    const nowMs = clock.now()
    if (this.#distrusts(nowMs)) return expired
    const range = { lt: uintBytes(nowMs + 1), limit: EXPIRY_BATCH }
    for await (const [key, value] of rooms.byExpiry.entries(range)) {
      expired.push({ ...readTimeKey(key), ...readExpiry(value) })
    }
    return expired
  }

  #distrusts(nowMs: number): boolean {
    const { clock, logger } = this.#deps
    const passedMs = clock.monotonic()
    if (this.#doubtedMs !== undefined && passedMs - this.#doubtedMs >= MAX_CLOCK_DOUBT_MS) {
      this.#offsetMs = nowMs - passedMs
    }
    const aheadMs = Math.round(nowMs - passedMs - this.#offsetMs)
    const suspended = aheadMs > MAX_CLOCK_JUMP_MS || nowMs > this.#clockEndMs()
    if (suspended && !this.suspended) {
      this.#doubtedMs = passedMs
      logger.warn({ aheadMs }, 'The clock is too far ahead; expired records are kept. Is it right?')
    }
    if (!suspended && this.suspended) {
      this.#doubtedMs = undefined
      logger.info({}, 'The clock is believed; expired records are removed again.')
    }
    return suspended
  }
}

function sizeOf(records: readonly ExpiredRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes, 0)
}
