import type { Stream } from '@libp2p/interface'
import { type Clock, type Logger, sleep } from '../../core/index.ts'
import type { ChainPort, ChainWant, Sender } from '../ports.ts'
import type { ChainTurns } from './chain-turns.ts'
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
  readonly turns: ChainTurns
  openStream(peerKey: string): Promise<Stream>
  senderOf(peerKey: string): Sender | undefined
  /** Told how many blocks the ledger took. */
  onBlocks(count: number): void
}

/** Between looks whether another peer is done with a chain, in milliseconds. */
const POLL_MS = 25

/**
 * Fetches announced blocks: one stream at a time per peer, apart from catch-up, which may take long. What is announced
 * while a chain waits is fetched with it, in one request for the whole range; a chain comes from one peer at a time.
 */
export class BlockFetcher {
  readonly #options: BlockFetcherOptions
  readonly #dependencies: BlockFetcherDependencies
  readonly #waiting = new Map<string, WantList>()
  readonly #running = new Map<string, SyncClient | undefined>()

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
      await this.#dependencies.turns.giveWay()
      await this.#fetchAll(peerKey, list)
    } catch (error) {
      this.#dependencies.logger.debug({ peer: peerKey, err: error }, 'announced blocks could not be fetched')
      this.#running.get(peerKey)?.abort(new Error('given up'))
    }
    const client = this.#running.get(peerKey)
    // Before the stream is closed, which takes its time: what is announced meanwhile begins anew.
    this.#running.delete(peerKey)
    this.#waiting.delete(peerKey)
    list.giveUp()
    await client?.close()
  }

  async #fetchAll(peerKey: string, list: WantList): Promise<void> {
    const from = this.#dependencies.senderOf(peerKey)
    if (from === undefined || list.size === 0) return
    const { clock } = this.#dependencies
    const stream = await this.#dependencies.openStream(peerKey)
    const client = new SyncClient(this.#options, { clock, stream })
    this.#running.set(peerKey, client)
    while (list.size > 0) {
      const next = list.take((want) => this.#dependencies.turns.isFree(want))
      if (next === undefined) await sleep(clock, POLL_MS)
      else await next.settle((want) => this.#fetchOne(want, client, from))
    }
  }

  async #fetchOne(want: ChainWant, client: SyncClient, from: Sender): Promise<boolean> {
    const { clock, chains, turns, onBlocks } = this.#dependencies
    const outcome = await turns.take(want, (rest) => pullWant(rest, { clock, client, chains, from, onBlocks }))
    return outcome === 'complete'
  }
}
