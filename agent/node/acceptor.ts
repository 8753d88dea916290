import { type Clock, isGapmeshError, type Logger, sleep } from '../../core/index.ts'
import type { IngestBatch, IngestEvent, InputPosition } from '../ingest/index.ts'
import type { Publisher } from './publisher.ts'

export interface AcceptorDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly publisher: Pick<Publisher, 'publish' | 'advance' | 'problemOf'>
  /** Ends the waiting. */
  readonly signal: AbortSignal
}

/** How accepting goes, for status. */
export interface AcceptorState {
  /** Events that could never be accepted and were left out. */
  readonly failed: number
  /** Code of the failure that is being waited out. */
  readonly waitingFor: string | undefined
}

/** Failures that pass by themselves, or once somebody frees space, sets the clock or renews the certificate. */
const PASSING = new Set([
  'CORE_STORE_WRITE',
  'CORE_STORE_READ',
  'CRYPTO_BUSY',
  'CRYPTO_OPERATION_FAILED',
  'LEDGER_BUSY',
  'AGENT_NODE_NOT_APPENDING',
  'AGENT_CERTIFICATE_ENDED',
  'AGENT_CLOCK_BEHIND',
])

const RETRY_MS = 1_000

/** While it waits, it says so this often. */
const REMIND_MS = 60_000

/** Gets what was read from the logs accepted, each event once: the read position moves with its events or not at all. */
export class BatchAcceptor {
  readonly #dependencies: AcceptorDependencies
  #failed = 0
  #waiting: { readonly code: string; readonly sinceMs: number; remindMs: number } | undefined

  constructor(dependencies: AcceptorDependencies) {
    this.#dependencies = dependencies
  }

  state(): AcceptorState {
    return { failed: this.#failed, waitingFor: this.#waiting?.code }
  }

  /**
   * Resolves once everything in `batch` that can be accepted is. A failure that passes is waited out; an event that can
   * never be accepted is left out, counted and logged.
   * @throws any other failure: trying again would not help, and skipping would lose what is not at fault
   */
  async accept(batch: IngestBatch): Promise<void> {
    const { clock, signal } = this.#dependencies
    const bad = new Set<number>()
    for (;;) {
      const events = batch.events.filter((_, at) => !bad.has(at))
      try {
        await this.#commit(events, batch.positions)
        this.#goesOn()
        return
      } catch (error) {
        if (signal.aborted) throw error
        if (isGapmeshError(error) && PASSING.has(error.code)) {
          this.#waits(error.code)
          await sleep(clock, RETRY_MS, signal)
        } else this.#leaveOut(batch.events, bad, error)
      }
    }
  }

  async #commit(events: readonly IngestEvent[], positions: readonly InputPosition[]): Promise<void> {
    const { publisher } = this.#dependencies
    if (events.length > 0) await publisher.publish(events, positions)
    else await publisher.advance(positions)
  }

  /** Adds to `bad` those that can never be accepted; where there is none, they are not to blame. */
  #leaveOut(events: readonly IngestEvent[], bad: Set<number>, error: unknown): void {
    const { publisher, logger } = this.#dependencies
    const before = bad.size
    for (const [at, event] of events.entries()) {
      const problem = bad.has(at) ? undefined : publisher.problemOf(event)
      if (problem === undefined) continue
      const { kind, indicator } = event.signature
      logger.error({ kind, indicator, err: problem }, 'an event can never be accepted and was left out')
      bad.add(at)
    }
    if (bad.size === before) throw error
    this.#failed += bad.size - before
  }

  #waits(code: string): void {
    const { clock, logger } = this.#dependencies
    const nowMs = clock.monotonic()
    const waiting = this.#waiting ?? { code, sinceMs: nowMs, remindMs: nowMs }
    this.#waiting = { ...waiting, code }
    if (nowMs < waiting.remindMs) return
    this.#waiting.remindMs = nowMs + REMIND_MS
    logger.error({ code, forMs: Math.round(nowMs - waiting.sinceMs) }, 'events cannot be accepted now; they wait')
  }

  #goesOn(): void {
    if (this.#waiting === undefined) return
    const { clock, logger } = this.#dependencies
    logger.warn({ forMs: Math.round(clock.monotonic() - this.#waiting.sinceMs) }, 'events are accepted again')
    this.#waiting = undefined
  }
}
