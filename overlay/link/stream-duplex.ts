import { Duplex } from 'node:stream'
import type { MessageStream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { drained } from '../drained.ts'

/** Sees the bytes of a connection as they pass. */
export interface Tap {
  received(bytes: Uint8Array): void
  sent(bytes: Uint8Array): void
}

/** A libp2p connection as the Node stream that TLS runs on, with back-pressure both ways. */
export class StreamDuplex extends Duplex {
  readonly #stream: MessageStream
  readonly #tap: Tap

  /** Takes over reading from `stream`. */
  constructor(stream: MessageStream, tap: Tap) {
    super()
    this.#stream = stream
    this.#tap = tap
    stream.pause()
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('close', this.#onClose)
  }

  override _read(): void {
    if (this.#open) this.#stream.resume()
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(new Uint8ArrayList(chunk), done)
  }

  override _writev(chunks: readonly { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#send(new Uint8ArrayList(...chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.close().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('close', this.#onClose)
    done(error)
  }

  get #open(): boolean {
    return this.#stream.status === 'open'
  }

  #send(chunks: Uint8ArrayList, done: (error?: Error | null) => void): void {
    try {
      for (const chunk of chunks) this.#tap.sent(chunk)
      if (this.#stream.send(chunks)) done()
      else drained(this.#stream).then(() => done(), done)
    } catch (error) {
      done(error instanceof Error ? error : new Error('the connection refused bytes', { cause: error }))
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    let more = true
    for (const chunk of event.data instanceof Uint8Array ? [event.data] : event.data) {
      this.#tap.received(chunk)
      more = this.push(chunk)
    }
    if (!more && this.#open) this.#stream.pause()
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    this.destroy(event.error)
  }
}
