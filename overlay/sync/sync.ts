import type { Stream } from '@libp2p/interface'
import type { Clock, Logger, RandomSource } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import type { ChainHead, ChainPort, ChainWant, RecordPort, Sender } from '../ports.ts'
import type { RecordFilter } from '../record-filter.ts'
import type { BudgetOptions } from '../streams/index.ts'
import { BlockFetcher } from './block-fetcher.ts'
import { ChainTurns } from './chain-turns.ts'
import { SyncClient } from './client.ts'
import { Hints } from './hints.ts'
import { IgnoredIds } from './ignored.ts'
import { InFlightIds } from './in-flight.ts'
import { Pull, type PullResult } from './pull.ts'
import { CatchUpScheduler, type Outcome } from './scheduler.ts'
import { SyncServer } from './server.ts'

/** The catch-up protocol. */
export const SYNC_PROTOCOL = '/dadm-mesh/sync/1'

export interface SyncOptions {
  /** Time between catch-ups with one peer, in milliseconds, spread by a fifth. */
  readonly periodMs: number
  /** Least time between catch-ups with, and hints to, one peer, in milliseconds. */
  readonly minGapMs: number
  /** How long one answer may take, in milliseconds. */
  readonly answerTimeoutMs: number
  /** How long one catch-up may take before it is cut and goes on later, in milliseconds. */
  readonly catchUpTimeoutMs: number
  /** Most catch-ups at a time. */
  readonly maxRunning: number
  /** What one peer may have served. */
  readonly budget: BudgetOptions
}

export interface SyncDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  readonly filter: Pick<RecordFilter, 'allows'>
  /** Opens a stream of {@link SYNC_PROTOCOL} on an open connection; rejects when there is none. */
  openStream(peerKey: string): Promise<Stream>
  /** node_id of a connected peer. */
  nodeIdOf(peerKey: string): string | undefined
  /** True for a peer that may be sent what this node holds. */
  mayReceive(peerKey: string): boolean
  /** Keys of all connected peers. */
  peerKeys(): readonly string[]
  /** True while records come in or go out live; blocks give way to them. */
  busy(): boolean
  /** Tells the mesh of a head that catch-up has brought. */
  announce(head: ChainHead): void
  /** Told each time that a catch-up with a peer went through. */
  onCaughtUp(peerKey: string): void
}

/** What catch-up did since the start. */
export interface SyncCounters {
  runs: number
  failures: number
  /** Catch-ups that ended by the peer's fault: lies, malformed answers, records that every node refuses. */
  faults: number
  recordsAccepted: number
  recordsIgnored: number
  recordsUndelivered: number
  portFailures: number
  blocks: number
  /** Bytes of the asking side, both ways. */
  bytes: number
  hintsSent: number
  hintsReceived: number
}

/** A hint from a peer is followed after this long, so that a burst of news is one catch-up, in milliseconds. */
const FOLLOW_HINT_MS = 100
const HINT_DELAY_MS = 200
const IDLE_TIMEOUT_MS = 60_000

/** A record that was ignored is not fetched from the same peer again for this long, in milliseconds. */
const RETRY_IGNORED_MS = 600_000

/** Records that one peer is sending are not asked for from another for this long, in milliseconds. */
const CLAIM_MS = 3_000

/** Both sides of catch-up for one node. */
export class Sync {
  readonly counters: SyncCounters = {
    runs: 0,
    failures: 0,
    faults: 0,
    recordsAccepted: 0,
    recordsIgnored: 0,
    recordsUndelivered: 0,
    portFailures: 0,
    blocks: 0,
    bytes: 0,
    hintsSent: 0,
    hintsReceived: 0,
  }
  readonly #options: SyncOptions
  readonly #dependencies: SyncDependencies
  readonly #scheduler: CatchUpScheduler
  readonly #hints: Hints
  readonly #server: SyncServer
  readonly #fetcher: BlockFetcher
  readonly #turns: ChainTurns
  readonly #running = new Map<string, { readonly client: SyncClient; readonly pull: Pull }>()
  readonly #inFlight: InFlightIds
  readonly #ignored: IgnoredIds

  constructor(options: SyncOptions, dependencies: SyncDependencies) {
    const { clock, random, logger, records, chains, mayReceive } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#ignored = new IgnoredIds({ retryMs: RETRY_IGNORED_MS }, { clock })
    this.#inFlight = new InFlightIds({ claimMs: CLAIM_MS }, { clock })
    this.#scheduler = new CatchUpScheduler(options, { clock, random, run: (key) => this.#run(key) })
    this.#hints = new Hints(
      { delayMs: Math.min(HINT_DELAY_MS, options.minGapMs), minGapMs: options.minGapMs },
      { clock, send: (key) => this.#sendHint(key) },
    )
    this.#server = new SyncServer(
      { budget: options.budget, idleTimeoutMs: IDLE_TIMEOUT_MS },
      { clock, logger, records, chains, mayReceive, onHint: (key) => this.#hinted(key) },
    )
    this.#turns = new ChainTurns(dependencies)
    this.#fetcher = new BlockFetcher(
      { answerTimeoutMs: options.answerTimeoutMs },
      {
        clock,
        logger,
        chains,
        openStream: (key) => dependencies.openStream(key),
        senderOf: (key) => this.#senderOf(key),
        turns: this.#turns,
        onBlocks: (count) => this.#tookBlocks(count),
      },
    )
  }

  connected(peerKey: string): void {
    this.#scheduler.add(peerKey)
  }

  disconnected(peerKey: string): void {
    this.#scheduler.remove(peerKey)
    this.#hints.remove(peerKey)
    this.#fetcher.stop(peerKey)
    this.#ignored.forget(peerKey)
    this.#running.get(peerKey)?.client.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
  }

  /** A peer was sent away: nothing that it has handed over is looked at any more. */
  expelled(peerKey: string): void {
    this.#running.get(peerKey)?.pull.stop()
    this.disconnected(peerKey)
  }

  /** Catches up with the peer within `delayMs`. */
  schedule(peerKey: string, delayMs: number): void {
    this.#scheduler.schedule(peerKey, delayMs)
  }

  /** Catches up with the peer soon, and looks again at what was ignored: the node knows something new. */
  reconsider(peerKey: string): void {
    this.#ignored.forget(peerKey)
    this.#scheduler.schedule(peerKey, 0)
  }

  /** Tells the peer to compare with this node soon. */
  hint(peerKey: string): void {
    this.#hints.to(peerKey)
  }

  /** Tells every peer but one to compare with this node soon. */
  hintAll(exceptKey?: string): void {
    for (const key of this.#dependencies.peerKeys()) if (key !== exceptKey) this.#hints.to(key)
  }

  /** Fetches announced blocks; true when all came and were taken. */
  fetchBlocks(peerKey: string, want: ChainWant): Promise<boolean> {
    return this.#fetcher.fetch(peerKey, want)
  }

  /** Answers a peer on a stream that it opened. */
  serve(stream: Stream, peerKey: string): Promise<void> {
    return this.#server.serve(stream, peerKey)
  }

  stop(): void {
    this.#scheduler.stop()
    this.#hints.stop()
    this.#fetcher.stop()
    this.#server.stop()
    for (const { client } of this.#running.values()) client.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
  }

  async #run(peerKey: string): Promise<Outcome> {
    const from = this.#senderOf(peerKey)
    if (from === undefined) return 'failed'
    this.counters.runs += 1
    try {
      return await this.#catchUp(peerKey, from)
    } catch (error) {
      return this.#failed(peerKey, error)
    }
  }

  async #catchUp(peerKey: string, from: Sender): Promise<Outcome> {
    const { clock, records, chains, filter } = this.#dependencies
    const stream = await this.#dependencies.openStream(peerKey)
    const client = new SyncClient(this.#options, { clock, stream })
    const ignored = {
      has: (id: Uint8Array) => this.#ignored.has(peerKey, id),
      add: (id: Uint8Array) => this.#ignored.add(peerKey, id),
    }
    const pull = new Pull({
      ...{ clock, client, records, chains, filter, from, ignored },
      inFlight: this.#inFlight,
      turns: this.#turns,
      onMoved: (head) => this.#dependencies.announce(head),
    })
    const cut = clock.setTimer(this.#options.catchUpTimeoutMs, () =>
      client.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_TIMEOUT')),
    )
    this.#running.set(peerKey, { client, pull })
    try {
      await pull.run()
      await client.close()
      this.#dependencies.onCaughtUp(peerKey)
      // What this node could not judge is fetched again, ever later while that lasts.
      if (pull.result.portFailures > 0) return 'failed'
      return pull.result.left ? 'again' : 'done'
    } catch (error) {
      client.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
      throw error
    } finally {
      cut.cancel()
      this.#running.delete(peerKey)
      this.#count(peerKey, pull.result, client.bytes)
    }
  }

  #count(peerKey: string, result: PullResult, bytes: number): void {
    this.counters.recordsAccepted += result.accepted
    this.counters.recordsIgnored += result.ignored
    this.counters.recordsUndelivered += result.undelivered
    this.counters.portFailures += result.portFailures
    this.counters.blocks += result.blocks
    this.counters.bytes += bytes
    if (result.accepted > 0) this.hintAll(peerKey)
  }

  #failed(peerKey: string, error: unknown): Outcome {
    this.counters.failures += 1
    const fault = OVERLAY_ERRORS.matches(error) && error.action === 'reject'
    if (fault) this.counters.faults += 1
    const details = { peer: peerKey, err: error }
    if (fault) this.#dependencies.logger.warn(details, 'catch-up ended by a fault of the peer')
    else this.#dependencies.logger.debug(details, 'catch-up ended early')
    return fault ? 'fault' : 'failed'
  }

  async #sendHint(peerKey: string): Promise<void> {
    const { clock, logger } = this.#dependencies
    try {
      const stream = await this.#dependencies.openStream(peerKey)
      const client = new SyncClient(this.#options, { clock, stream })
      await client.ask({ kind: 'hint' })
      await client.close()
      this.counters.hintsSent += 1
    } catch (error) {
      logger.debug({ peer: peerKey, err: error }, 'a hint could not be sent')
    }
  }

  #hinted(peerKey: string): void {
    this.counters.hintsReceived += 1
    this.#scheduler.schedule(peerKey, FOLLOW_HINT_MS)
  }

  #tookBlocks(count: number): void {
    this.counters.blocks += count
  }

  #senderOf(peerKey: string): Sender | undefined {
    const nodeId = this.#dependencies.nodeIdOf(peerKey)
    return nodeId === undefined ? undefined : { road: 'catch-up', nodeId }
  }
}
