import { compareBytes, concatBytes, utf8 } from '../../core/index.ts'
import { TAG } from './der.ts'

/** One DER element with `tag` around the concatenation of `contents`, of less than 16 MiB. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...contents)
  return concatBytes(Uint8Array.of(tag), encodeLength(content.length), content)
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  if (length < 0x100) return Uint8Array.of(0x81, length)
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length & 0xff)
  if (length < 0x1000000) return Uint8Array.of(0x83, length >> 16, (length >> 8) & 0xff, length & 0xff)
  throw new TypeError('the DER content is too long')
}

/** A SEQUENCE of `contents`. */
export function derSequence(...contents: readonly Uint8Array[]): Uint8Array {
  return der(TAG.sequence, ...contents)
}

/** A SET OF `elements` in the order that DER wants, under `tag`. */
export function derSetOf(elements: readonly Uint8Array[], tag: number = TAG.set): Uint8Array {
  return der(tag, ...[...elements].sort(compareBytes))
}

/** A non-negative INTEGER from big-endian bytes of any length. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0)
  const minimal = start === -1 ? Uint8Array.of(0) : bytes.subarray(start)
  return der(TAG.integer, Uint8Array.from((minimal[0] ?? 0) > 0x7f ? [0] : []), minimal)
}

/** The BOOLEAN TRUE; FALSE is a default and never written. */
export function derTrue(): Uint8Array {
  return der(TAG.boolean, Uint8Array.of(0xff))
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function derOid(dotted: string): Uint8Array {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt)
  return der(TAG.oid, Uint8Array.from([first * 40n + second, ...rest].flatMap(base128)))
}

function base128(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)]
  for (let left = arc >> 7n; left > 0n; left >>= 7n) bytes.unshift(Number(left & 0x7fn) | 0x80)
  return bytes
}

/** A BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return der(TAG.bitString, Uint8Array.of(0), bytes)
}

/** A BIT STRING of named bits (numbers below 16), trailing zeroes cut. */
export function derNamedBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(...bits)
  const bytes = new Uint8Array(Math.floor(highest / 8) + 1)
  for (const bit of bits) {
    const at = Math.floor(bit / 8)
    bytes[at] = (bytes[at] ?? 0) | (0x80 >> (bit % 8))
  }
  return der(TAG.bitString, Uint8Array.of(7 - (highest % 8)), bytes)
}

/** A character string under `tag`, such as {@link TAG}.utf8String. */
export function derText(tag: number, text: string): Uint8Array {
  return der(tag, utf8(text))
}

/**
 * UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5); fractions of a second are cut.
 * @throws {TypeError} for a time before 1950 or after 9999
 */
export function derTime(timeMs: number): Uint8Array {
  const date = new Date(timeMs)
  const year = date.getUTCFullYear()
  if (!(year >= 1950 && year <= 9999)) throw new TypeError('a time is outside of what DER can say')
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  if (year >= 2050) return derText(TAG.generalizedTime, digits)
  return derText(TAG.utcTime, digits.slice(2))
}
