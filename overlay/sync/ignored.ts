import type { Clock } from '../../core/index.ts'
import { MAX_IGNORED_IDS } from '../limits.ts'

/**
 * Ids whose records came from a peer and were ignored: records of a revoked key, say, which others admitted in time. They
 * stay different for good, and without this memory every catch-up would fetch them again. It is kept per peer, because
 * only the peer's word ties a record to the id it was asked for.
 */
export class IgnoredIds {
  readonly #retryMs: number
  readonly #clock: Clock
  readonly #byPeer = new Map<string, Map<string, number>>()

  constructor(options: { readonly retryMs: number }, dependencies: { readonly clock: Clock }) {
    this.#retryMs = options.retryMs
    this.#clock = dependencies.clock
  }

  add(peerKey: string, id: Uint8Array): void {
    const ids = this.#byPeer.get(peerKey) ?? new Map<string, number>()
    this.#byPeer.set(peerKey, ids)
    const key = keyOf(id)
    ids.delete(key)
    ids.set(key, this.#clock.monotonic() + this.#retryMs)
    const [oldest] = ids.keys()
    if (ids.size > MAX_IGNORED_IDS && oldest !== undefined) ids.delete(oldest)
  }

  has(peerKey: string, id: Uint8Array): boolean {
    const untilMs = this.#byPeer.get(peerKey)?.get(keyOf(id))
    return untilMs !== undefined && untilMs > this.#clock.monotonic()
  }

  /** Forgets everything about a peer, so that its records are looked at again. */
  forget(peerKey: string): void {
    this.#byPeer.delete(peerKey)
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}
