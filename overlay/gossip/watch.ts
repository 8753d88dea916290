import type { Clock, Timer } from '../../core/index.ts'

export interface WatchOptions {
  /** Time between looks, in milliseconds. */
  readonly intervalMs: number
  /** How long a peer may be connected and not in gossip before something is done, in milliseconds. */
  readonly graceMs: number
}

export interface WatchDependencies {
  readonly clock: Clock
  /** Keys of connected peers. */
  peerKeys(): readonly string[]
  /** True when gossip flows both ways with the peer. */
  inGossip(peerKey: string): boolean
  /** Asks gossip to take the peer in again, on the same connection. */
  rejoin(peerKey: string): void
  /** Closes the connection, so that it is made anew. */
  hangUp(peerKey: string): void
  /** The peer is back after it was missing: messages were lost both ways. */
  recovered(peerKey: string): void
}

interface Missing {
  sinceMs: number
  rejoins: number
}

/** Attempts on the same connection before it is closed. */
const MAX_REJOINS = 2

/**
 * Sees what gossipsub does not report: a peer whose connection stands while its gossip streams are gone, as happens
 * after an RPC above the receiver's cap, a full write buffer, or the loss of one of two connections.
 */
export class GossipWatch {
  readonly #options: WatchOptions
  readonly #dependencies: WatchDependencies
  readonly #missing = new Map<string, Missing>()
  #timer: Timer | undefined

  constructor(options: WatchOptions, dependencies: WatchDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Peers that were found missing and have not come back. */
  get missing(): number {
    return this.#missing.size
  }

  start(): void {
    this.#timer = this.#dependencies.clock.setTimer(this.#options.intervalMs, () => {
      this.#look()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    const keys = new Set(this.#dependencies.peerKeys())
    for (const key of this.#missing.keys()) if (!keys.has(key)) this.#missing.delete(key)
    for (const key of keys) {
      if (this.#dependencies.inGossip(key)) this.#present(key)
      else this.#absent(key)
    }
  }

  #present(key: string): void {
    const missing = this.#missing.get(key)
    this.#missing.delete(key)
    if (missing !== undefined && missing.rejoins > 0) this.#dependencies.recovered(key)
  }

  #absent(key: string): void {
    const nowMs = this.#dependencies.clock.monotonic()
    const missing = this.#missing.get(key)
    if (missing === undefined) {
      this.#missing.set(key, { sinceMs: nowMs, rejoins: 0 })
    } else if (nowMs - missing.sinceMs >= this.#options.graceMs) {
      this.#act(key, missing, nowMs)
    }
  }

  #act(key: string, missing: Missing, nowMs: number): void {
    if (missing.rejoins < MAX_REJOINS) {
      missing.rejoins += 1
      missing.sinceMs = nowMs
      this.#dependencies.rejoin(key)
    } else {
      this.#missing.delete(key)
      this.#dependencies.hangUp(key)
    }
  }
}
