import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { drained } from '../drained.ts'
import { OVERLAY_ERRORS } from '../errors.ts'

/*
 * One frame:
 *
 *    0       4
 *   +-------+----------------+
 *   | n u32 | n bytes of CBOR |      big-endian; each protocol has its cap on n
 *   +-------+----------------+
 */

const HEADER_BYTES = 4

interface Waiting {
  resolve(frame: Uint8Array | undefined): void
  reject(error: unknown): void
}

/**
 * Frames over a libp2p stream. Request and answer alternate, so more than two frames in waiting is an attack on memory
 * and ends the stream.
 */
export class FrameStream {
  readonly #stream: Stream
  readonly #maxFrameBytes: number
  readonly #buffer = new Uint8ArrayList()
  #waiting: Waiting | undefined
  #ended = false
  #error: unknown
  /** Bytes of frames read and written. */
  bytesRead = 0
  bytesWritten = 0

  /** @param maxFrameBytes longest frame, either way */
  constructor(stream: Stream, maxFrameBytes: number) {
    this.#stream = stream
    this.#maxFrameBytes = maxFrameBytes
    stream.addEventListener('message', (event: StreamMessageEvent) => this.#take(event.data))
    stream.addEventListener('remoteCloseWrite', () => this.#end(undefined))
    stream.addEventListener('close', (event: StreamCloseEvent) => this.#end(event.error))
  }

  /**
   * The next frame, or undefined when the other side has finished. One caller at a time.
   * @throws OVERLAY_STREAM_FRAME_TOO_LARGE, OVERLAY_STREAM_CLOSED
   */
  read(): Promise<Uint8Array | undefined> {
    if (this.#waiting !== undefined) throw new TypeError('one reader at a time')
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#answerReader()
    })
  }

  /**
   * Sends one frame and waits until the stream takes more.
   * @throws {TypeError} for a frame above its cap; OVERLAY_STREAM_CLOSED
   */
  async write(frame: Uint8Array): Promise<void> {
    if (frame.length > this.#maxFrameBytes) throw new TypeError('the frame is above its cap')
    const header = new Uint8Array(HEADER_BYTES)
    new DataView(header.buffer).setUint32(0, frame.length)
    try {
      this.bytesWritten += HEADER_BYTES + frame.length
      if (!this.#stream.send(new Uint8ArrayList(header, frame))) await drained(this.#stream)
    } catch (cause) {
      throw closedBecause(this.#error ?? cause)
    }
  }

  /** Says that no more frames follow, and lets go of the stream. */
  async close(): Promise<void> {
    await this.#stream.close().catch((error: Error) => this.#stream.abort(error))
  }

  abort(error: Error): void {
    this.#end(error)
    this.#stream.abort(error)
  }

  #take(data: Uint8Array | Uint8ArrayList): void {
    this.#buffer.append(data)
    if (this.#buffer.byteLength > 2 * (HEADER_BYTES + this.#maxFrameBytes)) {
      this.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_FRAME_TOO_LARGE'))
    } else {
      this.#answerReader()
    }
  }

  #end(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#answerReader()
  }

  #answerReader(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    try {
      const frame = this.#nextFrame()
      if (frame === undefined && !this.#ended) return
      this.#waiting = undefined
      if (frame !== undefined) waiting.resolve(frame)
      else if (this.#error === undefined && this.#buffer.byteLength === 0) waiting.resolve(undefined)
      else waiting.reject(closedBecause(this.#error))
    } catch (error) {
      this.#waiting = undefined
      waiting.reject(error)
    }
  }

  #nextFrame(): Uint8Array | undefined {
    if (this.#buffer.byteLength < HEADER_BYTES) return undefined
    const length = this.#buffer.getUint32(0)
    if (length > this.#maxFrameBytes) throw OVERLAY_ERRORS.create('OVERLAY_STREAM_FRAME_TOO_LARGE')
    if (this.#buffer.byteLength < HEADER_BYTES + length) return undefined
    const frame = this.#buffer.slice(HEADER_BYTES, HEADER_BYTES + length)
    this.#buffer.consume(HEADER_BYTES + length)
    this.bytesRead += HEADER_BYTES + length
    return frame
  }
}

function closedBecause(error: unknown): unknown {
  return OVERLAY_ERRORS.matches(error) ? error : OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED', { cause: error })
}
