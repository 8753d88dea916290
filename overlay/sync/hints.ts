import type { Clock, Timer } from '../../core/index.ts'

export interface HintsOptions {
  /** News within this time of one another are one hint, in milliseconds. */
  readonly delayMs: number
  /** Least time between hints to one peer, in milliseconds. */
  readonly minGapMs: number
}

export interface HintsDependencies {
  readonly clock: Clock
  /** Tells one peer that this node has news; never rejects. */
  send(peerKey: string): Promise<void>
}

/**
 * Tells peers to compare soon. A hint carries nothing but itself: a peer that has everything already finds that out
 * with one digest. That is how a record crosses a line of nodes, and how a message that gossip lost is recovered.
 */
export class Hints {
  readonly #options: HintsOptions
  readonly #dependencies: HintsDependencies
  readonly #timers = new Map<string, Timer>()
  readonly #lastMs = new Map<string, number>()
  #stopped = false

  constructor(options: HintsOptions, dependencies: HintsDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Sends a hint to the peer soon; one that is already due is enough. */
  to(peerKey: string): void {
    if (this.#stopped || this.#timers.has(peerKey)) return
    const nowMs = this.#dependencies.clock.monotonic()
    const earliestMs = (this.#lastMs.get(peerKey) ?? Number.NEGATIVE_INFINITY) + this.#options.minGapMs
    const delayMs = Math.max(this.#options.delayMs, earliestMs - nowMs)
    this.#timers.set(
      peerKey,
      this.#dependencies.clock.setTimer(delayMs, () => this.#send(peerKey)),
    )
  }

  /** Forgets a peer that disconnected. */
  remove(peerKey: string): void {
    this.#timers.get(peerKey)?.cancel()
    this.#timers.delete(peerKey)
    this.#lastMs.delete(peerKey)
  }

  stop(): void {
    this.#stopped = true
    for (const key of [...this.#timers.keys()]) this.remove(key)
  }

  #send(peerKey: string): void {
    this.#timers.delete(peerKey)
    this.#lastMs.set(peerKey, this.#dependencies.clock.monotonic())
    void this.#dependencies.send(peerKey)
  }
}
