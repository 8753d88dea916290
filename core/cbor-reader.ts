/*
 * Head of every item (RFC 8949 §3):
 *
 *    7 6 5 4 3 2 1 0
 *   [major][ info  ]  argument: info itself when below 24, else the next 1, 2, 4 or 8 bytes (info 24 to 27)
 */
import { isUtf8 } from 'node:buffer'
import { CORE_ERRORS } from './errors.ts'
import type { Bounds } from './shape.ts'

const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

/** Major type of an item (RFC 8949 §3.1). */
export type CborMajor = keyof typeof MAJOR

const MAJORS = Object.keys(MAJOR) as readonly CborMajor[]

const FLAWS = {
  'another type': 'CORE_CBOR_SHAPE',
  'break or reserved': 'CORE_CBOR_MALFORMED',
  'bytes after the item': 'CORE_CBOR_MALFORMED',
  'cut short': 'CORE_CBOR_MALFORMED',
  float: 'CORE_CBOR_TYPE',
  'indefinite length': 'CORE_CBOR_TYPE',
  'nested too deeply': 'CORE_CBOR_TOO_DEEP',
  'not in shortest form': 'CORE_CBOR_NOT_CANONICAL',
  'out of bounds': 'CORE_CBOR_SHAPE',
  'simple value': 'CORE_CBOR_TYPE',
  'text is not UTF-8': 'CORE_CBOR_MALFORMED',
} as const

/** How bytes can fail to be the item that was asked for. */
export type CborFlaw = keyof typeof FLAWS

/** Smallest argument that needs each info: where a shorter form exists, the longer one is wrong. */
const SMALLEST = [...Array(24).keys(), 24, 0x100, 0x1_0000, 0x1_0000_0000] as const

const SIMPLE: readonly (boolean | null)[] = [false, true, null]

/**
 * Reads deterministic CBOR (RFC 8949 §4.2.1) item by item: the one place where bytes are taken for heads. A head that is not
 * in its shortest form, of another type or out of bounds fails at once. `decodeCbor` builds values with it; a format whose
 * shape is known beforehand asks it for one item after the other, which checks as it reads and keeps the bytes of an item
 * at hand for the signatures over them.
 *
 * Bounds never reach beyond 2^53 − 1. A count asked for without bounds may, and is then only near the truth.
 */
export class CborReader {
  readonly #bytes: Buffer
  readonly #memory: ArrayBufferLike
  readonly #offset: number
  readonly #fail: (what: string, flaw: CborFlaw) => Error
  #at = 0

  /** @param fail makes the error for an item, named by its role. Default: CORE_CBOR_… with the flaw as detail */
  constructor(
    bytes: Uint8Array,
    fail: (what: string, flaw: CborFlaw) => Error = (_, flaw) => CORE_ERRORS.create(FLAWS[flaw], { detail: flaw }),
  ) {
    this.#memory = bytes.buffer
    this.#offset = bytes.byteOffset
    this.#bytes = Buffer.from(this.#memory, this.#offset, bytes.length)
    this.#fail = fail
  }

  /** Number of bytes read so far. */
  get at(): number {
    return this.#at
  }

  /** The bytes read since `start`, a former {@link at}; a view. */
  since(start: number): Uint8Array {
    // Not subarray(), which here would be a Buffer, whose slice() shares memory.
    return new Uint8Array(this.#memory, this.#offset + start, this.#at - start)
  }

  /** Major type of the next item; undefined at the end. */
  get next(): CborMajor | undefined {
    const first = this.#bytes[this.#at]
    return first === undefined ? undefined : MAJORS[first >>> 5]
  }

  /** Length of an array, whose items are read next. */
  array(what: string, bounds?: Bounds): number {
    return this.#head(MAJOR.array, what, bounds)
  }

  /** Number of a map's entries, whose keys and values are read next. */
  map(what: string, bounds?: Bounds): number {
    return this.#head(MAJOR.map, what, bounds)
  }

  /** The key of a map entry, which must be `expected`: keys of a known map come in one order. */
  key(what: string, expected: number): void {
    this.#head(MAJOR.uint, what, { min: expected, max: expected })
  }

  uint(what: string, bounds: Bounds): number {
    return this.#head(MAJOR.uint, what, bounds)
  }

  /** A whole number of either sign, exact; a `bigint` beyond ±(2^53 − 1). */
  int(what: string): number | bigint {
    const negative = this.next === 'negative'
    const argument = this.#head(negative ? MAJOR.negative : MAJOR.uint, what)
    const value = negative ? -1 - argument : argument
    if (Number.isSafeInteger(value)) return value
    const exact = this.#bytes.readBigUInt64BE(this.#at - 8)
    return negative ? -1n - exact : exact
  }

  /** A byte string whose length is within `bounds`; a view, not a copy. */
  bytes(what: string, bounds?: Bounds): Uint8Array {
    return this.since(this.#content(this.#head(MAJOR.bytes, what, bounds), what))
  }

  /** Length of a byte string within `bounds`, whose content is not read: it may be yet to come. */
  bytesHead(what: string, bounds?: Bounds): number {
    return this.#head(MAJOR.bytes, what, bounds)
  }

  /** Text whose UTF-8 length is within `bounds`. */
  text(what: string, bounds?: Bounds): string {
    const start = this.#content(this.#head(MAJOR.text, what, bounds), what)
    if (!isUtf8(this.since(start))) throw this.#fail(what, 'text is not UTF-8')
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** Text of printable ASCII characters without spaces, its length within `bounds`. */
  ascii(what: string, bounds: Bounds): string {
    const start = this.#content(this.#head(MAJOR.text, what, bounds), what)
    for (let at = start; at < this.#at; at += 1) {
      const byte = this.#bytes[at] ?? 0
      if (byte < 0x21 || byte > 0x7e) throw this.#fail(what, 'out of bounds')
    }
    return this.#bytes.toString('latin1', start, this.#at)
  }

  /** False, true or null. */
  simple(what: string): boolean | null {
    const info = this.#first(MAJOR.simple, what) & 31
    const value = SIMPLE[info - 20]
    if (value !== undefined) return value
    throw this.#fail(what, info >= 28 ? 'break or reserved' : info >= 25 ? 'float' : 'simple value')
  }

  /**
   * Passes over one item of any kind that nests at most `maxDepth` levels, by its heads: nothing is built, content is not
   * looked at, and heads need not be in their shortest form.
   */
  skip(what: string, maxDepth: number): void {
    if (maxDepth < 0) throw this.#fail(what, 'nested too deeply')
    const major = MAJOR[this.next ?? 'simple']
    const argument = this.#argument(this.#first(major, what), what)
    if (major === MAJOR.bytes || major === MAJOR.text) this.#content(argument, what)
    if (major < MAJOR.array || major === MAJOR.simple) return
    const items = major === MAJOR.tag ? 1 : major === MAJOR.map ? argument * 2 : argument
    // Every item takes a byte at least, so that a false count ends the walk here.
    if (items > this.#bytes.length - this.#at) throw this.#fail(what, 'cut short')
    for (let left = items; left > 0; left -= 1) this.skip(what, maxDepth - 1)
  }

  /** Checks that nothing follows. */
  end(what: string): void {
    if (this.#at !== this.#bytes.length) throw this.#fail(what, 'bytes after the item')
  }

  #head(major: number, what: string, bounds?: Bounds): number {
    const first = this.#first(major, what)
    const value = this.#argument(first, what)
    if (value < (SMALLEST[first & 31] ?? 0)) throw this.#fail(what, 'not in shortest form')
    if (bounds === undefined) return value
    if (value >= (bounds.min ?? 0) && value <= (bounds.max ?? Number.MAX_SAFE_INTEGER)) return value
    throw this.#fail(what, 'out of bounds')
  }

  /** First byte of an item of type `major`. */
  #first(major: number, what: string): number {
    const first = this.#bytes[this.#at]
    if (first === undefined) throw this.#fail(what, 'cut short')
    if (first >>> 5 !== major) throw this.#fail(what, 'another type')
    this.#at += 1
    return first
  }

  /** Argument of the head that begins with `first`. */
  #argument(first: number, what: string): number {
    const info = first & 31
    if (info < 24) return info
    if (info === 31 && first >>> 5 >= MAJOR.bytes) throw this.#fail(what, 'indefinite length')
    if (info >= 28) throw this.#fail(what, 'break or reserved')
    const end = this.#at + (1 << (info - 24))
    if (end > this.#bytes.length) throw this.#fail(what, 'cut short')
    let value = 0
    for (let at = this.#at; at < end; at += 1) value = value * 256 + (this.#bytes[at] ?? 0)
    this.#at = end
    return value
  }

  /** Passes over the content of a string and returns where it starts. */
  #content(length: number, what: string): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw this.#fail(what, 'cut short')
    this.#at = start + length
    return start
  }
}
