import { type Timer, toHex } from '../../core/index.ts'
import type { Operation } from '../../core/store/index.ts'
import { ALL_PRIORITIES } from '../codec/priority.ts'
import { EXPIRY_BATCH, EXPIRY_RETRY_MS } from '../limits.ts'
import type { Indexed } from './entries.ts'
import type { QueueParts } from './parts.ts'
import type { Removal } from './removal.ts'

/** Drops what is past its lifetime, with one timer for the next, and forgets what is gone when its lifetime ends. */
export class Expiring {
  readonly #parts: QueueParts
  readonly #removal: Removal
  #timer: { readonly atMs: number; readonly handle: Timer } | undefined
  #running: Promise<void> | undefined
  #remembered = 0
  #closed = false

  constructor(parts: QueueParts, removal: Removal) {
    this.#parts = parts
    this.#removal = removal
  }

  /** Bundles that are gone and still known as seen. */
  get remembered(): number {
    return this.#remembered
  }

  /** Counts again what is remembered. */
  async recount(): Promise<void> {
    this.#remembered = 0
    for await (const _ of this.#parts.entries.seenByExpiry()) this.#remembered += 1
  }

  /** Drops what is past its lifetime and sets the timer for the next. */
  run(): Promise<void> {
    this.#running ??= this.#expire().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** So many bundles are gone and remembered from now on; beyond the most, those that expire soonest are forgotten. */
  async remember(count: number, expiresAtMs: number): Promise<void> {
    this.#remembered += count
    this.arm(expiresAtMs)
    const excess = this.#remembered - this.#parts.options.maxRemembered
    if (excess > 0) await this.#forget(excess, Number.MAX_SAFE_INTEGER)
  }

  /** Something ends at `atMs`, on the queue's own time. */
  arm(atMs: number): void {
    if (this.#closed || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return
    this.#timer?.handle.cancel()
    const delayMs = Math.max(0, atMs - this.#parts.time.now())
    const handle = this.#parts.clock.setTimer(delayMs, () => this.#onTimer(), { unref: true })
    this.#timer = { atMs, handle }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.handle.cancel()
    this.#timer = undefined
    await this.#running?.catch(() => {})
  }

  async #expire(): Promise<void> {
    const { entries, time } = this.#parts
    const nowMs = time.now()
    for (const priority of ALL_PRIORITIES) {
      for (let more = true; more && !this.#closed; ) {
        const batch: Indexed[] = []
        for await (const indexed of entries.byExpiry(priority, nowMs)) {
          if (batch.push(indexed) === EXPIRY_BATCH) break
        }
        more = batch.length === EXPIRY_BATCH
        if (batch.length > 0) await this.#drop(batch)
      }
    }
    while (!this.#closed && (await this.#forget(EXPIRY_BATCH, nowMs)) === EXPIRY_BATCH);
    await this.#armNext()
  }

  /** Somebody else may have taken some of them meanwhile. */
  #drop(batch: readonly Indexed[]): Promise<void> {
    const { entries, locks, counters } = this.#parts
    const names = batch.map(({ id }) => toHex(id))
    return locks.run(names, async () => {
      const found = await Promise.all(batch.map((indexed) => entries.at(indexed)))
      const here = found.filter((indexed) => indexed !== undefined)
      await this.#removal.commit(here, false)
      counters.expired += here.length
    })
  }

  async #armNext(): Promise<void> {
    const { entries } = this.#parts
    const nextMs = await entries.nextExpiryMs()
    if (nextMs !== undefined) this.arm(nextMs)
    for await (const { expiresAtMs } of entries.seenByExpiry()) {
      this.arm(expiresAtMs)
      break
    }
  }

  /** Forgets at most `maxCount` bundles, soonest expiry first, none that expires after `untilMs`. */
  async #forget(maxCount: number, untilMs: number): Promise<number> {
    const { entries, database } = this.#parts
    const operations: Operation[] = []
    let count = 0
    for await (const place of entries.seenByExpiry()) {
      if (count >= maxCount || place.expiresAtMs > untilMs) break
      operations.push(...entries.forget(place))
      count += 1
    }
    if (count === 0) return 0
    await database.commit(operations)
    this.#remembered -= count
    return count
  }

  #onTimer(): void {
    this.#timer = undefined
    this.run().catch((error) => {
      if (this.#closed) return
      this.#parts.onError(error)
      this.arm(this.#parts.time.now() + EXPIRY_RETRY_MS)
    })
  }
}
