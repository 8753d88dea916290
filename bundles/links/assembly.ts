const FIRST_BYTES = 4096

/**
 * A bundle that comes in pieces. Grows with what has come, never by what was announced: pieces are copied together at
 * once, because thousands of small ones kept apart would each hold much more memory than they have bytes.
 */
export class Assembly {
  #buffer: Uint8Array
  #length = 0
  readonly #maxBytes: number

  /** @param maxBytes most that will come; the caller sees to that */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#buffer = new Uint8Array(Math.min(FIRST_BYTES, maxBytes))
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length
    if (length > this.#buffer.length) this.#grow(length)
    this.#buffer.set(piece, this.#length)
    this.#length = length
  }

  /** All that came. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #grow(atLeast: number): void {
    const grown = new Uint8Array(Math.min(Math.max(atLeast, this.#buffer.length * 2), this.#maxBytes))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }
}
