/** Major types of the items written here, in place (RFC 8949 §3.1). */
const UINT = 0 << 5
const BYTES = 2 << 5
const TEXT = 3 << 5
const ARRAY = 4 << 5

const UTF8 = new TextEncoder()

/**
 * Writes deterministic CBOR (RFC 8949 §4.2.1) item by item into memory of its own: the twin of `CborReader`, for formats
 * whose shape is known beforehand and that are written often. Everything else is encoded by `encodeCbor`.
 */
export class CborWriter {
  readonly #out: Uint8Array
  #at = 0

  /** @param maxBytes room for everything that will be written; one byte more is a RangeError */
  constructor(maxBytes: number) {
    this.#out = new Uint8Array(maxBytes)
  }

  /** What was written so far; a view, not a copy. */
  get written(): Uint8Array {
    return this.#out.subarray(0, this.#at)
  }

  /** Number of bytes written so far. */
  get length(): number {
    return this.#at
  }

  /** Items that are encoded already. */
  encoded(items: Uint8Array): this {
    this.#out.set(items, this.#at)
    this.#at += items.length
    return this
  }

  /** A whole number from 0 to 2^53 − 1. */
  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError('not a whole number below 2^53')
    this.#head(UINT, value)
    return this
  }

  bytes(value: Uint8Array): this {
    this.#head(BYTES, value.length)
    return this.encoded(value)
  }

  /** The head of a byte string of `length` bytes, whose content is written otherwise. */
  bytesHead(length: number): this {
    this.#head(BYTES, length)
    return this
  }

  /** Well-formed text. */
  text(value: string): this {
    const start = this.#at
    this.#head(TEXT, value.length)
    if (this.#at + value.length <= this.#out.length && this.#ascii(value)) return this
    this.#at = start
    const bytes = UTF8.encode(value)
    this.#head(TEXT, bytes.length)
    return this.encoded(bytes)
  }

  /** Most text is ASCII, which needs no encoder; false when this is not. */
  #ascii(value: string): boolean {
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      this.#out[this.#at + index] = code
    }
    this.#at += value.length
    return true
  }

  /** The head of an array of `length` items, which are written next. */
  array(length: number): this {
    this.#head(ARRAY, length)
    return this
  }

  #head(major: number, argument: number): void {
    const size = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8
    const end = this.#at + 1 + size
    if (end > this.#out.length) throw new RangeError('more than there is room for')
    this.#out[this.#at] = major | (size === 0 ? argument : 24 + Math.log2(size))
    let rest = argument
    for (let at = end - 1; at > this.#at; at -= 1) {
      this.#out[at] = rest % 256
      rest = Math.floor(rest / 256)
    }
    this.#at = end
  }
}
