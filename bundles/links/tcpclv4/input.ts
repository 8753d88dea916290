import { BUNDLES_ERRORS } from '../../errors.ts'

const EMPTY = Buffer.alloc(0)
const MAX_SAFE_HIGH = 0x1f_ffff

/**
 * Bytes that came in and are not read yet. A message is read from its first byte; one that is not whole yet throws
 * {@link INCOMPLETE} and is read again when more came, so decoders need no states of their own.
 */
export class Input {
  #buffer: Buffer = EMPTY
  #at = 0

  /** Bytes not read yet. */
  get left(): number {
    return this.#buffer.length - this.#at
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#buffer = this.left === 0 ? bytes : Buffer.concat([this.#buffer.subarray(this.#at), bytes])
    this.#at = 0
  }

  /** Runs `decode`; where it meets the end of what came, the answer is undefined. What fails counts as not read. */
  whole<Message>(decode: (input: Input) => Message): Message | undefined {
    const from = this.#at
    try {
      return decode(this)
    } catch (error) {
      this.#at = from
      if (error !== INCOMPLETE) throw error
      return undefined
    }
  }

  /** The next byte, which stays; undefined where there is none. */
  peek(): number | undefined {
    return this.#buffer[this.#at]
  }

  /** True where `length` bytes and more are there. */
  has(length: number): boolean {
    return this.left >= length
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1))
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2))
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  /** 64 bits; what is not below 2^53 reads as the largest number that is. */
  u64(): number {
    const at = this.#take(8)
    const high = this.#buffer.readUInt32BE(at)
    return high > MAX_SAFE_HIGH ? Number.MAX_SAFE_INTEGER : high * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4)
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#buffer.subarray(at, at + length)
  }

  /** A view of the next bytes, `most` or what there is. */
  some(most: number): Uint8Array {
    return this.bytes(Math.min(most, this.left))
  }

  /** A view of a list whose length stands before it in 32 bits. @throws BUNDLES_LINK_MALFORMED */
  list(maxBytes: number): Uint8Array {
    const length = this.u32()
    if (length > maxBytes) throw malformed()
    return this.bytes(length)
  }

  #take(length: number): number {
    const at = this.#at
    if (this.left < length) throw INCOMPLETE
    this.#at = at + length
    return at
  }
}

/** Thrown by a read beyond what came; caught by {@link Input.whole}. */
const INCOMPLETE = Symbol('incomplete')

/** The error of everything that is not as the format says. */
export function malformed(): Error {
  return BUNDLES_ERRORS.create('BUNDLES_LINK_MALFORMED')
}
