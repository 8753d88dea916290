import { TAG } from '../../records/path/index.ts'
import type { RevokedEntries } from './entries.ts'
import { type EntryExtension, INVALIDITY_DATE, KEY_HASH, REASON_CODE } from './entry-format.ts'
import { REASON_CODES } from './reasons.ts'

/** No entry is longer: header 3, serial number 22, date 17, header of the extensions 2, the three extensions. */
const MAX_ENTRY_BYTES = 44 + REASON_CODE.template.length + INVALIDITY_DATE.template.length + KEY_HASH.template.length

/** Content of revokedCertificates; the frame is drawn in entry-format.ts. */
export function writeEntries(entries: RevokedEntries): Uint8Array {
  const writer = new EntryWriter(entries)
  for (let row = 0; row < entries.size; row += 1) writer.entry(row)
  return writer.written
}

class EntryWriter {
  readonly #entries: RevokedEntries
  readonly #out: Uint8Array
  #at = 0

  constructor(entries: RevokedEntries) {
    this.#entries = entries
    this.#out = new Uint8Array(entries.size * MAX_ENTRY_BYTES)
  }

  get written(): Uint8Array {
    return this.#out.subarray(0, this.#at)
  }

  entry(row: number): void {
    const entries = this.#entries
    const serial = entries.serials.at(row)
    const start = serial.findIndex((byte) => byte !== 0)
    const padded = (serial[start] ?? 0) > 0x7f ? start - 1 : start
    const date = new Date(entries.revokedAtMs(row))
    const generalized = date.getUTCFullYear() >= 2050
    const extensionBytes = this.#extensionBytes(row)
    const bytes =
      2 + (serial.length - padded) + (generalized ? 17 : 15) + (extensionBytes === 0 ? 0 : 2 + extensionBytes)

    this.#header(TAG.sequence, bytes)
    this.#header(TAG.integer, serial.length - padded)
    this.#bytes(serial.subarray(padded))
    this.#header(generalized ? TAG.generalizedTime : TAG.utcTime, generalized ? 15 : 13)
    this.#time(date, generalized)
    if (extensionBytes === 0) return
    this.#header(TAG.sequence, extensionBytes)
    this.#extensions(row)
  }

  #extensionBytes(row: number): number {
    return this.#extensionsOf(row).reduce((sum, { template }) => sum + template.length, 0)
  }

  #extensionsOf(row: number): EntryExtension[] {
    const entries = this.#entries
    const present: EntryExtension[] = []
    if (entries.reasonAt(row) !== REASON_CODES.unspecified) present.push(REASON_CODE)
    if (!Number.isNaN(entries.invalidityMs(row))) present.push(INVALIDITY_DATE)
    if (entries.hasKeyHash(row)) present.push(KEY_HASH)
    return present
  }

  #extensions(row: number): void {
    const entries = this.#entries
    for (const extension of this.#extensionsOf(row)) {
      this.#bytes(extension.template)
      this.#at -= extension.valueBytes
      if (extension === REASON_CODE) this.#bytes(Uint8Array.of(entries.reasonAt(row)))
      else if (extension === KEY_HASH) this.#bytes(entries.keyHashes.at(row))
      else this.#time(new Date(entries.invalidityMs(row)), true)
    }
  }

  /** Contents here are shorter than 256 bytes. */
  #header(tag: number, length: number): void {
    this.#out[this.#at++] = tag
    if (length >= 0x80) this.#out[this.#at++] = 0x81
    this.#out[this.#at++] = length
  }

  #bytes(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #time(date: Date, generalized: boolean): void {
    const year = date.getUTCFullYear()
    if (generalized) this.#twoDigits(Math.floor(year / 100))
    this.#twoDigits(year % 100)
    this.#twoDigits(date.getUTCMonth() + 1)
    this.#twoDigits(date.getUTCDate())
    this.#twoDigits(date.getUTCHours())
    this.#twoDigits(date.getUTCMinutes())
    this.#twoDigits(date.getUTCSeconds())
    this.#out[this.#at++] = 0x5a
  }

  #twoDigits(number: number): void {
    this.#out[this.#at++] = 0x30 + Math.floor(number / 10)
    this.#out[this.#at++] = 0x30 + (number % 10)
  }
}
