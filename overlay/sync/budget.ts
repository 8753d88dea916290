export interface BudgetOptions {
  /** Bytes that may be served at once after a quiet time. */
  readonly burstBytes: number
  /** Bytes that come back every second. */
  readonly bytesPerSecond: number
}

/** A token bucket in bytes: what one peer may have served. Pure; the caller brings the time and does the waiting. */
export class ServeBudget {
  readonly #options: BudgetOptions
  #level: number
  #atMs: number

  /** @param nowMs milliseconds of the monotonic clock */
  constructor(options: BudgetOptions, nowMs: number) {
    this.#options = options
    this.#level = options.burstBytes
    this.#atMs = nowMs
  }

  /** Takes `bytes`; answers how many milliseconds to wait until they are paid for. */
  take(bytes: number, nowMs: number): number {
    const { burstBytes, bytesPerSecond } = this.#options
    this.#level = Math.min(burstBytes, this.#level + ((nowMs - this.#atMs) * bytesPerSecond) / 1000)
    this.#atMs = nowMs
    this.#level -= bytes
    return this.#level >= 0 ? 0 : Math.ceil((-this.#level * 1000) / bytesPerSecond)
  }
}
