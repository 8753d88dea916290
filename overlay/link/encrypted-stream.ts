import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { AbortOptions, MessageStream } from '@libp2p/interface'
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'

/** The decrypted side of an admitted connection, as libp2p's muxer uses it. */
export class EncryptedStream extends AbstractMessageStream {
  readonly #raw: MessageStream
  readonly #socket: TLSSocket
  #closing: Promise<void> | undefined

  /** @param raw the transport's connection; @param socket TLS on top of it, read up to the end of admission */
  constructor(raw: MessageStream, socket: TLSSocket) {
    super({
      log: raw.log,
      inactivityTimeout: raw.inactivityTimeout,
      maxReadBufferLength: raw.maxReadBufferLength,
      direction: raw.direction,
    })
    this.#raw = raw
    this.#socket = socket
    if (socket.closed) this.#closing = Promise.resolve()
    socket.on('data', (bytes: Buffer) => this.onData(bytes))
    socket.on('error', (error) => raw.abort(error))
    socket.on('close', () => {
      this.#closing = raw.close().catch((error) => raw.abort(error))
    })
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    raw.addEventListener('close', (event) => {
      socket.destroy()
      if (event.error === undefined) this.onTransportClosed()
      else if (event.local) this.abort(event.error)
      else this.onRemoteReset()
    })
    socket.resume()
  }

  async close(options?: AbortOptions): Promise<void> {
    if (this.#closing === undefined) {
      this.#socket.destroySoon()
      await once(this.#socket, 'close', options?.signal === undefined ? {} : { signal: options.signal })
    }
    await this.#closing
  }

  sendPause(): void {
    this.#socket.pause()
  }

  sendResume(): void {
    this.#socket.resume()
  }

  sendReset(error: Error): void {
    this.#socket.destroy()
    this.#raw.abort(error)
  }

  sendData(data: Uint8ArrayList): SendResult {
    let sentBytes = 0
    let canSendMore = true
    for (const bytes of data) {
      sentBytes += bytes.byteLength
      canSendMore = this.#socket.write(bytes)
      if (!canSendMore) break
    }
    return { sentBytes, canSendMore }
  }
}
