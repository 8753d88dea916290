import type { Clock, Timer } from '../../core/index.ts'
import { MAX_EXPIRY_SLEEP_MS } from '../limits.ts'

/** One timer for the earliest of many times: it calls `action` when that time has come by the wall clock. */
export class ExpiryTimer {
  readonly #clock: Clock
  readonly #action: () => void
  #dueMs = Number.POSITIVE_INFINITY
  #timer: Timer | undefined

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock
    this.#action = action
  }

  /** Asks to be called at `dueMs` if that is earlier than what is already asked for. */
  schedule(dueMs: number): void {
    if (dueMs >= this.#dueMs) return
    this.#dueMs = dueMs
    this.#arm(dueMs - this.#clock.now())
  }

  /** Calls after `delayMs`, whatever the wall clock does and whatever else is asked for until then. */
  retry(delayMs: number): void {
    this.#dueMs = Number.NEGATIVE_INFINITY
    this.#arm(delayMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  /** Sleeps are short enough to notice a wall clock that was set forward, and to fit a 32-bit timer. */
  #arm(delayMs: number): void {
    this.#timer?.cancel()
    const sleepMs = Math.min(Math.max(0, delayMs), MAX_EXPIRY_SLEEP_MS)
    this.#timer = this.#clock.setTimer(sleepMs, () => this.#wake(), { unref: true })
  }

  #wake(): void {
    const leftMs = this.#dueMs - this.#clock.now()
    if (leftMs > 0) {
      this.#arm(leftMs)
      return
    }
    this.stop()
    this.#action()
  }
}
