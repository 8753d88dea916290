import type { Stream } from '@libp2p/interface'
import { type Clock, isGapmeshError, type Logger, sleep } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_REQUESTS_PER_STREAM } from '../limits.ts'
import type { ChainPort, RecordPort } from '../ports.ts'
import { Answers } from './answers.ts'
import { type BudgetOptions, ServeBudget } from './budget.ts'
import { decodeRequest, encodeAnswer, type SyncAnswer } from './codec.ts'
import { FrameStream } from './frames.ts'

export interface ServerOptions {
  readonly budget: BudgetOptions
  /** A stream without a request for this long is closed, in milliseconds. */
  readonly idleTimeoutMs: number
}

export interface ServerDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  /** A peer said that it has news. */
  onHint(peerKey: string): void
}

/** Charged for any answer, so that small questions are not free. */
const BYTES_PER_REQUEST = 1024

/** Peers whose budget is remembered, connected or not, so that reconnecting does not refill it. */
const MAX_BUDGETS = 1024

/** An answer that would have to wait longer than this is refused as busy. */
const MAX_WAIT_MS = 10_000

/** The answering side of the sync protocol: bounded per stream by count, per peer by what it costs. */
export class SyncServer {
  readonly #options: ServerOptions
  readonly #dependencies: ServerDependencies
  readonly #answers: Answers
  readonly #budgets = new Map<string, ServeBudget>()
  readonly #open = new Set<FrameStream>()
  readonly #stopped = new AbortController()

  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#answers = new Answers(dependencies)
  }

  /** Answers requests on `stream` until the peer is done or misbehaves. */
  async serve(stream: Stream, peerKey: string): Promise<void> {
    const frames = new FrameStream(stream)
    this.#open.add(frames)
    try {
      for (let count = 0; count < MAX_REQUESTS_PER_STREAM; count += 1) {
        const frame = await this.#nextRequest(frames)
        if (frame === undefined) break
        const answer = await this.#answer(frame, peerKey)
        await frames.write(encodeAnswer(answer))
        if (answer.kind === 'refusal') break
      }
      await frames.close()
    } catch (error) {
      this.#dependencies.logger.debug({ peer: peerKey, err: error }, 'sync stream ended')
      frames.abort(error instanceof Error ? error : new Error('sync stream ended'))
    } finally {
      this.#open.delete(frames)
    }
  }

  stop(): void {
    this.#stopped.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_CLOSED'))
    for (const frames of this.#open) frames.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_CLOSED'))
  }

  async #nextRequest(frames: FrameStream): Promise<Uint8Array | undefined> {
    const timer = this.#dependencies.clock.setTimer(this.#options.idleTimeoutMs, () =>
      frames.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_TIMEOUT')),
    )
    try {
      return await frames.read()
    } finally {
      timer.cancel()
    }
  }

  async #answer(frame: Uint8Array, peerKey: string): Promise<SyncAnswer> {
    try {
      const request = decodeRequest(frame)
      if (!(await this.#pay(peerKey, BYTES_PER_REQUEST))) return { kind: 'refusal', reason: 'busy' }
      if (request.kind === 'hint') this.#dependencies.onHint(peerKey)
      const { answer, costBytes } = await this.#answers.to(request)
      const paid = await this.#pay(peerKey, costBytes)
      return paid ? answer : { kind: 'refusal', reason: 'busy' }
    } catch (error) {
      if (isGapmeshError(error, 'OVERLAY_SYNC_MALFORMED')) return { kind: 'refusal', reason: 'malformed' }
      this.#dependencies.logger.warn({ peer: peerKey, err: error }, 'a sync request could not be answered')
      return { kind: 'refusal', reason: 'failed' }
    }
  }

  async #pay(peerKey: string, bytes: number): Promise<boolean> {
    const { clock } = this.#dependencies
    const budget = this.#budget(peerKey)
    const waitMs = budget.take(bytes, clock.monotonic())
    if (waitMs > MAX_WAIT_MS) return false
    if (waitMs > 0) await sleep(clock, waitMs, this.#stopped.signal)
    return true
  }

  #budget(peerKey: string): ServeBudget {
    const known = this.#budgets.get(peerKey)
    if (known !== undefined) return known
    const budget = new ServeBudget(this.#options.budget, this.#dependencies.clock.monotonic())
    this.#budgets.set(peerKey, budget)
    const [oldest] = this.#budgets.keys()
    if (this.#budgets.size > MAX_BUDGETS && oldest !== undefined) this.#budgets.delete(oldest)
    return budget
  }
}
