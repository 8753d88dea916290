import { BUNDLES_ERRORS } from '../errors.ts'

const ARGUMENT_BYTES: Readonly<Record<number, number>> = { 24: 1, 25: 2, 26: 4, 27: 8 }

/** Deepest nesting that is walked. */
const MAX_DEPTH = 16

/**
 * End of the CBOR item that starts at `at`, found by walking heads only: nothing is built, nothing past the end read.
 * What the item means, and whether it is deterministic, the strict decoder says afterwards.
 * @throws BUNDLES_MALFORMED when the bytes end first, nest too deeply, or have an indefinite length inside
 */
export function itemEnd(bytes: Uint8Array, at: number): number {
  return skipItem(bytes, at, 0)
}

/**
 * The items of a CBOR sequence (RFC 8742), as bytes.
 * @throws BUNDLES_MALFORMED; also when there are more than `maxItems`
 */
export function splitSequence(bytes: Uint8Array, maxItems: number): Uint8Array[] {
  const items: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    if (items.length === maxItems) throw malformed()
    const end = itemEnd(bytes, at)
    items.push(bytes.subarray(at, end))
    at = end
  }
  return items
}

function skipItem(bytes: Uint8Array, at: number, depth: number): number {
  const head = bytes[at]
  if (head === undefined || depth > MAX_DEPTH) throw malformed()
  const major = head >> 5
  const info = head & 0x1f
  const width = info < 24 ? 0 : ARGUMENT_BYTES[info]
  if (width === undefined || at + 1 + width > bytes.length) throw malformed()
  const body = at + 1 + width
  if (major <= 1 || major === 7) return body
  const argument = width === 0 ? info : Number(readUint(bytes.subarray(at + 1, body)))
  if (major <= 3) {
    if (argument > bytes.length - body) throw malformed()
    return body + argument
  }
  const count = major === 6 ? 1 : major === 5 ? argument * 2 : argument
  // Every item takes a byte at least, so that a false count ends the walk here.
  if (count > bytes.length - body) throw malformed()
  let end = body
  for (let index = 0; index < count; index += 1) end = skipItem(bytes, end, depth + 1)
  return end
}

function readUint(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = value * 256n + BigInt(byte)
  return value
}

function malformed(): Error {
  return BUNDLES_ERRORS.create('BUNDLES_MALFORMED')
}
