import type { Stream } from '@libp2p/interface'
import { type Clock, type Logger, sleep } from '../../core/index.ts'
import type { ChainPort, ChainWant, Sender } from '../ports.ts'
import { pullWant } from './chains.ts'
import { SyncClient } from './client.ts'
import { WantList } from './want-list.ts'

export interface BlockFetcherOptions {
  readonly answerTimeoutMs: number
}

export interface BlockFetcherDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly chains: ChainPort
  openStream(peerKey: string): Promise<Stream>
  senderOf(peerKey: string): Sender | undefined
  /** True while records come in or go out; blocks give way to them. */
  busy(): boolean
  /** Told how many blocks the ledger took. */
  onBlocks(count: number): void
}

/** Longest that blocks give way to records, in milliseconds: still time to pass an announcement on. */
const MAX_GIVE_WAY_MS = 2_000
const POLL_MS = 25

/** Longest that a chain which one peer is sending is not asked for from another, in milliseconds. */
const CLAIM_MS = 3_000

/** Chains of which it is remembered how far they came. */
const MAX_REACHED = 4096

/**
 * Fetches announced blocks: one stream at a time per peer, apart from catch-up, which may take long. What is announced
 * while a chain waits is fetched with it, in one request for the whole range; a chain comes from one peer at a time.
 */
export class BlockFetcher {
  readonly #options: BlockFetcherOptions
  readonly #dependencies: BlockFetcherDependencies
  readonly #waiting = new Map<string, WantList>()
  readonly #running = new Map<string, SyncClient | undefined>()
  /** When the fetch of a chain that runs began. */
  readonly #claims = new Map<string, number>()
  /** Last block taken of each chain. */
  readonly #reached = new Map<string, number>()

  constructor(options: BlockFetcherOptions, dependencies: BlockFetcherDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Resolves with true when all wanted blocks were taken; they may have come from another peer. */
  fetch(peerKey: string, want: ChainWant): Promise<boolean> {
    const list = this.#waiting.get(peerKey) ?? new WantList()
    this.#waiting.set(peerKey, list)
    const done = list.add(want)
    if (!this.#running.has(peerKey)) void this.#work(peerKey, list)
    return done
  }

  /** Gives up on a peer, or on all. */
  stop(peerKey?: string): void {
    const keys = peerKey === undefined ? [...this.#running.keys()] : [peerKey]
    for (const key of keys) {
      this.#waiting.get(key)?.giveUp()
      this.#running.get(key)?.abort(new Error('stopped'))
    }
  }

  async #work(peerKey: string, list: WantList): Promise<void> {
    this.#running.set(peerKey, undefined)
    try {
      await this.#giveWay()
      await this.#fetchAll(peerKey, list)
    } catch (error) {
      this.#dependencies.logger.debug({ peer: peerKey, err: error }, 'announced blocks could not be fetched')
    } finally {
      this.#running.delete(peerKey)
      this.#waiting.delete(peerKey)
      list.giveUp()
    }
  }

  /** Waits for a lull in the records. */
  async #giveWay(): Promise<void> {
    const { clock, busy } = this.#dependencies
    const untilMs = clock.monotonic() + MAX_GIVE_WAY_MS
    while (busy() && clock.monotonic() < untilMs) await sleep(clock, POLL_MS)
  }

  async #fetchAll(peerKey: string, list: WantList): Promise<void> {
    const from = this.#dependencies.senderOf(peerKey)
    if (from === undefined || list.size === 0) return
    const { clock } = this.#dependencies
    const stream = await this.#dependencies.openStream(peerKey)
    const client = new SyncClient(this.#options, { clock, stream })
    this.#running.set(peerKey, client)
    try {
      while (list.size > 0) {
        const next = list.take((want) => this.#isFree(want))
        if (next === undefined) await sleep(clock, POLL_MS)
        else await next.settle((want) => this.#fetchOne(want, client, from))
      }
    } finally {
      await client.close()
    }
  }

  async #fetchOne(want: ChainWant, client: SyncClient, from: Sender): Promise<boolean> {
    const rest = this.#restOf(want)
    if (rest === undefined) return true
    const { clock, chains, onBlocks } = this.#dependencies
    const sinceMs = clock.monotonic()
    this.#claims.set(want.origin, sinceMs)
    try {
      const outcome = await pullWant(rest, { clock, client, chains, from, onBlocks })
      if (outcome === 'complete') this.#note(rest)
      return outcome === 'complete'
    } finally {
      if (this.#claims.get(want.origin) === sinceMs) this.#claims.delete(want.origin)
    }
  }

  #isFree({ origin }: ChainWant): boolean {
    const sinceMs = this.#claims.get(origin)
    return sinceMs === undefined || this.#dependencies.clock.monotonic() - sinceMs >= CLAIM_MS
  }

  /** What another peer has not sent meanwhile. */
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
