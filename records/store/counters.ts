import type { Operation, Room } from '../../core/store/index.ts'
import { COUNTS_KEY, readCounts, type StoredCounts, writeCounts } from './entries.ts'

/**
 * How many records there are, written in every batch that changes it: a batch that LevelDB lost without a word (a
 * flipped bit in its log) shows as a count above what is found. Commits keep their order, so the last one written is
 * right; after a failed one the number is too high until the next. A loss at the very end of the log takes the count with
 * it and shows nothing: that is a restored past, which only peers can tell.
 */
export class Counters {
  readonly #records: Room
  #counts: StoredCounts = { records: 0, bytes: 0, missing: 0 }
  /** True when the number on disk may be too high. */
  #stale = false

  constructor(records: Room) {
    this.#records = records
  }

  get counts(): Readonly<StoredCounts> {
    return this.#counts
  }

  get stale(): boolean {
    return this.#stale
  }

  /** Takes over what was found at start, and remembers what was counted and is not there. */
  async load(found: { records: number; bytes: number }): Promise<void> {
    const value = await this.#records.get(COUNTS_KEY)
    const stored = value === undefined ? { records: 0, bytes: 0, missing: 0 } : readCounts(value)
    const missing = stored.missing + Math.max(0, stored.records - found.records)
    this.#counts = { ...found, missing }
    this.#stale = stored.records !== found.records
  }

  /** The operation that counts `records` more (or fewer) of `bytes` in all. Belongs in the batch that does it. */
  change(records: number, bytes: number): Operation {
    this.#add(records, bytes)
    this.#stale = false
    return this.write()
  }

  /** Takes a {@link change} back that was not written. */
  undo(records: number, bytes: number): void {
    this.#add(-records, -bytes)
    this.#stale = true
  }

  /** The operation that writes the counters as they are. */
  write(): Operation {
    return this.#records.put(COUNTS_KEY, writeCounts(this.#counts))
  }

  /** Never below zero: a record whose write failed may be on disk all the same, and is removed when it expires. */
  #add(records: number, bytes: number): void {
    const { missing, ...counts } = this.#counts
    this.#counts = {
      records: Math.max(0, counts.records + records),
      bytes: Math.max(0, counts.bytes + bytes),
      missing,
    }
  }
}
