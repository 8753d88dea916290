import { decode, encode, rfc8949EncodeOptions, type Token, Tokenizer, Type } from 'cborg'
import { equalBytes } from './bytes.ts'
import { CORE_ERRORS } from './errors.ts'
import { MAX_CBOR_DEPTH, MAX_CBOR_ITEMS } from './limits.ts'

/** What deterministic CBOR carries here: no floats, tags, undefined or indefinite lengths. Whole numbers beyond 2^53 are `bigint`. */
export type CborValue = number | bigint | string | boolean | null | Uint8Array | CborValue[] | CborMap

/** A CBOR map; keys are whole numbers or text. */
export type CborMap = Map<number | string, CborValue>

export interface CborLimits {
  /** Longest input in bytes; longer is refused before anything is read. */
  maxBytes: number
  /** Deepest nesting. Default {@link MAX_CBOR_DEPTH}. */
  maxDepth?: number
  /** Most elements in all. Default {@link MAX_CBOR_ITEMS}. */
  maxItems?: number
}

/**
 * Deterministic encoding of `value` (RFC 8949 §4.2.1).
 * @throws {TypeError} when `value` holds something that is not a {@link CborValue}
 */
export function encodeCbor(value: CborValue): Uint8Array {
  checkEncodable(value)
  return encode(value, rfc8949EncodeOptions)
}

function checkEncodable(value: CborValue): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError('CBOR here carries whole numbers only')
  } else if (Array.isArray(value)) {
    for (const item of value) checkEncodable(item)
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      if (typeof key === 'number' ? !Number.isSafeInteger(key) : typeof key !== 'string') {
        throw new TypeError('CBOR map keys are whole numbers or text')
      }
      checkEncodable(item)
    }
  } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    throw new TypeError('CBOR maps are given as Map')
  } else if (value === undefined || typeof value === 'symbol' || typeof value === 'function') {
    throw new TypeError('not a CBOR value')
  }
}

/** Refuses what deterministic CBOR does not use and stops at the caps, token by token, before anything is built. */
class StrictTokenizer extends Tokenizer {
  readonly #maxDepth: number
  #itemsLeft: number
  readonly #open: number[] = []

  constructor(bytes: Uint8Array, limits: CborLimits) {
    super(bytes, { allowIndefinite: false, allowUndefined: false, strict: true })
    this.#maxDepth = limits.maxDepth ?? MAX_CBOR_DEPTH
    this.#itemsLeft = limits.maxItems ?? MAX_CBOR_ITEMS
  }

  override next(): Token {
    const token = super.next()
    if (this.#itemsLeft-- <= 0) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
    this.#closeFinished()
    if (
      Type.equals(token.type, Type.float) ||
      Type.equals(token.type, Type.tag) ||
      Type.equals(token.type, Type.undefined)
    ) {
      throw CORE_ERRORS.create('CORE_CBOR_TYPE')
    }
    if (Type.equals(token.type, Type.array)) this.#openContainer(token.value)
    if (Type.equals(token.type, Type.map)) this.#openContainer(token.value * 2)
    return token
  }

  #closeFinished(): void {
    while (this.#open.at(-1) === 0) this.#open.pop()
    const last = this.#open.length - 1
    const left = this.#open[last]
    if (left !== undefined) this.#open[last] = left - 1
  }

  #openContainer(elements: number): void {
    if (elements > this.#itemsLeft) throw CORE_ERRORS.create('CORE_CBOR_TOO_MANY')
    this.#open.push(elements)
    if (this.#open.length > this.#maxDepth) throw CORE_ERRORS.create('CORE_CBOR_TOO_DEEP')
  }
}

/**
 * The one item that `bytes` holds, decoded strictly: caps first, then well-formedness, then proof of deterministic
 * encoding by encoding again (cborg's strict mode alone accepts unsorted maps).
 * @throws CORE_CBOR_TOO_LARGE, CORE_CBOR_TOO_DEEP, CORE_CBOR_TOO_MANY, CORE_CBOR_MALFORMED, CORE_CBOR_TYPE, CORE_CBOR_NOT_CANONICAL
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits): CborValue {
  if (bytes.length > limits.maxBytes)
    throw CORE_ERRORS.create('CORE_CBOR_TOO_LARGE', { metadata: { bytes: bytes.length, maxBytes: limits.maxBytes } })
  const value = decodeOnce(bytes, limits)
  if (!isDeterministic(value, bytes)) throw CORE_ERRORS.create('CORE_CBOR_NOT_CANONICAL')
  return value
}

function decodeOnce(bytes: Uint8Array, limits: CborLimits): CborValue {
  try {
    const tokenizer = new StrictTokenizer(bytes, limits)
    return decode(bytes, {
      tokenizer,
      useMaps: true,
      rejectDuplicateMapKeys: true,
      strict: true,
      allowIndefinite: false,
    })
  } catch (cause) {
    if (CORE_ERRORS.matches(cause)) throw cause
    throw CORE_ERRORS.create('CORE_CBOR_MALFORMED', { cause })
  }
}

function isDeterministic(value: CborValue, bytes: Uint8Array): boolean {
  try {
    return equalBytes(encodeCbor(value), bytes)
  } catch {
    return false
  }
}
