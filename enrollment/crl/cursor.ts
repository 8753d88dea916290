import { PATH_ERRORS, TAG } from '../../records/path/index.ts'

const UTC_TIME_BYTES = 13
const GENERALIZED_TIME_BYTES = 15

/**
 * Strict reading of DER as DerReader does it, but by position: a list of 100,000 entries has more than a million
 * elements, and an object for each would cost ten times as much. Lengths have at most two bytes here.
 */
export class DerCursor {
  readonly bytes: Uint8Array
  /** Where the next byte is read. */
  at: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.at = 0
  }

  /** Tag of the next element before `limit`; 0 at the limit. */
  tagBefore(limit: number): number {
    return this.at < limit ? (this.bytes[this.at] ?? 0) : 0
  }

  /**
   * Goes to the content of the next element, which must have `tag` and end by `limit`; answers where it ends.
   * @throws RECORDS_DER_TAG, RECORDS_DER_LENGTH, RECORDS_DER_TRUNCATED
   */
  enter(tag: number, limit: number): number {
    if (this.tagBefore(limit) !== tag) throw PATH_ERRORS.create('RECORDS_DER_TAG', { metadata: { expected: tag } })
    this.at += 1
    const length = this.#length(limit)
    const end = this.at + length
    if (end > limit) throw PATH_ERRORS.create('RECORDS_DER_TRUNCATED')
    return end
  }

  /**
   * Passes over the next element, which must have `tag` and end by `limit`; answers where its content begins.
   * @throws RECORDS_DER_TAG, RECORDS_DER_LENGTH, RECORDS_DER_TRUNCATED
   */
  skip(tag: number, limit: number): number {
    const end = this.enter(tag, limit)
    const start = this.at
    this.at = end
    return start
  }

  /** @throws RECORDS_DER_TRAILING unless the cursor is at `end` */
  endAt(end: number): void {
    if (this.at !== end) throw PATH_ERRORS.create('RECORDS_DER_TRAILING')
  }

  /**
   * Milliseconds since the Unix epoch of the next Time: UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
   * @throws RECORDS_DER_TIME
   */
  time(limit: number): number {
    if (this.tagBefore(limit) === TAG.generalizedTime) {
      const timeMs = this.generalizedTime(limit)
      if (timeMs < FIRST_GENERALIZED_MS) throw PATH_ERRORS.create('RECORDS_DER_TIME')
      return timeMs
    }
    const end = this.enter(TAG.utcTime, limit)
    if (end - this.at !== UTC_TIME_BYTES) throw PATH_ERRORS.create('RECORDS_DER_TIME')
    const year = this.#twoDigits()
    return this.#timeOf(year < 50 ? 2000 + year : 1900 + year)
  }

  /**
   * Milliseconds since the Unix epoch of the next GeneralizedTime, of any year.
   * @throws RECORDS_DER_TIME
   */
  generalizedTime(limit: number): number {
    const end = this.enter(TAG.generalizedTime, limit)
    if (end - this.at !== GENERALIZED_TIME_BYTES) throw PATH_ERRORS.create('RECORDS_DER_TIME')
    const century = this.#twoDigits()
    return this.#timeOf(century * 100 + this.#twoDigits())
  }

  /** Month to second and the Z. */
  #timeOf(year: number): number {
    const month = this.#twoDigits()
    const day = this.#twoDigits()
    const hour = this.#twoDigits()
    const minute = this.#twoDigits()
    const second = this.#twoDigits()
    const zulu = this.bytes[this.at] === 0x5a
    this.at += 1
    const monthStart = Date.UTC(year, month - 1)
    const inMonth = month >= 1 && month <= 12 && day >= 1 && day * DAY_MS <= Date.UTC(year, month) - monthStart
    // Date.UTC takes a year below 100 for one of the twentieth century.
    const sound = zulu && year >= 100 && inMonth && hour < 24 && minute < 60 && second < 60
    if (!sound) throw PATH_ERRORS.create('RECORDS_DER_TIME')
    return monthStart + (day - 1) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000
  }

  #twoDigits(): number {
    const [tens, units] = [this.#digit(), this.#digit()]
    return tens * 10 + units
  }

  #digit(): number {
    const digit = (this.bytes[this.at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) throw PATH_ERRORS.create('RECORDS_DER_TIME')
    this.at += 1
    return digit
  }

  #length(limit: number): number {
    const first = this.#byte(limit)
    if (first < 0x80) return first
    if (first === 0x81) return this.#minimal(this.#byte(limit), 0x80)
    if (first === 0x82) return this.#minimal(this.#byte(limit) * 256 + this.#byte(limit), 0x100)
    throw PATH_ERRORS.create('RECORDS_DER_LENGTH')
  }

  #minimal(length: number, least: number): number {
    if (length < least) throw PATH_ERRORS.create('RECORDS_DER_LENGTH')
    return length
  }

  #byte(limit: number): number {
    if (this.at >= limit) throw PATH_ERRORS.create('RECORDS_DER_TRUNCATED')
    const byte = this.bytes[this.at] ?? 0
    this.at += 1
    return byte
  }
}

const DAY_MS = 86_400_000
const FIRST_GENERALIZED_MS = Date.UTC(2050, 0)
