import type { Clock } from '../core/index.ts'

export interface RateLimit {
  /** Requests that a client may make at once. */
  readonly burst: number
  /** Requests that a client may make per minute in the long run. */
  readonly perMinute: number
  /** Most clients remembered; the least recent goes first and starts afresh. */
  readonly maxClients: number
}

interface Bucket {
  tokens: number
  atMs: number
}

/** One token bucket per client, in a table of bounded size. */
export class RateLimiter {
  readonly #limit: RateLimit
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(limit: RateLimit, dependencies: { clock: Clock }) {
    this.#limit = limit
    this.#clock = dependencies.clock
  }

  /** Clients remembered now. */
  get size(): number {
    return this.#buckets.size
  }

  /** True when `client` may make a request now, which is then counted. */
  take(client: string): boolean {
    const nowMs = this.#clock.monotonic()
    const { burst, perMinute, maxClients } = this.#limit
    const bucket = this.#buckets.get(client) ?? { tokens: burst, atMs: nowMs }
    const refilled = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 60_000) * perMinute)
    const allowed = refilled >= 1
    this.#buckets.delete(client)
    this.#buckets.set(client, { tokens: allowed ? refilled - 1 : refilled, atMs: nowMs })
    const oldest = this.#buckets.keys().next().value
    if (this.#buckets.size > maxClients && oldest !== undefined) this.#buckets.delete(oldest)
    return allowed
  }
}
