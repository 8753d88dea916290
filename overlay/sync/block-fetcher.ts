import type { Stream } from '@libp2p/interface'
import type { Clock, Logger } from '../../core/index.ts'
import type { ChainPort, ChainWant, Sender } from '../ports.ts'
import { pullWant } from './chains.ts'
import { SyncClient } from './client.ts'

export interface BlockFetcherDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly chains: ChainPort
  openStream(peerKey: string): Promise<Stream>
  senderOf(peerKey: string): Sender | undefined
  /** Told how many blocks the ledger took. */
  onBlocks(count: number): void
}

interface Waiting {
  readonly want: ChainWant
  resolve(complete: boolean): void
}

/** Most announced chains waiting for one peer; more are left to catch-up. */
const MAX_WAITING = 256

/** Fetches announced blocks: one stream at a time per peer, apart from catch-up, which may take long. */
export class BlockFetcher {
  readonly #answerTimeoutMs: number
  readonly #dependencies: BlockFetcherDependencies
  readonly #waiting = new Map<string, Waiting[]>()
  readonly #running = new Map<string, SyncClient | undefined>()

  constructor(options: { readonly answerTimeoutMs: number }, dependencies: BlockFetcherDependencies) {
    this.#answerTimeoutMs = options.answerTimeoutMs
    this.#dependencies = dependencies
  }

  /** Resolves with true when all wanted blocks came from the peer and were taken. */
  fetch(peerKey: string, want: ChainWant): Promise<boolean> {
    const waiting = this.#waiting.get(peerKey) ?? []
    if (waiting.length >= MAX_WAITING) return Promise.resolve(false)
    this.#waiting.set(peerKey, waiting)
    return new Promise((resolve) => {
      waiting.push({ want, resolve })
      if (!this.#running.has(peerKey)) void this.#work(peerKey)
    })
  }

  /** Gives up on a peer, or on all. */
  stop(peerKey?: string): void {
    const keys = peerKey === undefined ? [...this.#running.keys()] : [peerKey]
    for (const key of keys) {
      this.#giveUp(key)
      this.#running.get(key)?.abort(new Error('stopped'))
    }
  }

  async #work(peerKey: string): Promise<void> {
    this.#running.set(peerKey, undefined)
    try {
      await this.#fetchAll(peerKey)
    } catch (error) {
      this.#dependencies.logger.debug({ peer: peerKey, err: error }, 'announced blocks could not be fetched')
    } finally {
      this.#running.delete(peerKey)
      this.#giveUp(peerKey)
    }
  }

  async #fetchAll(peerKey: string): Promise<void> {
    const from = this.#dependencies.senderOf(peerKey)
    if (from === undefined) return
    const { clock, chains, onBlocks } = this.#dependencies
    const stream = await this.#dependencies.openStream(peerKey)
    const client = new SyncClient({ answerTimeoutMs: this.#answerTimeoutMs }, { clock, stream })
    this.#running.set(peerKey, client)
    try {
      for (let next = this.#take(peerKey); next !== undefined; next = this.#take(peerKey)) {
        const { want } = next
        await this.#fetchOne(next, () => pullWant(want, { client, chains, from, onBlocks }))
      }
    } finally {
      await client.close()
    }
  }

  async #fetchOne(waiting: Waiting, pull: () => Promise<boolean>): Promise<void> {
    try {
      waiting.resolve(await pull())
    } catch (error) {
      waiting.resolve(false)
      throw error
    }
  }

  #take(peerKey: string): Waiting | undefined {
    return this.#waiting.get(peerKey)?.shift()
  }

  #giveUp(peerKey: string): void {
    for (const waiting of this.#waiting.get(peerKey) ?? []) waiting.resolve(false)
    this.#waiting.delete(peerKey)
  }
}
