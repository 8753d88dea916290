const BLOCK_BYTES = 64 * 1024
/** Data from here on is handed over where it lies; shorter data is copied beside its header, which is cheaper. */
const BY_REFERENCE_BYTES = 16 * 1024

/** Bytes on their way out: small messages side by side in blocks, so that a write carries many of them. */
export class Output {
  #chunks: Uint8Array[] = []
  #block: Buffer = Buffer.alloc(0)
  #from = 0
  #to = 0
  #bytes = 0

  /** Bytes that wait to be taken. */
  get bytes(): number {
    return this.#bytes
  }

  u8(value: number): this {
    this.#room(1)
    this.#block[this.#to++] = value
    return this
  }

  u16(value: number): this {
    this.#room(2)
    this.#to = this.#block.writeUInt16BE(value, this.#to)
    return this
  }

  u32(value: number): this {
    this.#room(4)
    this.#to = this.#block.writeUInt32BE(value, this.#to)
    return this
  }

  /** A whole number below 2^53 as 64 bits. */
  u64(value: number): this {
    this.#room(8)
    this.#to = this.#block.writeUInt32BE(Math.floor(value / 0x1_0000_0000), this.#to)
    this.#to = this.#block.writeUInt32BE(value % 0x1_0000_0000, this.#to)
    return this
  }

  /** `data` must not change before it is written. */
  data(data: Uint8Array): this {
    if (data.length >= BY_REFERENCE_BYTES) {
      this.#cut()
      this.#chunks.push(data)
      this.#bytes += data.length
      return this
    }
    this.#room(data.length)
    this.#block.set(data, this.#to)
    this.#to += data.length
    return this
  }

  /** Everything that waits, in order; it is the caller's then. */
  take(): Uint8Array[] {
    this.#cut()
    const taken = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    return taken
  }

  #room(length: number): void {
    this.#bytes += length
    if (this.#to + length <= this.#block.length) return
    this.#cut()
    this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, length))
    this.#from = 0
    this.#to = 0
  }

  #cut(): void {
    if (this.#to > this.#from) this.#chunks.push(this.#block.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}
