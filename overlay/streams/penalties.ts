import { backoffMs, type Clock, type RandomSource, randomFraction } from '../../core/index.ts'

const AFTER_FAULT = { baseMs: 30_000, maxMs: 3_600_000 }

/** Peers whose faults are remembered, connected or not, so that reconnecting does not clear them. */
const MAX_PENALTIES = 1024

/** How long peers are left alone after what only they can have done wrong: ever longer. */
export class Penalties {
  readonly #dependencies: { readonly clock: Clock; readonly random: RandomSource }
  readonly #byPeer = new Map<string, { readonly faults: number; readonly notBeforeMs: number }>()

  constructor(dependencies: { readonly clock: Clock; readonly random: RandomSource }) {
    this.#dependencies = dependencies
  }

  /** When the peer's time is over, on the monotonic clock in milliseconds; 0 for one without faults. */
  notBeforeMs(peerKey: string): number {
    return this.#byPeer.get(peerKey)?.notBeforeMs ?? 0
  }

  /** Notes a fault; answers for how long the peer is left alone, in milliseconds. */
  add(peerKey: string): number {
    const { clock, random } = this.#dependencies
    const faults = (this.#byPeer.get(peerKey)?.faults ?? 0) + 1
    const delayMs = backoffMs(AFTER_FAULT, faults, randomFraction(random))
    this.#byPeer.delete(peerKey)
    this.#byPeer.set(peerKey, { faults, notBeforeMs: clock.monotonic() + delayMs })
    const [oldest] = this.#byPeer.keys()
    if (this.#byPeer.size > MAX_PENALTIES && oldest !== undefined) this.#byPeer.delete(oldest)
    return delayMs
  }

  /** Forgives a peer that did what was asked of it. */
  clear(peerKey: string): void {
    this.#byPeer.delete(peerKey)
  }
}
