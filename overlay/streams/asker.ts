import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { FrameStream } from './frames.ts'
import type { AnswerTo, Message, RefusalAnswer } from './messages.ts'

export interface AskerOptions {
  /** How long one answer may take, in milliseconds. */
  readonly answerTimeoutMs: number
  /** Longest frame, either way. */
  readonly maxFrameBytes: number
}

export interface AskerDependencies<Request extends Message, Answer extends Message> {
  readonly clock: Clock
  readonly stream: Stream
  encode(request: Request): Uint8Array
  /** Reads the answer to a request of `kind`. */
  decode(frame: Uint8Array, kind: Request['kind']): Answer | RefusalAnswer
}

/** The asking side of one stream: one request at a time, each answered within its time or the stream ends. */
export class Asker<Request extends Message, Answer extends Message> {
  readonly #options: AskerOptions
  readonly #dependencies: AskerDependencies<Request, Answer>
  readonly #frames: FrameStream

  constructor(options: AskerOptions, dependencies: AskerDependencies<Request, Answer>) {
    this.#options = options
    this.#dependencies = dependencies
    this.#frames = new FrameStream(dependencies.stream, options.maxFrameBytes)
  }

  /** Bytes read and written so far. */
  get bytes(): number {
    return this.#frames.bytesRead + this.#frames.bytesWritten
  }

  /**
   * Sends `request` and reads its answer.
   * @throws OVERLAY_STREAM_TIMEOUT, OVERLAY_STREAM_CLOSED, OVERLAY_STREAM_REFUSED, OVERLAY_STREAM_FRAME_TOO_LARGE, and what
   * decoding the answer throws
   */
  async ask<Asked extends Request>(request: Asked): Promise<AnswerTo<Asked, Answer>> {
    const { clock, encode, decode } = this.#dependencies
    const timer = clock.setTimer(this.#options.answerTimeoutMs, () =>
      this.#frames.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_TIMEOUT', { metadata: { kind: request.kind } })),
    )
    try {
      await this.#frames.write(encode(request))
      const frame = await this.#frames.read()
      if (frame === undefined) throw OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED')
      const answer = decode(frame, request.kind)
      if (isRefusal(answer)) {
        throw OVERLAY_ERRORS.create('OVERLAY_STREAM_REFUSED', { metadata: { reason: answer.reason } })
      }
      return answer as AnswerTo<Asked, Answer>
    } catch (error) {
      // A stream that is left half open counts against the few that there may be with one peer.
      this.#frames.abort(error as Error)
      throw error
    } finally {
      timer.cancel()
    }
  }

  close(): Promise<void> {
    return this.#frames.close()
  }

  abort(error: Error): void {
    this.#frames.abort(error)
  }
}

function isRefusal(answer: Message): answer is RefusalAnswer {
  return answer.kind === 'refusal'
}
