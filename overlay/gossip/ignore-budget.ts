import type { Clock } from '../../core/index.ts'

export interface IgnoreBudgetOptions {
  /** Length of the sliding window, in milliseconds. */
  readonly windowMs: number
  /** Ignored messages of one peer within the window above which it is no longer listened to. */
  readonly maxIgnored: number
  /** Messages within the window of a peer that is not listened to above which the connection is closed. */
  readonly maxUnheard: number
}

/** Events within a sliding window, from the counts of two fixed ones: the older one counts by what is left of it. */
class WindowCount {
  #startMs = 0
  #current = 0
  #before = 0

  add(nowMs: number, windowMs: number): void {
    this.#turn(nowMs, windowMs)
    this.#current += 1
  }

  at(nowMs: number, windowMs: number): number {
    this.#turn(nowMs, windowMs)
    return this.#current + this.#before * (1 - (nowMs - this.#startMs) / windowMs)
  }

  #turn(nowMs: number, windowMs: number): void {
    const windows = Math.floor((nowMs - this.#startMs) / windowMs)
    if (windows === 0) return
    this.#before = windows === 1 ? this.#current : 0
    this.#current = 0
    this.#startMs += windows * windowMs
  }
}

interface Account {
  readonly ignored: WindowCount
  readonly unheard: WindowCount
}

/** Peers whose account is remembered, connected or not, so that reconnecting does not clear it. */
const MAX_ACCOUNTS = 1024

/**
 * What a peer may send that is dropped without blame. Each message costs a verification, so a peer that sends nothing
 * else is not listened to for a while, and hung up on when it goes on all the same.
 */
export class IgnoreBudget {
  readonly #options: IgnoreBudgetOptions
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()

  constructor(options: IgnoreBudgetOptions, dependencies: { readonly clock: Clock }) {
    this.#options = options
    this.#clock = dependencies.clock
  }

  /** True while messages of the peer are worth verifying. */
  isHeard(peerKey: string): boolean {
    const account = this.#accounts.get(peerKey)
    const { windowMs, maxIgnored } = this.#options
    return account === undefined || account.ignored.at(this.#clock.monotonic(), windowMs) <= maxIgnored
  }

  /** Counts a message that was ignored. Answers true when it was the one too many. */
  countIgnored(peerKey: string): boolean {
    const before = this.isHeard(peerKey)
    this.#account(peerKey).ignored.add(this.#clock.monotonic(), this.#options.windowMs)
    return before && !this.isHeard(peerKey)
  }

  /** Counts a message that was not listened to. Answers true when the peer should be hung up on. */
  countUnheard(peerKey: string): boolean {
    const { unheard } = this.#account(peerKey)
    const nowMs = this.#clock.monotonic()
    const { windowMs, maxUnheard } = this.#options
    unheard.add(nowMs, windowMs)
    return unheard.at(nowMs, windowMs) > maxUnheard
  }

  #account(peerKey: string): Account {
    const known = this.#accounts.get(peerKey)
    if (known !== undefined) return known
    const account = { ignored: new WindowCount(), unheard: new WindowCount() }
    this.#accounts.set(peerKey, account)
    const [oldest] = this.#accounts.keys()
    if (this.#accounts.size > MAX_ACCOUNTS && oldest !== undefined) this.#accounts.delete(oldest)
    return account
  }
}
