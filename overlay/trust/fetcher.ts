import type { Stream } from '@libp2p/interface'
import { backoffMs, type Clock, type Logger, type RandomSource, randomFraction, type Timer } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_FETCHED_LIST_BYTES, MAX_LIST_CHUNK_BYTES } from '../limits.ts'
import { type BudgetOptions, PeerBudgets, Penalties } from '../streams/index.ts'
import { TrustClient } from './client.ts'
import type { Wish, WishOutcome } from './wishes.ts'

export interface FetcherOptions {
  /** How long one answer may take, in milliseconds. */
  readonly answerTimeoutMs: number
  /** What is fetched from one peer. */
  readonly budget: BudgetOptions
}

export interface FetcherDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  openStream(peerKey: string): Promise<Stream>
  /** What to ask this peer for now, the most wanted first. */
  wishes(peerKey: string): readonly Wish[]
}

/** What fetching came to since the start. */
export interface FetchCounters {
  /** Lists and keys that were handed over and taken. */
  fetched: number
  failures: number
  /** Fetches that ended by the peer's fault. */
  faults: number
}

interface Fetch {
  readonly wish: Wish
  readonly sinceMs: number
  client: TrustClient | undefined
  /** Aborted by this node, for no failure of the peer. */
  isOver: boolean
}

interface Source {
  running: Fetch | undefined
  failures: number
  notBeforeMs: number
}

const AFTER_FAILURE = { baseMs: 1_000, maxMs: 60_000 }

/** Something that one peer is sending is not asked for from another for this long, in milliseconds. */
const CLAIM_MS = 5_000

/** What this node took or does not want is not fetched again for this long, in milliseconds. */
const SETTLED_MS = 600_000

/** A peer that does not have what it is asked for is asked again after this long, in milliseconds. */
const ABSENT_MS = 30_000
const MAX_SETTLED = 4096

/** After failures less is asked for at once, as suits a narrow link: down to a sixteenth. */
const MAX_HALVINGS = 4

/**
 * Asks peers for what this node wishes: one thing at a time from each, each thing from one peer at a time. Another peer is
 * asked as soon as one fails or lies, or beside one that takes long.
 */
export class Fetcher {
  readonly counters: FetchCounters = { fetched: 0, failures: 0, faults: 0 }
  readonly #options: FetcherOptions
  readonly #dependencies: FetcherDependencies
  readonly #sources = new Map<string, Source>()
  readonly #penalties: Penalties
  readonly #budgets: PeerBudgets
  /** Until when something is not asked for, by its id or, for one peer, by both. */
  readonly #settled = new Map<string, number>()
  #timer: Timer | undefined
  #stopped = false

  constructor(options: FetcherOptions, dependencies: FetcherDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#penalties = new Penalties(dependencies)
    this.#budgets = new PeerBudgets(options.budget)
  }

  add(peerKey: string): void {
    const notBeforeMs = this.#penalties.notBeforeMs(peerKey)
    if (!this.#sources.has(peerKey)) this.#sources.set(peerKey, { running: undefined, failures: 0, notBeforeMs })
    this.look()
  }

  remove(peerKey: string): void {
    const source = this.#sources.get(peerKey)
    this.#sources.delete(peerKey)
    if (source?.running !== undefined) this.#abandon(source.running)
    this.look()
  }

  /** True while the peer is left alone for its faults. */
  isPenalised(peerKey: string): boolean {
    return this.#penalties.notBeforeMs(peerKey) > this.#dependencies.clock.monotonic()
  }

  /** Leaves a peer alone that did what only it can have done wrong. */
  punish(peerKey: string): void {
    this.counters.faults += 1
    const delayMs = this.#penalties.add(peerKey)
    const source = this.#sources.get(peerKey)
    if (source !== undefined) source.notBeforeMs = this.#dependencies.clock.monotonic() + delayMs
  }

  /** Wishes may have changed: looks in a moment. */
  look(): void {
    this.#lookAt(0)
  }

  /** This node knows something new: what it did not want may be wanted now. */
  reconsider(): void {
    this.#settled.clear()
    this.look()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    for (const key of [...this.#sources.keys()]) this.remove(key)
  }

  #lookAt(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#stopped ? undefined : this.#dependencies.clock.setTimer(delayMs, () => this.#beginAll())
  }

  #beginAll(): void {
    this.#timer = undefined
    const nowMs = this.#dependencies.clock.monotonic()
    let nextMs = Number.POSITIVE_INFINITY
    for (const [peerKey, source] of this.#sources) {
      if (source.running === undefined) nextMs = Math.min(nextMs, this.#begin(peerKey, source, nowMs))
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#lookAt(nextMs - nowMs)
  }

  /** Begins a fetch, or answers when to look again. */
  #begin(peerKey: string, source: Source, nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const wish of this.#dependencies.wishes(peerKey)) {
      const dueMs = Math.max(source.notBeforeMs, this.#dueMs(peerKey, wish, nowMs))
      if (dueMs <= nowMs) {
        void this.#fetch(peerKey, source, wish)
        return Number.POSITIVE_INFINITY
      }
      nextMs = Math.min(nextMs, dueMs)
    }
    return nextMs
  }

  #dueMs(peerKey: string, wish: Wish, nowMs: number): number {
    const settledMs = Math.max(this.#settled.get(wish.id) ?? 0, this.#settled.get(`${wish.id} ${peerKey}`) ?? 0)
    if (settledMs > nowMs) return settledMs
    const running = this.#running()
    const claims = running.filter((fetch) => fetch.wish.id === wish.id).map(({ sinceMs }) => sinceMs + CLAIM_MS)
    const claimedMs = Math.max(0, ...claims)
    return claimedMs > nowMs ? claimedMs : this.#roomMs(running, wish, nowMs)
  }

  /** When there is room for what `wish` brings: the fetch that has been running for longest makes it. */
  #roomMs(running: readonly Fetch[], wish: Wish, nowMs: number): number {
    const bytes = running.reduce((sum, fetch) => sum + fetch.wish.sizeBytes, wish.sizeBytes)
    if (bytes <= MAX_FETCHED_LIST_BYTES) return nowMs
    const [oldest] = [...running].sort((a, b) => a.sinceMs - b.sinceMs)
    if (oldest === undefined) return nowMs
    const dueMs = oldest.sinceMs + CLAIM_MS
    if (dueMs <= nowMs) oldest.client?.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_TIMEOUT'))
    return Math.max(dueMs, nowMs + 1)
  }

  #running(): readonly Fetch[] {
    return [...this.#sources.values()].flatMap(({ running }) => running ?? [])
  }

  async #fetch(peerKey: string, source: Source, wish: Wish): Promise<void> {
    const { clock, openStream } = this.#dependencies
    const fetch: Fetch = { wish, sinceMs: clock.monotonic(), client: undefined, isOver: false }
    source.running = fetch
    const paidMs = this.#budgets.take(peerKey, wish.sizeBytes, fetch.sinceMs)
    try {
      const client = new TrustClient(this.#options, { clock, stream: await openStream(peerKey) })
      fetch.client = client
      if (fetch.isOver) throw OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED')
      const chunkBytes = MAX_LIST_CHUNK_BYTES >> Math.min(source.failures, MAX_HALVINGS)
      this.#done(peerKey, source, { fetch, outcome: await wish.fetch(client, chunkBytes) })
      await client.close()
    } catch (error) {
      fetch.client?.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
      if (!fetch.isOver) this.#failed(peerKey, source, error)
    }
    source.running = undefined
    source.notBeforeMs = Math.max(source.notBeforeMs, clock.monotonic() + paidMs)
    this.look()
  }

  #done(peerKey: string, source: Source, { fetch, outcome }: { fetch: Fetch; outcome: WishOutcome }): void {
    const { wish } = fetch
    const isTaken = outcome === 'accept' || outcome === 'duplicate'
    if (outcome === 'absent') this.#settle(`${wish.id} ${peerKey}`, ABSENT_MS)
    else this.#settle(wish.isUnique || isTaken ? wish.id : `${wish.id} ${peerKey}`, SETTLED_MS)
    if (outcome === 'reject') throw OVERLAY_ERRORS.create('OVERLAY_TRUST_REJECTED')
    if (!isTaken) return
    this.counters.fetched += 1
    source.failures = 0
    this.#penalties.clear(peerKey)
    for (const other of this.#running()) if (other !== fetch && other.wish.id === wish.id) this.#abandon(other)
  }

  #failed(peerKey: string, source: Source, error: unknown): void {
    const { clock, random, logger } = this.#dependencies
    if (OVERLAY_ERRORS.matches(error) && error.action === 'reject') {
      logger.warn({ peer: peerKey, err: error }, 'a peer lied about its lists or keys; it is left alone for a while')
      this.punish(peerKey)
      return
    }
    logger.debug({ peer: peerKey, err: error }, 'a list or key could not be fetched')
    this.counters.failures += 1
    source.notBeforeMs = clock.monotonic() + backoffMs(AFTER_FAILURE, source.failures, randomFraction(random))
    source.failures += 1
  }

  #abandon(fetch: Fetch): void {
    fetch.isOver = true
    fetch.client?.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
  }

  #settle(key: string, forMs: number): void {
    this.#settled.delete(key)
    this.#settled.set(key, this.#dependencies.clock.monotonic() + forMs)
    const [oldest] = this.#settled.keys()
    if (this.#settled.size > MAX_SETTLED && oldest !== undefined) this.#settled.delete(oldest)
  }
}
