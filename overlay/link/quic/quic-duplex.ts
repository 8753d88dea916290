import { Duplex } from 'node:stream'
import type { RawStream } from './raw-connection.ts'

const READ_BYTES = 16 * 1024

/** A QUIC stream as a Node stream, with back-pressure both ways: bytes nobody reads stay in QUIC's window. */
export class QuicDuplex extends Duplex {
  readonly #stream: RawStream

  constructor(stream: RawStream) {
    super()
    this.#stream = stream
    this.on('error', () => undefined)
  }

  /** Lets go of the stream once what was written is on its way; nothing more is read. */
  leave(): void {
    this.pause()
    this.end(() => this.destroy())
  }

  override _read(): void {
    this.#stream.read(READ_BYTES).then(
      (bytes) => this.push(bytes ?? null),
      (error: Error) => this.destroy(error),
    )
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#stream.write(chunk).then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.finishWrite().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.writableFinished) void this.#stream.resetWrite()
    void this.#stream.stopRead()
    done(error)
  }
}
