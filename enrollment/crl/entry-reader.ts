import { DerReader, TAG } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_CRL_ENTRIES, MAX_CRL_ENTRY_EXTENSIONS } from '../limits.ts'
import { DerCursor } from './cursor.ts'
import { EntriesBuilder, KEY_HASH_BYTES, type RevokedEntries, SERIAL_BYTES } from './entries.ts'
import { type EntryExtension, INVALIDITY_DATE, KEY_HASH, REASON_CODE } from './entry-format.ts'
import { REASON_CODES, reasonName } from './reasons.ts'

/**
 * Entries from the content of revokedCertificates; the frame is drawn in entry-format.ts. The result holds copies.
 * @throws ENROLLMENT_CRL_TOO_LARGE, before any entry is read; ENROLLMENT_CRL_MALFORMED, ENROLLMENT_CRL_EXTENSION,
 *   ENROLLMENT_CRL_REASON, ENROLLMENT_CRL_ORDER, RECORDS_DER_*
 */
export function readEntries(content: Uint8Array, kind: 'full' | 'delta'): RevokedEntries {
  const count = countEntries(content)
  if (count === 0) throw malformed('no entries')
  const reader = new EntryReader(content, kind)
  const builder = new EntriesBuilder(count)
  for (let row = 0; row < count; row += 1) {
    reader.next()
    builder.add(reader)
  }
  const entries = builder.finish()
  checkOrder(entries)
  return entries
}

function countEntries(content: Uint8Array): number {
  const cursor = new DerCursor(content)
  let count = 0
  while (cursor.at < content.length) {
    if (count === MAX_CRL_ENTRIES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_TOO_LARGE')
    cursor.skip(TAG.sequence, content.length)
    count += 1
  }
  return count
}

function checkOrder(entries: RevokedEntries): void {
  for (let row = 1; row < entries.size; row += 1) {
    if (entries.serials.compare(row - 1, entries.serials, row) >= 0) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_ORDER')
    }
  }
}

/** The entry read last, in fields that the next one overwrites. */
class EntryReader {
  readonly serial: Uint8Array = new Uint8Array(SERIAL_BYTES)
  revokedAtMs = 0
  reason = 0
  invalidityMs: number = Number.NaN
  keyHash: Uint8Array | undefined
  readonly #cursor: DerCursor
  readonly #kind: 'full' | 'delta'

  constructor(content: Uint8Array, kind: 'full' | 'delta') {
    this.#cursor = new DerCursor(content)
    this.#kind = kind
  }

  next(): void {
    const cursor = this.#cursor
    const end = cursor.enter(TAG.sequence, cursor.bytes.length)
    this.#serialNumber(end)
    this.revokedAtMs = cursor.time(end)
    this.reason = REASON_CODES.unspecified
    this.invalidityMs = Number.NaN
    this.keyHash = undefined
    if (cursor.at !== end) this.#extensions(end)
    cursor.endAt(end)
  }

  #serialNumber(limit: number): void {
    const { bytes } = this.#cursor
    const start = this.#cursor.skip(TAG.integer, limit)
    const end = this.#cursor.at
    const [first, second] = [bytes[start] ?? 0, bytes[start + 1] ?? 0]
    const length = end - start
    const minimal = first !== 0 || (length > 1 && second > 0x7f)
    if (length === 0 || length > SERIAL_BYTES || first > 0x7f || !minimal) throw malformed('serial number')
    this.serial.fill(0, 0, SERIAL_BYTES - length)
    for (let at = 0; at < length; at += 1) this.serial[SERIAL_BYTES - length + at] = bytes[start + at] ?? 0
  }

  #extensions(limit: number): void {
    const end = this.#cursor.enter(TAG.sequence, limit)
    let count = 0
    let seen = 0
    do {
      if (count === MAX_CRL_ENTRY_EXTENSIONS) throw malformed('too many extensions')
      const known = this.#extension(end)
      if ((seen & known) !== 0) throw malformed('an extension twice')
      seen |= known
      count += 1
    } while (this.#cursor.at !== end)
  }

  /** Answers a bit for each extension that is known, 0 for others. */
  #extension(limit: number): number {
    const cursor = this.#cursor
    const end = cursor.enter(TAG.sequence, limit)
    const oidStart = cursor.at
    const oid = cursor.skip(TAG.oid, end)
    const oidEnd = cursor.at
    const critical = cursor.tagBefore(end) === TAG.boolean
    if (critical) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_EXTENSION')
    const valueEnd = cursor.enter(TAG.octetString, end)
    const known = this.#known(oid, oidEnd, valueEnd)
    if (known === 0) {
      new DerReader(cursor.bytes.subarray(oidStart, oidEnd)).oid()
      cursor.at = valueEnd
    }
    cursor.endAt(valueEnd)
    cursor.endAt(end)
    return known
  }

  #known(oid: number, oidEnd: number, valueEnd: number): number {
    if (this.#is(REASON_CODE, oid, oidEnd)) {
      this.reason = this.#reasonCode(valueEnd)
      return 1
    }
    if (this.#is(INVALIDITY_DATE, oid, oidEnd)) {
      this.invalidityMs = this.#cursor.generalizedTime(valueEnd)
      return 2
    }
    if (this.#is(KEY_HASH, oid, oidEnd)) {
      this.keyHash = this.#keyHash(valueEnd)
      return 4
    }
    return 0
  }

  #is({ oid }: EntryExtension, start: number, end: number): boolean {
    if (end - start !== oid.length) return false
    for (let at = 0; at < oid.length; at += 1) if (this.#cursor.bytes[start + at] !== oid[at]) return false
    return true
  }

  #reasonCode(limit: number): number {
    const start = this.#cursor.skip(TAG.enumerated, limit)
    const code = this.#cursor.bytes[start] ?? 0
    // The default is not written (RFC 5280 §5.3.1), and only a delta takes anything away.
    const sound =
      this.#cursor.at - start === 1 &&
      code !== REASON_CODES.unspecified &&
      reasonName(code) !== undefined &&
      (code !== REASON_CODES.removeFromCRL || this.#kind === 'delta')
    if (!sound) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_REASON')
    return code
  }

  #keyHash(limit: number): Uint8Array {
    const start = this.#cursor.skip(TAG.octetString, limit)
    if (this.#cursor.at - start !== KEY_HASH_BYTES) throw malformed('key hash')
    return this.#cursor.bytes.subarray(start, this.#cursor.at)
  }
}

function malformed(detail: string) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_MALFORMED', { detail })
}
