import {
  backoffMs,
  type Clock,
  isGapmeshError,
  type Logger,
  type RandomSource,
  randomFraction,
  type Timer,
} from '../../core/index.ts'
import type { Certificate } from '../../records/path/index.ts'

export interface RotationDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  /** The certificate in use. */
  readonly certificate: () => Certificate
  /** Gets the next one and takes it into use; after a failure it is called again. */
  readonly renew: () => Promise<void>
}

/** What is known of the next certificate, for status. */
export interface RotationState {
  /** When it is asked for. */
  readonly dueAtMs: number
  /** Failed attempts since the last certificate. */
  readonly failures: number
  /** Code of the last failure. */
  readonly lastFailure: string | undefined
  /** Certificates taken into use since the start. */
  readonly renewed: number
}

/** Part of the half life by which nodes are spread to either side. */
const JITTER = 0.1

const RETRY = { baseMs: 15_000, maxMs: 3_600_000 }

/** Longest wait before the clock is looked at again: it may be set. */
const MAX_SLEEP_MS = 600_000

/** When a certificate is changed: at half of its life, a tenth of that sooner or later. */
export function rotationDueMs(
  { notBeforeMs, notAfterMs }: Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>,
  fraction: number,
): number {
  const halfMs = (notAfterMs - notBeforeMs) / 2
  return Math.round(notBeforeMs + halfMs * (1 - JITTER + 2 * JITTER * fraction))
}

/** Changes this node's certificate in time, or when told to, and goes on trying while the CA cannot be reached. */
export class Rotation {
  readonly #dependencies: RotationDependencies
  /** By the wall clock, as the certificate is. */
  #dueAtMs: number
  /** After a failure, by the monotonic clock: a wall clock that was ahead and is set right must not put it off. */
  #retryAtMs: number | undefined
  /** Ordered while an attempt is under way. */
  #orderedMs = Number.POSITIVE_INFINITY
  #failures = 0
  #lastFailure: string | undefined
  #renewed = 0
  #timer: Timer | undefined
  /** Resolves to what it failed with, if it did. */
  #running: Promise<unknown> | undefined
  #stopped = true

  constructor(dependencies: RotationDependencies) {
    this.#dependencies = dependencies
    this.#dueAtMs = this.#regularDueMs()
  }

  get state(): RotationState {
    return {
      dueAtMs: Math.round(this.#dependencies.clock.now() + this.#leftMs()),
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      renewed: this.#renewed,
    }
  }

  start(): void {
    this.#stopped = false
    this.#schedule()
  }

  /** Lets an attempt under way end. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }

  /** An operator wants it by `notLaterThanMs`: at once where that has passed, else at a random moment before. */
  hurry(notLaterThanMs: number): void {
    const nowMs = this.#dependencies.clock.now()
    const leftMs = Math.max(0, notLaterThanMs - nowMs)
    const dueAtMs = nowMs + leftMs * randomFraction(this.#dependencies.random)
    // The certificate that is being asked for may be from before the order.
    if (this.#running !== undefined) this.#orderedMs = Math.min(dueAtMs, this.#orderedMs)
    else if (this.#bringForward(dueAtMs)) this.#schedule()
  }

  #bringForward(dueAtMs: number): boolean {
    if (dueAtMs - this.#dependencies.clock.now() >= this.#leftMs()) return false
    this.#dueAtMs = dueAtMs
    this.#retryAtMs = undefined
    return true
  }

  /**
   * At once, on an operator's word, or with the attempt that is under way. A failure is tried again as any other.
   * @throws what the attempt failed with
   */
  async now(): Promise<void> {
    this.#timer?.cancel()
    const error = await (this.#running ?? this.#run())
    if (error !== undefined) throw error
  }

  #regularDueMs(): number {
    const { certificate, random } = this.#dependencies
    return rotationDueMs(certificate(), randomFraction(random))
  }

  /** A CA dates a certificate back, so that slow clocks take it: the life of a fresh one is counted from now. */
  #nextDueMs(): number {
    const { certificate, clock, random } = this.#dependencies
    const { notAfterMs } = certificate()
    return rotationDueMs({ notBeforeMs: clock.now(), notAfterMs }, randomFraction(random))
  }

  #schedule(): void {
    this.#timer?.cancel()
    if (this.#stopped || this.#running !== undefined) return
    const waitMs = Math.min(Math.max(0, this.#leftMs()), MAX_SLEEP_MS)
    this.#timer = this.#dependencies.clock.setTimer(waitMs, () => this.#wake(), { unref: true })
  }

  #wake(): void {
    if (this.#leftMs() > 0) this.#schedule()
    else void this.#run()
  }

  /** Time until the next attempt; negative when it is overdue. */
  #leftMs(): number {
    const { clock } = this.#dependencies
    return this.#retryAtMs === undefined ? this.#dueAtMs - clock.now() : this.#retryAtMs - clock.monotonic()
  }

  #run(): Promise<unknown> {
    this.#running = this.#attempt().finally(() => {
      this.#running = undefined
      this.#bringForward(this.#orderedMs)
      this.#orderedMs = Number.POSITIVE_INFINITY
      this.#schedule()
    })
    return this.#running
  }

  async #attempt(): Promise<unknown> {
    const { clock, random, logger, renew } = this.#dependencies
    try {
      await renew()
      this.#failures = 0
      this.#lastFailure = undefined
      this.#renewed += 1
      this.#dueAtMs = this.#nextDueMs()
      this.#retryAtMs = undefined
      return undefined
    } catch (error) {
      const waitMs = backoffMs(RETRY, this.#failures, randomFraction(random))
      this.#failures += 1
      this.#lastFailure = isGapmeshError(error) ? error.code : 'INTERNAL'
      this.#retryAtMs = clock.monotonic() + waitMs
      if (!this.#stopped)
        logger.warn({ err: error, retryInMs: waitMs }, 'the certificate could not be renewed; trying again')
      return error
    }
  }
}
