import { compareBytes } from './bytes.ts'
import type { CborMap, CborValue } from './cbor.ts'
import { CORE_ERRORS } from './errors.ts'
import { MAX_CBOR_DEPTH, MAX_CBOR_ITEMS } from './limits.ts'

/*
 * Head of every item (RFC 8949 §3):
 *
 *    7 6 5 4 3 2 1 0
 *   [major][ info  ]  argument: info itself when below 24, else the next 1, 2, 4 or 8 bytes (info 24 to 27)
 *
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
  const reader = new Reader(bytes, limits)
  const value = reader.item(0)
  if (!reader.atEnd) throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { detail: 'bytes after the item' })
  return value
}

/** Bytes of the argument by additional information. */
const ARGUMENT_BYTES: Readonly<Record<number, number>> = { 24: 1, 25: 2, 26: 4, 27: 8 }

/** Lowest argument that needs so many bytes. */
const LOWEST_ARGUMENT: Readonly<Record<number, number>> = { 1: 24, 2: 0x100, 4: 0x1_0000, 8: 0x1_0000_0000 }

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #maxDepth: number
  #itemsLeft: number
  #at = 0

  constructor(bytes: Uint8Array, limits: CborLimits) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#maxDepth = limits.maxDepth ?? MAX_CBOR_DEPTH
    this.#itemsLeft = limits.maxItems ?? MAX_CBOR_ITEMS
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  item(depth: number): CborValue {
    if (this.#itemsLeft-- <= 0) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
    const head = this.#take(1)
    const major = (this.#bytes[head] ?? 0) >> 5
    const info = (this.#bytes[head] ?? 0) & 0x1f
    if (major === 7) return simple(info)
    if (major === 6) throw CORE_ERRORS.create('CORE_CBOR_TYPE', { detail: 'tag' })
    const argument = this.#argument(major, info)
    if (major === 0) return argument
    if (major === 1) return negative(argument)
    if (major === 2) return this.#byteString(argument)
    if (major === 3) return this.#text(argument)
    if (depth >= this.#maxDepth) throw CORE_ERRORS.create('CORE_CBOR_TOO_DEEP')
    return major === 4 ? this.#array(argument, depth) : this.#map(argument, depth)
  }

  /** Start of the next `length` bytes, which are then behind. */
  #take(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { detail: 'cut short' })
    this.#at = start + length
    return start
  }

  #argument(major: number, info: number): number | bigint {
    if (info < 24) return info
    const width = ARGUMENT_BYTES[info]
    if (width === undefined) {
      if (info === 31 && major >= 2) throw CORE_ERRORS.create('CORE_CBOR_TYPE', { detail: 'indefinite length' })
      throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { detail: 'reserved additional information' })
    }
    const value = this.#uint(width)
    if (value < (LOWEST_ARGUMENT[width] ?? 0)) throw CORE_ERRORS.create('CORE_CBOR_NOT_CANONICAL')
    return value
  }

  #uint(width: number): number | bigint {
    const start = this.#take(width)
    if (width === 1) return this.#view.getUint8(start)
    if (width === 2) return this.#view.getUint16(start)
    if (width === 4) return this.#view.getUint32(start)
    const high = this.#view.getUint32(start)
    if (high >= 0x20_0000) return this.#view.getBigUint64(start)
    return high * 0x1_0000_0000 + this.#view.getUint32(start + 4)
  }

  #byteString(length: number | bigint): Uint8Array {
    const start = this.#take(Number(length))
    return new Uint8Array(this.#bytes.subarray(start, this.#at))
  }

  #text(length: number | bigint): string {
    const start = this.#take(Number(length))
    try {
      return TEXT.decode(this.#bytes.subarray(start, this.#at))
    } catch (cause) {
      throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { detail: 'text is not UTF-8', cause })
    }
  }

  #array(length: number | bigint, depth: number): CborValue[] {
    if (length > this.#itemsLeft) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
    const items: CborValue[] = []
    for (let index = 0; index < length; index += 1) items.push(this.item(depth + 1))
    return items
  }

  #map(pairs: number | bigint, depth: number): CborMap {
    if (Number(pairs) * 2 > this.#itemsLeft) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
    const map: CborMap = new Map()
    let previous: Uint8Array | undefined
    for (let index = 0; index < pairs; index += 1) {
      const start = this.#at
      const key = this.item(depth + 1)
      if (typeof key !== 'number' && typeof key !== 'string')
        throw CORE_ERRORS.create('CORE_CBOR_TYPE', { detail: 'map key' })
      const encoded = this.#bytes.subarray(start, this.#at)
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

/** The number −1 − `argument`. */
function negative(argument: number | bigint): number | bigint {
  const exact = -1n - BigInt(argument)
  return exact >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(exact) : exact
}

function simple(info: number): boolean | null {
  if (info === 20) return false
  if (info === 21) return true
  if (info === 22) return null
  if (info >= 28) throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { detail: 'break or reserved' })
  throw CORE_ERRORS.create('CORE_CBOR_TYPE', { detail: info >= 25 ? 'float' : 'simple value' })
}
