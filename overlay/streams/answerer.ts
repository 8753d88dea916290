import type { Stream } from '@libp2p/interface'
import { type Clock, type Logger, sleep } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { type BudgetOptions, PeerBudgets } from './budget.ts'
import { FrameStream } from './frames.ts'
import type { Message, RefusalAnswer } from './messages.ts'

export interface AnswererOptions {
  /** Longest frame, either way. */
  readonly maxFrameBytes: number
  /** Requests answered on one stream. */
  readonly maxRequests: number
  /** What one peer may have served. */
  readonly budget: BudgetOptions
  /** A stream is ended when it brings no request for this long, or takes no answer, in milliseconds. */
  readonly idleTimeoutMs: number
}

/** An answer and what it is charged with: what was looked at for it, whether it is sent or not. */
export interface Answered<Answer extends Message> {
  readonly answer: Answer | RefusalAnswer
  readonly costBytes: number
}

export interface AnswererDependencies<Request extends Message, Answer extends Message> {
  readonly clock: Clock
  readonly logger: Logger
  /** Reads a request; what it throws with the action `reject` is told as malformed. */
  decode(frame: Uint8Array): Request
  encode(answer: Answer | RefusalAnswer): Uint8Array
  answer(request: Request, peerKey: string): Promise<Answered<Answer>> | Answered<Answer>
}

/** Charged for any answer, so that small questions are not free. */
const BYTES_PER_REQUEST = 1024

/** An answer that would have to wait longer than this is refused as busy. */
const MAX_WAIT_MS = 10_000

/** The answering side of a protocol: bounded per stream by count, per peer by what it costs. */
export class Answerer<Request extends Message, Answer extends Message> {
  readonly #options: AnswererOptions
  readonly #dependencies: AnswererDependencies<Request, Answer>
  readonly #budgets: PeerBudgets
  readonly #open = new Set<FrameStream>()
  readonly #stopped = new AbortController()

  constructor(options: AnswererOptions, dependencies: AnswererDependencies<Request, Answer>) {
    this.#options = options
    this.#dependencies = dependencies
    this.#budgets = new PeerBudgets(options.budget)
  }

  /** Answers requests on `stream` until the peer is done or misbehaves. */
  async serve(stream: Stream, peerKey: string): Promise<void> {
    const { logger, encode } = this.#dependencies
    const frames = new FrameStream(stream, this.#options.maxFrameBytes)
    this.#open.add(frames)
    try {
      for (let count = 0; count < this.#options.maxRequests; count += 1) {
        const frame = await this.#inTime(frames, () => frames.read())
        if (frame === undefined) break
        const answer = await this.#answer(frame, peerKey)
        await this.#inTime(frames, () => frames.write(encode(answer)))
        if (answer.kind === 'refusal') break
      }
      await frames.close()
    } catch (error) {
      logger.debug({ peer: peerKey, protocol: stream.protocol, err: error }, 'a stream ended early')
      frames.abort(error instanceof Error ? error : new Error('the stream ended'))
    } finally {
      this.#open.delete(frames)
    }
  }

  stop(): void {
    this.#stopped.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
    for (const frames of this.#open) frames.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
  }

  /** What `step` answers, if the peer does its part in time; else the stream is ended. */
  async #inTime<Result>(frames: FrameStream, step: () => Promise<Result>): Promise<Result> {
    const timer = this.#dependencies.clock.setTimer(this.#options.idleTimeoutMs, () =>
      frames.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_TIMEOUT')),
    )
    try {
      return await step()
    } finally {
      timer.cancel()
    }
  }

  async #answer(frame: Uint8Array, peerKey: string): Promise<Answer | RefusalAnswer> {
    const { logger, decode } = this.#dependencies
    try {
      const request = decode(frame)
      if (!(await this.#pay(peerKey, BYTES_PER_REQUEST))) return { kind: 'refusal', reason: 'busy' }
      const { answer, costBytes } = await this.#dependencies.answer(request, peerKey)
      const paid = await this.#pay(peerKey, costBytes)
      return paid ? answer : { kind: 'refusal', reason: 'busy' }
    } catch (error) {
      if (OVERLAY_ERRORS.matches(error) && error.action === 'reject') return { kind: 'refusal', reason: 'malformed' }
      logger.warn({ peer: peerKey, err: error }, 'a request could not be answered')
      return { kind: 'refusal', reason: 'failed' }
    }
  }

  async #pay(peerKey: string, bytes: number): Promise<boolean> {
    const { clock } = this.#dependencies
    const waitMs = this.#budgets.take(peerKey, bytes, clock.monotonic())
    if (waitMs > MAX_WAIT_MS) return false
    if (waitMs > 0) await sleep(clock, waitMs, this.#stopped.signal)
    return true
  }
}
