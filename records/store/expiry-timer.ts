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
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  /** Sleeps are short enough to notice a wall clock that was set forward, and to fit a 32-bit timer. */
  #arm(): void {
    this.#timer?.cancel()
    const delayMs = Math.min(Math.max(0, this.#dueMs - this.#clock.now()), MAX_EXPIRY_SLEEP_MS)
    this.#timer = this.#clock.setTimer(delayMs, () => this.#wake(), { unref: true })
  }

  #wake(): void {
    if (this.#clock.now() < this.#dueMs) {
      this.#arm()
      return
    }
    this.stop()
    this.#action()
  }
}
