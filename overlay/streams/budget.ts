export interface BudgetOptions {
  /** Bytes that may pass at once after a quiet time. */
  readonly burstBytes: number
  /** Bytes that come back every second. */
  readonly bytesPerSecond: number
}

/** A token bucket in bytes: what one peer may cost. Pure; the caller brings the time and does the waiting. */
export class ByteBudget {
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

/** Peers whose budget is remembered, connected or not, so that reconnecting does not refill it. */
const MAX_BUDGETS = 1024

/** A budget for each peer. */
export class PeerBudgets {
  readonly #options: BudgetOptions
  readonly #budgets = new Map<string, ByteBudget>()

  constructor(options: BudgetOptions) {
    this.#options = options
  }

  /** Charges a peer `bytes`; answers how many milliseconds to wait until they are paid for. */
  take(peerKey: string, bytes: number, nowMs: number): number {
    const known = this.#budgets.get(peerKey)
    const budget = known ?? new ByteBudget(this.#options, nowMs)
    if (known === undefined) this.#budgets.set(peerKey, budget)
    const [oldest] = this.#budgets.keys()
    if (this.#budgets.size > MAX_BUDGETS && oldest !== undefined) this.#budgets.delete(oldest)
    return budget.take(bytes, nowMs)
  }
}
