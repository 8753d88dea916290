import { type Clock, toHex } from '../../core/index.ts'

/**
 * Ids that some catch-up of this node is fetching now, so that two peers do not send the same records. A claim holds for
 * a moment only: a peer that names ids and is slow to hand them over must not keep others from doing so.
 */
export class InFlightIds {
  readonly #claimMs: number
  readonly #clock: Clock
  /** Owner and end of each claim. */
  readonly #claims = new Map<string, { readonly owner: object; readonly untilMs: number }>()

  /** @param options claimMs: how long a claim holds, in milliseconds */
  constructor(options: { readonly claimMs: number }, dependencies: { readonly clock: Clock }) {
    this.#claimMs = options.claimMs
    this.#clock = dependencies.clock
  }

  get size(): number {
    return this.#claims.size
  }

  /** Claims those of `ids` that nobody else is fetching, and answers them. */
  claim(ids: readonly Uint8Array[], owner: object): Uint8Array[] {
    const nowMs = this.#clock.monotonic()
    return ids.filter((id) => {
      const key = toHex(id)
      const claim = this.#claims.get(key)
      if (claim !== undefined && claim.owner !== owner && claim.untilMs > nowMs) return false
      this.#claims.set(key, { owner, untilMs: nowMs + this.#claimMs })
      return true
    })
  }

  /** Ends the claims on `ids`, where they are still `owner`'s. */
  release(ids: readonly Uint8Array[], owner: object): void {
    for (const key of ids.map(toHex)) if (this.#claims.get(key)?.owner === owner) this.#claims.delete(key)
  }
}
