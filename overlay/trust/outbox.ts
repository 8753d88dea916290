import type { Stream } from '@libp2p/interface'
import { backoffMs, type Clock, type Logger, type RandomSource, randomFraction, type Timer } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_PUSHED_RECORDS } from '../limits.ts'
import type { ListAnnouncement } from '../ports.ts'
import { TrustClient } from './client.ts'
import type { PushedRecord } from './codec.ts'

export interface OutboxOptions {
  readonly answerTimeoutMs: number
}

export interface OutboxDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  openStream(): Promise<Stream>
  /** What to announce, as of now. */
  lists(): readonly ListAnnouncement[]
  /** A record was not pushed: the peer has to catch up. */
  onLost(): void
}

const AFTER_FAILURE = { baseMs: 1_000, maxMs: 60_000 }

/** What is to be told to one peer: records first, then which lists this node has. One stream at a time. */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #dependencies: OutboxDependencies
  #records: PushedRecord[] = []
  #isAnnouncing = false
  #isWorking = false
  #client: TrustClient | undefined
  #failures = 0
  #retry: Timer | undefined
  /** Stopped, or the peer does not speak the protocol. */
  #isClosed = false

  constructor(options: OutboxOptions, dependencies: OutboxDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Tells the peer at once which lists this node has. */
  announce(): void {
    this.#isAnnouncing = true
    void this.#work()
  }

  /** Pushes a record at once. */
  push(record: PushedRecord): void {
    if (this.#isClosed || this.#records.length >= MAX_PUSHED_RECORDS) {
      this.#dependencies.onLost()
      return
    }
    this.#records.push(record)
    void this.#work()
  }

  stop(): void {
    this.#isClosed = true
    this.#records = []
    this.#retry?.cancel()
    this.#client?.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
  }

  async #work(): Promise<void> {
    if (this.#isWorking || this.#isClosed) return
    this.#isWorking = true
    this.#retry?.cancel()
    this.#retry = undefined
    try {
      const stream = await this.#dependencies.openStream()
      this.#client = new TrustClient(this.#options, { clock: this.#dependencies.clock, stream })
      await this.#tellAll(this.#client)
      this.#failures = 0
    } catch (error) {
      this.#failed(error)
    }
    const client = this.#client
    this.#client = undefined
    this.#isWorking = false
    const isLeft = this.#records.length > 0 || this.#isAnnouncing
    if (isLeft && this.#retry === undefined) void this.#work()
    await client?.close()
  }

  async #tellAll(client: TrustClient): Promise<void> {
    while (!this.#isClosed) {
      const [record] = this.#records
      if (record !== undefined) {
        await client.ask({ kind: 'record', ...record })
        this.#records.shift()
      } else if (this.#isAnnouncing) {
        await this.#tellLists(client)
      } else {
        return
      }
    }
  }

  /** What is announced meanwhile goes out in the next round. */
  async #tellLists(client: TrustClient): Promise<void> {
    this.#isAnnouncing = false
    try {
      await client.ask({ kind: 'announce', lists: this.#dependencies.lists() })
    } catch (error) {
      this.#isAnnouncing = true
      throw error
    }
  }

  #failed(error: unknown): void {
    const { clock, random, logger, onLost } = this.#dependencies
    if (this.#isClosed) return
    if (this.#records.length > 0) onLost()
    this.#records = []
    // An older release: catch-up has to do.
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
      this.stop()
      return
    }
    logger.debug({ err: error }, 'a peer could not be told of lists or records')
    const delayMs = backoffMs(AFTER_FAILURE, this.#failures, randomFraction(random))
    this.#failures += 1
    if (this.#isAnnouncing) this.#retry = clock.setTimer(delayMs, () => void this.#work())
  }
}
