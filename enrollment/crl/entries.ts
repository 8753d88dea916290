import { REASON_CODES, type RevocationReason, reasonName } from './reasons.ts'
import { Rows } from './rows.ts'

/** One revoked certificate. Times are whole seconds, in milliseconds since the Unix epoch. */
export interface RevokedEntry {
  /** Unsigned big-endian, no leading zero byte, below 2^159. */
  readonly serialNumber: Uint8Array
  readonly revokedAtMs: number
  readonly reason: RevocationReason
  /** Since when the certificate has been invalid, if not since its revocation (RFC 5280 §5.3.2). */
  readonly invalidityMs?: number | undefined
  /** SHA-256 of its SPKI. Whoever has this key is revoked; left out where the key stays good for another certificate. */
  readonly keyHash?: Uint8Array | undefined
}

/** One entry as a builder takes it. */
export interface EntryFields {
  /** Left-padded to {@link SERIAL_BYTES}. */
  readonly serial: Uint8Array
  readonly revokedAtMs: number
  readonly reason: number
  /** NaN: none. */
  readonly invalidityMs: number
  readonly keyHash: Uint8Array | undefined
}

export const SERIAL_BYTES = 20
export const KEY_HASH_BYTES = 32

interface Columns {
  readonly serials: Uint8Array
  readonly revokedAtMs: Float64Array
  readonly invalidityMs: Float64Array
  readonly reasons: Uint8Array
  readonly keyHashes: Uint8Array
  /** 1 where there is a key hash. */
  readonly hasKeyHash: Uint8Array
}

/** Entries in ascending order of serial number, each serial number once; 70 bytes for each. */
export class RevokedEntries implements Iterable<RevokedEntry> {
  static readonly none: RevokedEntries = new RevokedEntries(columnsFor(0), 0)

  readonly size: number
  readonly serials: Rows
  readonly keyHashes: Rows
  readonly #columns: Columns

  /** @param columns at least `size` rows of each */
  constructor(columns: Columns, size: number) {
    this.size = size
    this.#columns = columns
    this.serials = new Rows(columns.serials, SERIAL_BYTES)
    this.keyHashes = new Rows(columns.keyHashes, KEY_HASH_BYTES)
  }

  /** CRLReason of an entry. */
  reasonAt(row: number): number {
    return this.#columns.reasons[row] ?? 0
  }

  revokedAtMs(row: number): number {
    return this.#columns.revokedAtMs[row] ?? 0
  }

  /** NaN: none. */
  invalidityMs(row: number): number {
    return this.#columns.invalidityMs[row] ?? Number.NaN
  }

  hasKeyHash(row: number): boolean {
    return this.#columns.hasKeyHash[row] === 1
  }

  /** The entry at a place below {@link size}. */
  at(row: number): RevokedEntry {
    const serial = this.serials.at(row)
    const invalidityMs = this.invalidityMs(row)
    return {
      serialNumber: serial.subarray(serial.findIndex((byte) => byte !== 0)),
      revokedAtMs: this.revokedAtMs(row),
      reason: reasonName(this.reasonAt(row)) ?? 'unspecified',
      ...(Number.isNaN(invalidityMs) ? {} : { invalidityMs }),
      ...(this.hasKeyHash(row) ? { keyHash: this.keyHashes.at(row) } : {}),
    }
  }

  *[Symbol.iterator](): Iterator<RevokedEntry> {
    for (let row = 0; row < this.size; row += 1) yield this.at(row)
  }

  /**
   * These entries with those of a delta: each takes the place of one with the same serial number, or takes it away when
   * its reason is removeFromCRL.
   */
  with(delta: RevokedEntries): RevokedEntries {
    const merged = new EntriesBuilder(this.size + delta.size)
    let from = 0
    for (let row = 0; row < delta.size; row += 1) {
      const place = this.#placeOf(delta, row, from)
      merged.copy(this, from, place)
      from = place < this.size && this.serials.compare(place, delta.serials, row) === 0 ? place + 1 : place
      if (delta.reasonAt(row) !== REASON_CODES.removeFromCRL) merged.copy(delta, row, row + 1)
    }
    merged.copy(this, from, this.size)
    return merged.finish()
  }

  /** First row from `from` on whose serial number is not below that of `other`'s `row`. */
  #placeOf(other: RevokedEntries, row: number, from: number): number {
    let [low, high] = [from, this.size]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.serials.compare(middle, other.serials, row) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Copies rows into `target`, column by column. */
  copyTo(target: Columns, at: number, [from, to]: readonly [number, number]): void {
    const { serials, revokedAtMs, invalidityMs, reasons, keyHashes, hasKeyHash } = this.#columns
    target.serials.set(serials.subarray(from * SERIAL_BYTES, to * SERIAL_BYTES), at * SERIAL_BYTES)
    target.keyHashes.set(keyHashes.subarray(from * KEY_HASH_BYTES, to * KEY_HASH_BYTES), at * KEY_HASH_BYTES)
    target.revokedAtMs.set(revokedAtMs.subarray(from, to), at)
    target.invalidityMs.set(invalidityMs.subarray(from, to), at)
    target.reasons.set(reasons.subarray(from, to), at)
    target.hasKeyHash.set(hasKeyHash.subarray(from, to), at)
  }
}

function columnsFor(count: number): Columns {
  return {
    serials: new Uint8Array(count * SERIAL_BYTES),
    revokedAtMs: new Float64Array(count),
    invalidityMs: new Float64Array(count),
    reasons: new Uint8Array(count),
    keyHashes: new Uint8Array(count * KEY_HASH_BYTES),
    hasKeyHash: new Uint8Array(count),
  }
}

/** Puts entries together that come in order. */
export class EntriesBuilder {
  readonly #columns: Columns
  #size = 0

  /** @param capacity most entries */
  constructor(capacity: number) {
    this.#columns = columnsFor(capacity)
  }

  add(entry: EntryFields): void {
    const row = this.#size
    this.#columns.serials.set(entry.serial, row * SERIAL_BYTES)
    this.#columns.revokedAtMs[row] = entry.revokedAtMs
    this.#columns.invalidityMs[row] = entry.invalidityMs
    this.#columns.reasons[row] = entry.reason
    if (entry.keyHash !== undefined) {
      this.#columns.keyHashes.set(entry.keyHash, row * KEY_HASH_BYTES)
      this.#columns.hasKeyHash[row] = 1
    }
    this.#size += 1
  }

  /** Adds rows `from` to `to` (exclusive) of `entries`. */
  copy(entries: RevokedEntries, from: number, to: number): void {
    if (from === to) return
    entries.copyTo(this.#columns, this.#size, [from, to])
    this.#size += to - from
  }

  /** The entries so far, which must be in order. */
  finish(): RevokedEntries {
    return new RevokedEntries(this.#columns, this.#size)
  }
}

/**
 * Entries in order, from any order; fractions of a second are cut.
 * @throws {TypeError} for a serial number out of bounds or twice, a time that is none, a key hash of another length
 */
export function revokedEntries(entries: Iterable<RevokedEntry>): RevokedEntries {
  const given = [...entries]
  const unsorted = new EntriesBuilder(given.length)
  for (const entry of given) unsorted.add(toFields(entry))
  return inOrder(unsorted.finish())
}

function inOrder(unsorted: RevokedEntries): RevokedEntries {
  const { serials, size } = unsorted
  const rows = Uint32Array.from({ length: size }, (_, row) => row).sort((a, b) => serials.compare(a, serials, b))
  const sorted = new EntriesBuilder(size)
  let before: number | undefined
  for (const row of rows) {
    if (before !== undefined && serials.compare(before, serials, row) === 0) {
      throw new TypeError('a serial number appears twice')
    }
    sorted.copy(unsorted, row, row + 1)
    before = row
  }
  return sorted.finish()
}

function toFields({ serialNumber, revokedAtMs, reason, invalidityMs, keyHash }: RevokedEntry): EntryFields {
  const [first = 0] = serialNumber
  const tooLong = serialNumber.length > SERIAL_BYTES || (serialNumber.length === SERIAL_BYTES && first > 0x7f)
  if (first === 0 || tooLong) throw new TypeError('a serial number is positive and below 2^159')
  if (keyHash !== undefined && keyHash.length !== KEY_HASH_BYTES) throw new TypeError('a key hash has 32 bytes')
  return {
    serial: padSerial(serialNumber),
    revokedAtMs: wholeSecond(revokedAtMs),
    reason: REASON_CODES[reason],
    invalidityMs: invalidityMs === undefined ? Number.NaN : wholeSecond(invalidityMs),
    keyHash,
  }
}

/** A serial number of at most {@link SERIAL_BYTES} with zeroes before it. */
export function padSerial(serialNumber: Uint8Array): Uint8Array {
  const padded = new Uint8Array(SERIAL_BYTES)
  padded.set(serialNumber, SERIAL_BYTES - serialNumber.length)
  return padded
}

const FIRST_TIME_MS = Date.UTC(1950, 0)
/** Last time that a list can say. */
export const LAST_TIME_MS: number = Date.UTC(9999, 11, 31, 23, 59, 59)

/**
 * The whole second of a time that a list can say: 1950 to 9999.
 * @throws {TypeError} for any other
 */
export function wholeSecond(timeMs: number): number {
  const second = Math.floor(timeMs / 1000) * 1000
  if (!(second >= FIRST_TIME_MS && second <= LAST_TIME_MS)) throw new TypeError('a time is outside of what DER can say')
  return second
}
