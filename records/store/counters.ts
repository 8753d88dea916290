import type { Operation, Room } from '../../core/store/index.ts'
import { COUNTS_KEY, readCounts, type StoredCounts, writeCounts } from './entries.ts'

/**
 * How many records there are, written in every batch that changes it: a batch that LevelDB lost without a word (a
 * flipped bit in its log) shows as a count above what is found.
 *
 * What is written never counts a record whose commit may still fail: commits that wait together are each told of the
 * records that are certain, and of their own. So the number on disk may be too low until the next commit or the close,
 * never too high, and a failed commit cannot make a record look lost. A loss at the very end of the log takes the count
 * with it and shows nothing: that is a restored past, which only peers can tell.
 */
export class Counters {
  readonly #room: Room
  /** What is held for certain. */
  #counts: StoredCounts = { records: 0, bytes: 0, missing: 0 }
  /** Part of that which a removal that has not succeeded yet may have removed. */
  #leaving = { records: 0, bytes: 0 }
  /** What was last handed out to be written; undefined when that may not be what is on disk. */
  #written: StoredCounts | undefined

  constructor(room: Room) {
    this.#room = room
  }

  get counts(): Readonly<StoredCounts> {
    return this.#counts
  }

  /** True when the entry on disk is not exact. */
  get stale(): boolean {
    const { records, bytes, missing } = this.#certain(0, 0)
    const written = this.#written
    return written?.records !== records || written.bytes !== bytes || written.missing !== missing
  }

  /** Takes over what was found at start, and notices what was counted and is not there. */
  async load(found: { records: number; bytes: number }): Promise<void> {
    const value = await this.#room.get(COUNTS_KEY)
    this.#written = value === undefined ? { records: 0, bytes: 0, missing: 0 } : readCounts(value)
    const missing = Math.max(0, this.#written.records + this.#written.missing - found.records)
    this.#counts = { ...found, missing }
  }

  /** The operation that belongs in the batch of a new record of `bytes`. */
  adding(bytes: number): Operation {
    return this.#write(this.#certain(1, bytes))
  }

  /** That batch is on disk. Any record makes up for a missing one: which ones were lost is not known. */
  added(bytes: number): void {
    const { records, missing } = this.#counts
    this.#counts = { records: records + 1, bytes: this.#counts.bytes + bytes, missing: Math.max(0, missing - 1) }
  }

  /** The operation that belongs in the batch that removes these. One such batch at a time; a retry takes its place. */
  removing(records: number, bytes: number): Operation {
    this.#leaving = { records, bytes }
    return this.write()
  }

  /** That batch is on disk and has removed these. */
  removed(records: number, bytes: number): void {
    this.#leaving = { records: 0, bytes: 0 }
    const { counts } = this
    this.#counts = { ...counts, records: counts.records - records, bytes: counts.bytes - bytes }
  }

  /** A batch failed: what is on disk is not known. */
  failed(): void {
    this.#written = undefined
  }

  /** The operation that writes the counters as they are. */
  write(): Operation {
    return this.#write(this.#certain(0, 0))
  }

  #certain(moreRecords: number, moreBytes: number): StoredCounts {
    const { records, bytes, missing } = this.#counts
    return {
      records: records - this.#leaving.records + moreRecords,
      bytes: bytes - this.#leaving.bytes + moreBytes,
      missing: Math.max(0, missing - moreRecords),
    }
  }

  #write(counts: StoredCounts): Operation {
    this.#written = counts
    return this.#room.put(COUNTS_KEY, writeCounts(counts))
  }
}
