import { compareBytes } from './bytes.ts'
import type { CborMap, CborValue } from './cbor.ts'
import { CborReader } from './cbor-reader.ts'
import { CORE_ERRORS } from './errors.ts'
import { MAX_CBOR_DEPTH, MAX_CBOR_ITEMS } from './limits.ts'

/*
 * Own code rather than cborg's decoder: that one needs a second encoding to prove the deterministic form, replaces
 * invalid UTF-8 and a leading byte order mark silently, and cannot say which rule was broken.
 */

export interface CborLimits {
  /** Longest input in bytes; longer is refused before anything is read. */
  maxBytes: number
  /** Deepest nesting. Default {@link MAX_CBOR_DEPTH}. */
  maxDepth?: number
  /** Most elements (the item itself, array items, map keys and values) in all. Default {@link MAX_CBOR_ITEMS}. */
  maxItems?: number
}

/**
 * The one item that `bytes` holds, decoded strictly: caps first, then well-formedness and deterministic encoding
 * (RFC 8949 §4.2.1) item by item. Success means that encoding the value gives the same bytes.
 * Byte strings are copies: changing `bytes` later changes no value.
 * @throws CORE_CBOR_TOO_LARGE, CORE_CBOR_TOO_DEEP, CORE_CBOR_TOO_MANY, CORE_CBOR_MALFORMED, CORE_CBOR_TYPE, CORE_CBOR_NOT_CANONICAL
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits): CborValue {
  if (bytes.length > limits.maxBytes)
    throw CORE_ERRORS.create('CORE_CBOR_TOO_LARGE', { metadata: { bytes: bytes.length, maxBytes: limits.maxBytes } })
  const reader = new CborReader(bytes)
  const value = new Decoder(reader, limits).item(0)
  reader.end('item')
  return value
}

class Decoder {
  readonly #reader: CborReader
  readonly #maxDepth: number
  #itemsLeft: number

  constructor(reader: CborReader, limits: CborLimits) {
    this.#reader = reader
    this.#maxDepth = limits.maxDepth ?? MAX_CBOR_DEPTH
    this.#itemsLeft = limits.maxItems ?? MAX_CBOR_ITEMS
  }

  item(depth: number): CborValue {
    if (this.#itemsLeft-- <= 0) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
    switch (this.#reader.next) {
      case 'bytes':
        return new Uint8Array(this.#reader.bytes('item'))
      case 'text':
        return this.#reader.text('item')
      case 'array':
        return this.#array(this.#reader.array('item'), depth)
      case 'map':
        return this.#map(this.#reader.map('item'), depth)
      case 'tag':
        throw CORE_ERRORS.create('CORE_CBOR_TYPE', { detail: 'tag' })
      case 'simple':
        return this.#reader.simple('item')
      default:
        return this.#reader.int('item')
    }
  }

  /** Checks that `count` elements may be read below `depth`. */
  #enter(count: number, depth: number): void {
    if (depth >= this.#maxDepth) throw CORE_ERRORS.create('CORE_CBOR_TOO_DEEP')
    if (count > this.#itemsLeft) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
  }

  #array(length: number, depth: number): CborValue[] {
    this.#enter(length, depth)
    const items: CborValue[] = []
    for (let index = 0; index < length; index += 1) items.push(this.item(depth + 1))
    return items
  }

  #map(pairs: number, depth: number): CborMap {
    this.#enter(pairs * 2, depth)
    const map: CborMap = new Map()
    let previous: Uint8Array | undefined
    for (let index = 0; index < pairs; index += 1) {
      const start = this.#reader.at
      const key = this.item(depth + 1)
      if (typeof key !== 'number' && typeof key !== 'string')
        throw CORE_ERRORS.create('CORE_CBOR_TYPE', { detail: 'map key' })
      const encoded = this.#reader.since(start)
      if (previous !== undefined) checkKeyOrder(previous, encoded)
      previous = encoded
      map.set(key, this.item(depth + 1))
    }
    return map
  }
}

/** RFC 8949 §4.2.1: keys rise in the bytewise order of their encodings. */
function checkKeyOrder(previous: Uint8Array, next: Uint8Array): void {
  const order = compareBytes(previous, next)
  if (order === 0) throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { detail: 'duplicate map key' })
  if (order > 0) throw CORE_ERRORS.create('CORE_CBOR_NOT_CANONICAL')
}
