import type { Stream } from '@libp2p/interface'
import { type Clock, sleep } from '../../core/index.ts'

export interface BacklogOptions {
  /** Bytes waiting for one peer above which senders wait. */
  readonly highWaterBytes: number
  /** Longest wait for one peer, in milliseconds; a slower one is no longer waited for until it has caught up. */
  readonly maxWaitMs: number
}

export interface BacklogDependencies {
  readonly clock: Clock
  /** Outbound gossip streams by peer. */
  streams(): Iterable<readonly [peerKey: string, stream: Stream]>
}

const POLL_MS = 5

/** A slow peer has caught up when less than this part of the high water is waiting for it. */
const CAUGHT_UP = 0.25

/**
 * The back pressure that gossipsub lacks: it writes as fast as it is told to, and a stream above its cap is reset, which
 * takes the peer out of gossip. Senders ask for room first. A slow peer holds them up once, not for every message: what
 * it reads now and then, to stay just below the mark, does not make it a fast one.
 */
export class Backlog {
  readonly #options: BacklogOptions
  readonly #dependencies: BacklogDependencies
  readonly #slow = new Set<string>()
  #waiting: Promise<void> | undefined

  constructor(options: BacklogOptions, dependencies: BacklogDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Resolves when no peer that keeps up has too much waiting. */
  async room(): Promise<void> {
    while (this.#congested().length > 0) {
      this.#waiting ??= this.#wait().finally(() => {
        this.#waiting = undefined
      })
      await this.#waiting
    }
  }

  async #wait(): Promise<void> {
    const { clock } = this.#dependencies
    const untilMs = clock.monotonic() + this.#options.maxWaitMs
    while (this.#congested().length > 0) {
      if (clock.monotonic() >= untilMs) {
        for (const peerKey of this.#congested()) this.#slow.add(peerKey)
        return
      }
      await sleep(clock, POLL_MS)
    }
  }

  #congested(): string[] {
    const { highWaterBytes } = this.#options
    const waiting = new Map<string, number>()
    for (const [peerKey, stream] of this.#dependencies.streams()) waiting.set(peerKey, stream.writeBufferLength)
    for (const peerKey of this.#slow) {
      if ((waiting.get(peerKey) ?? 0) < highWaterBytes * CAUGHT_UP) this.#slow.delete(peerKey)
    }
    const full = [...waiting].filter(([peerKey, bytes]) => bytes > highWaterBytes && !this.#slow.has(peerKey))
    return full.map(([peerKey]) => peerKey)
  }
}
