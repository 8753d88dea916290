import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { type Clock, uintFromBytes } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { REFUSAL_LINGER_MS } from '../limits.ts'
import { type AdmissionFrame, decodeFrame, encodeFrame, FRAME_PREFIX_BYTES, maxFrameBytes } from './admission.ts'

/** Admission frames over a stream. Reads exactly the bytes of each frame, so that what follows stays for libp2p. */
export class FrameChannel {
  readonly #stream: Duplex
  #refused = false
  /** Ends the read that waits for bytes. */
  #stopReading: (() => void) | undefined

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  send(frame: AdmissionFrame): void {
    if (this.#stream.writable && !this.#refused) this.#stream.write(encodeFrame(frame))
  }

  /**
   * The next frame, which must be of `type`.
   * @throws OVERLAY_LINK_REFUSED, OVERLAY_LINK_CLOSED, OVERLAY_LINK_FRAME_TOO_LARGE, OVERLAY_LINK_FRAME, OVERLAY_LINK_FRAME_ORDER
   */
  async expect<Type extends AdmissionFrame['type']>(type: Type): Promise<Extract<AdmissionFrame, { type: Type }>> {
    const length = uintFromBytes(await this.#take(FRAME_PREFIX_BYTES))
    if (length > maxFrameBytes(type) || length === 0) {
      throw OVERLAY_ERRORS.create(length === 0 ? 'OVERLAY_LINK_FRAME' : 'OVERLAY_LINK_FRAME_TOO_LARGE', {
        metadata: { bytes: length },
      })
    }
    const frame = decodeFrame(await this.#take(length))
    if (frame.type === 'refused' && type !== 'refused') {
      throw OVERLAY_ERRORS.create('OVERLAY_LINK_REFUSED', { detail: frame.code, metadata: { code: frame.code } })
    }
    if (frame.type !== type) {
      throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME_ORDER', { metadata: { due: type, got: frame.type } })
    }
    return frame as Extract<AdmissionFrame, { type: Type }>
  }

  /**
   * Tells the other side why it is refused, and gives it a moment to read that and hang up before the caller does.
   * Whatever it says meanwhile is thrown away, and nothing more is sent.
   */
  async refuse(code: string, clock: Clock): Promise<void> {
    if (this.#stream.destroyed) return
    this.send({ type: 'refused', code })
    this.#refused = true
    this.#stopReading?.()
    const done = new AbortController()
    const timer = clock.setTimer(REFUSAL_LINGER_MS, () => done.abort(), { unref: true })
    this.#stream.resume()
    await Promise.race(['end', 'close'].map((event) => once(this.#stream, event, { signal: done.signal }))).catch(
      () => undefined,
    )
    timer.cancel()
    done.abort()
  }

  #take(length: number): Promise<Uint8Array> {
    const stream = this.#stream
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#stopReading = undefined
        stream.off('readable', attempt)
        for (const event of ENDINGS) stream.off(event, onEnd)
      }
      const attempt = () => {
        const bytes: Buffer | null = stream.read(length)
        if (bytes === null || bytes.length < length) {
          if (bytes !== null || stream.readableEnded || stream.destroyed) onEnd()
          return
        }
        stop()
        resolve(new Uint8Array(bytes))
      }
      const onEnd = (cause?: unknown) => {
        stop()
        reject(OVERLAY_ERRORS.create('OVERLAY_LINK_CLOSED', cause instanceof Error ? { cause } : {}))
      }
      this.#stopReading = onEnd
      stream.on('readable', attempt)
      for (const event of ENDINGS) stream.on(event, onEnd)
      attempt()
    })
  }
}

const ENDINGS = ['end', 'close', 'error'] as const
