import { encode, rfc8949EncodeOptions } from 'cborg'

/**
 * What deterministic CBOR carries here: no floats, tags, undefined or indefinite lengths. Whole numbers beyond 2^53 are
 * `bigint`, within it `number`: a smaller `bigint` is encoded too, and comes back as `number`.
 */
export type CborValue = number | bigint | string | boolean | null | Uint8Array | CborValue[] | CborMap

/** A CBOR map; keys are whole numbers or text. */
export type CborMap = Map<number | string, CborValue>

const HIGHEST = 2n ** 64n - 1n
const LOWEST = -(2n ** 64n)

/**
 * Deterministic encoding of `value` (RFC 8949 §4.2.1), in memory of its own.
 * @throws {TypeError} when `value` holds something that is not a {@link CborValue}, or text that has no UTF-8
 */
export function encodeCbor(value: CborValue): Uint8Array {
  checkEncodable(value)
  // cborg answers with a view on a shared slab, as a Buffer whose slice() shares memory: neither may leave here.
  return new Uint8Array(encode(value, rfc8949EncodeOptions))
}

function checkEncodable(value: CborValue): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError('CBOR here carries whole numbers only')
  } else if (typeof value === 'string') {
    checkText(value)
  } else if (typeof value === 'bigint') {
    if (value > HIGHEST || value < LOWEST) throw new TypeError('the number is beyond 64 bits')
  } else if (Array.isArray(value)) {
    for (const item of value) checkEncodable(item)
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      checkKey(key)
      checkEncodable(item)
    }
  } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    throw new TypeError('CBOR maps are given as Map')
  } else if (value === undefined || typeof value === 'symbol' || typeof value === 'function') {
    throw new TypeError('not a CBOR value')
  }
}

function checkKey(key: number | string): void {
  if (typeof key === 'string') checkText(key)
  else if (!Number.isSafeInteger(key)) throw new TypeError('CBOR map keys are whole numbers or text')
}

function checkText(text: string): void {
  if (!text.isWellFormed()) throw new TypeError('text with half a surrogate pair has no UTF-8')
}
