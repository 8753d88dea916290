import { type Clock, sleep } from '../../core/index.ts'
import type { ChainWant } from '../ports.ts'

/** How the fetching of one want ended: `complete`, `ended` by the peer or the ledger, `cut` for taking too long. */
export type WantOutcome = 'complete' | 'ended' | 'cut'

export interface ChainTurnsDependencies {
  readonly clock: Clock
  /** True while records come in or go out live. */
  busy(): boolean
}

/** Longest that blocks give way to records, in milliseconds: still time to pass an announcement on. */
const MAX_GIVE_WAY_MS = 2_000
const POLL_MS = 25

/** Longest that a chain which one peer is sending is not asked for from another, in milliseconds. */
const CLAIM_MS = 3_000

/** Chains of which it is remembered how far they came. */
const MAX_REACHED = 4096

/** Whose turn it is: records before blocks, and each chain from one peer at a time, whichever way it was asked for. */
export class ChainTurns {
  readonly #dependencies: ChainTurnsDependencies
  /** When the fetch of a chain that runs began. */
  readonly #claims = new Map<string, number>()
  /** Last block taken of each chain. */
  readonly #reached = new Map<string, number>()

  constructor(dependencies: ChainTurnsDependencies) {
    this.#dependencies = dependencies
  }

  /** Waits for a lull in the records, but not for long. */
  async giveWay(): Promise<void> {
    const { clock, busy } = this.#dependencies
    const untilMs = clock.monotonic() + MAX_GIVE_WAY_MS
    while (busy() && clock.monotonic() < untilMs) await sleep(clock, POLL_MS)
  }

  /** True unless a peer is sending this chain, and has not been for too long. */
  isFree({ origin }: ChainWant): boolean {
    const sinceMs = this.#claims.get(origin)
    return sinceMs === undefined || this.#dependencies.clock.monotonic() - sinceMs >= CLAIM_MS
  }

  /** Runs `fetch` for what another peer has not sent meanwhile; nobody else is asked for the chain while it runs. */
  async take(want: ChainWant, fetch: (rest: ChainWant) => Promise<WantOutcome>): Promise<WantOutcome> {
    const rest = this.#restOf(want)
    if (rest === undefined) return 'complete'
    const sinceMs = this.#dependencies.clock.monotonic()
    this.#claims.set(want.origin, sinceMs)
    try {
      const outcome = await fetch(rest)
      if (outcome === 'complete') this.#note(rest)
      return outcome
    } finally {
      if (this.#claims.get(want.origin) === sinceMs) this.#claims.delete(want.origin)
    }
  }

  #restOf(want: ChainWant): ChainWant | undefined {
    if (want.compare) return want
    const fromSeq = Math.max(want.fromSeq, (this.#reached.get(want.origin) ?? 0) + 1)
    return fromSeq > want.toSeq ? undefined : { ...want, fromSeq }
  }

  #note({ origin, toSeq }: ChainWant): void {
    const reached = Math.max(toSeq, this.#reached.get(origin) ?? 0)
    this.#reached.delete(origin)
    this.#reached.set(origin, reached)
    const [oldest] = this.#reached.keys()
    if (this.#reached.size > MAX_REACHED && oldest !== undefined) this.#reached.delete(oldest)
  }
}
