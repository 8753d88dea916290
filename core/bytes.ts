const HEX = /^(?:[0-9a-f]{2})*$/

/** Lower-case hexadecimal of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/**
 * Bytes of a lower-case hexadecimal string of even length.
 * @throws {TypeError} when `hex` is anything else
 */
export function fromHex(hex: string): Uint8Array {
  if (!HEX.test(hex)) throw new TypeError('not lower-case hexadecimal of even length')
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** One array with all `parts` in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** True when both hold the same bytes. Not constant time: never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** Order of byte strings, first differing byte first, shorter before longer: −1, 0 or 1. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}

/** Big-endian bytes of a whole number below 2^53, `length` bytes long. Sorts as the number does. */
export function uintBytes(value: number, length = 8): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError('not a whole number below 2^53')
  const out = new Uint8Array(length)
  let rest = value
  for (let at = length - 1; at >= 0; at -= 1) {
    out[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  if (rest !== 0) throw new TypeError('the number does not fit')
  return out
}

/** The number of {@link uintBytes}. */
export function uintFromBytes(bytes: Uint8Array): number {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  if (!Number.isSafeInteger(value)) throw new TypeError('the number is not below 2^53')
  return value
}
