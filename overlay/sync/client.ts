import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { decodeAnswer, encodeRequest, type SyncAnswer, type SyncRequest } from './codec.ts'
import { FrameStream } from './frames.ts'

/** The answer that fits a request. */
export type AnswerTo<Request extends SyncRequest> = Extract<SyncAnswer, { kind: Request['kind'] }>

export interface ClientOptions {
  /** How long one answer may take, in milliseconds. */
  readonly answerTimeoutMs: number
}

/** The asking side of one sync stream: one request at a time, each answered within its time or the stream ends. */
export class SyncClient {
  readonly #options: ClientOptions
  readonly #clock: Clock
  readonly #frames: FrameStream

  constructor(options: ClientOptions, dependencies: { readonly clock: Clock; readonly stream: Stream }) {
    this.#options = options
    this.#clock = dependencies.clock
    this.#frames = new FrameStream(dependencies.stream)
  }

  /** Bytes read and written so far. */
  get bytes(): number {
    return this.#frames.bytesRead + this.#frames.bytesWritten
  }

  /**
   * Sends `request` and reads its answer.
   * @throws OVERLAY_SYNC_TIMEOUT, OVERLAY_SYNC_CLOSED, OVERLAY_SYNC_REFUSED, OVERLAY_SYNC_MALFORMED,
   * OVERLAY_SYNC_UNEXPECTED, OVERLAY_SYNC_FRAME_TOO_LARGE
   */
  async ask<Request extends SyncRequest>(request: Request): Promise<AnswerTo<Request>> {
    const timer = this.#clock.setTimer(this.#options.answerTimeoutMs, () =>
      this.#frames.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_TIMEOUT', { metadata: { kind: request.kind } })),
    )
    try {
      await this.#frames.write(encodeRequest(request))
      const frame = await this.#frames.read()
      if (frame === undefined) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_CLOSED')
      const answer = decodeAnswer(frame, request.kind)
      if (answer.kind === 'refusal') {
        throw OVERLAY_ERRORS.create('OVERLAY_SYNC_REFUSED', { metadata: { reason: answer.reason } })
      }
      return answer as AnswerTo<Request>
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
