import { BUNDLES_ERRORS } from '../../errors.ts'
import { MIN_LINK_PROGRESS_BYTES } from '../../limits.ts'
import { Assembly } from '../assembly.ts'
import { type Framing, MAX_HEADER_BYTES } from './framing.ts'

const EMPTY: Buffer = Buffer.alloc(0)

/**
 * Bytes in, whole bundles out, and whether the sender gets on. No I/O, no clock; holds one bundle that is coming and
 * one read of the socket.
 */
export class Deframer {
  readonly #framing: Framing
  readonly #maxBytes: number
  #unread: Buffer = EMPTY
  #assembly: Assembly | undefined
  #left = 0
  #progressBytes = 0

  constructor(framing: Framing, maxBytes: number) {
    this.#framing = framing
    this.#maxBytes = maxBytes
  }

  /** True while a bundle or a header has come in part. */
  get partial(): boolean {
    return this.#assembly !== undefined || this.#unread.length > 0
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    this.#progressBytes += chunk.length
  }

  /**
   * The next whole bundle; undefined until more is pushed. May be a view of what was pushed.
   * @throws BUNDLES_LINK_MALFORMED for a header that is none or says more than the cap; nothing can be read after it
   */
  next(): Uint8Array | undefined {
    for (;;) {
      if (this.#assembly !== undefined) return this.#fill(this.#assembly)
      const header = this.#framing.read(this.#unread.subarray(0, MAX_HEADER_BYTES))
      if (header === undefined) return undefined
      const { headerBytes, length } = header
      if (length > this.#maxBytes) throw BUNDLES_ERRORS.create('BUNDLES_LINK_MALFORMED')
      this.#take(headerBytes)
      if (length > 0 && this.#unread.length >= length) return this.#take(length)
      if (length > 0) this.#assembly = new Assembly(length)
      this.#left = length
    }
  }

  /** True when enough came since the last call, or nothing is under way. */
  hasProgressed(): boolean {
    const progressed = !this.partial || this.#progressBytes >= MIN_LINK_PROGRESS_BYTES
    this.#progressBytes = 0
    return progressed
  }

  #fill(assembly: Assembly): Uint8Array | undefined {
    const piece = this.#take(Math.min(this.#left, this.#unread.length))
    assembly.add(piece)
    this.#left -= piece.length
    if (this.#left > 0) return undefined
    this.#assembly = undefined
    return assembly.bytes()
  }

  #take(length: number): Buffer {
    const taken = this.#unread.subarray(0, length)
    this.#unread = this.#unread.subarray(length)
    return taken
  }
}
