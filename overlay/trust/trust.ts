import type { Stream } from '@libp2p/interface'
import { type Clock, equalBytes, type Logger, type RandomSource, toHex } from '../../core/index.ts'
import { decodeRecord, type RecordType } from '../../records/index.ts'
import { MAX_ANNOUNCED_LISTS, MAX_TRUST_FRAME_BYTES, MAX_TRUST_REQUESTS_PER_STREAM } from '../limits.ts'
import type { ListAnnouncement, RecordPort, Sender, TrustPort, Verdict } from '../ports.ts'
import { Answerer, type BudgetOptions } from '../streams/index.ts'
import {
  decodeRequest,
  encodeAnswer,
  PUSHED_TYPES,
  type PushedRecord,
  type PushedType,
  type TrustAnswer,
  type TrustRequest,
} from './codec.ts'
import { TrustDesk } from './desk.ts'
import { type FetchCounters, Fetcher } from './fetcher.ts'
import { Outbox } from './outbox.ts'
import { keyWish, listWish, type Wish } from './wishes.ts'

/** The protocol by which revocation lists, directives and pseudonym keys travel between admitted peers. */
export const TRUST_PROTOCOL = '/dadm-mesh/trust/1'

export interface TrustStreamOptions {
  /** How long one answer may take, in milliseconds; at most five seconds are given. */
  readonly answerTimeoutMs: number
}

export interface TrustStreamDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  readonly trust: TrustPort
  readonly records: RecordPort
  /** Types of records that this node can judge. */
  readonly types: ReadonlySet<RecordType>
  /** Opens a stream of {@link TRUST_PROTOCOL} on an open connection; rejects when there is none. */
  openStream(peerKey: string): Promise<Stream>
  /** node_id of a connected peer. */
  nodeIdOf(peerKey: string): string | undefined
  /** True for a trusted peer on post-quantum connections: a key must stay secret for longer than a classical one holds. */
  mayHaveKey(peerKey: string): boolean
  /** Tells a peer to catch up, with a record that was not pushed to it. */
  hint(peerKey: string): void
}

/** Newest list of one authority that a peer has applied, as it says. */
export interface PeerList {
  readonly authorityKeyId: Uint8Array
  readonly number: bigint
  /** When the peer told of it, in milliseconds since the Unix epoch. */
  readonly sinceMs: number
}

/** What the trust stream did since the start. */
export interface TrustCounters extends FetchCounters {
  /** Announcements that peers made. */
  announcements: number
  /** Records that peers pushed, and those among them that were taken. */
  records: number
  accepted: number
}

interface Offer {
  readonly list: ListAnnouncement
  readonly sinceMs: number
}

interface TrustPeer {
  readonly outbox: Outbox
  /** An older release never announces. */
  hasAnnounced: boolean
  offers: readonly Offer[]
}

/** A slower answer is a stall: another peer may have the list, or a smaller chunk comes through. */
const MAX_ANSWER_MS = 5_000
const IDLE_TIMEOUT_MS = 60_000

/** What one peer may have served, and what is fetched from it. */
const BUDGET: BudgetOptions = { burstBytes: 64 * 1024 * 1024, bytesPerSecond: 4 * 1024 * 1024 }

/** Both sides of the trust stream for one node. */
export class TrustStream {
  readonly #dependencies: TrustStreamDependencies
  readonly #answerTimeoutMs: number
  readonly #peers = new Map<string, TrustPeer>()
  readonly #fetcher: Fetcher
  readonly #answerer: Answerer<TrustRequest, TrustAnswer>
  readonly #counters = { announcements: 0, records: 0, accepted: 0 }

  constructor(options: TrustStreamOptions, dependencies: TrustStreamDependencies) {
    const { clock, logger } = dependencies
    this.#dependencies = dependencies
    this.#answerTimeoutMs = Math.min(options.answerTimeoutMs, MAX_ANSWER_MS)
    this.#fetcher = new Fetcher(
      { answerTimeoutMs: this.#answerTimeoutMs, budget: BUDGET },
      { ...dependencies, wishes: (key) => this.#wishes(key) },
    )
    const desk = new TrustDesk({
      ...dependencies,
      senderOf: (key) => this.#senderOf(key),
      isPenalised: (key) => this.#fetcher.isPenalised(key),
      onAnnounced: (key, lists) => this.#announced(key, lists),
      onRecord: (key, record, verdict) => this.#judged(key, record, verdict),
    })
    this.#answerer = new Answerer(
      {
        maxFrameBytes: MAX_TRUST_FRAME_BYTES,
        maxRequests: MAX_TRUST_REQUESTS_PER_STREAM,
        budget: BUDGET,
        idleTimeoutMs: IDLE_TIMEOUT_MS,
      },
      {
        ...{ clock, logger, decode: decodeRequest, encode: encodeAnswer },
        answer: (request, key) => desk.answer(request, key),
      },
    )
  }

  get counters(): Readonly<TrustCounters> {
    return { ...this.#fetcher.counters, ...this.#counters }
  }

  connected(peerKey: string): void {
    const { clock, random, logger, openStream, hint } = this.#dependencies
    const outbox = new Outbox(
      { answerTimeoutMs: this.#answerTimeoutMs },
      {
        ...{ clock, random, logger },
        openStream: () => openStream(peerKey),
        lists: () => this.#lists(),
        onLost: () => hint(peerKey),
      },
    )
    this.#peers.set(peerKey, { outbox, hasAnnounced: false, offers: [] })
    this.#fetcher.add(peerKey)
    outbox.announce()
  }

  disconnected(peerKey: string): void {
    this.#peers.get(peerKey)?.outbox.stop()
    this.#peers.delete(peerKey)
    this.#fetcher.remove(peerKey)
  }

  /** Tells every peer at once which lists this node has, and looks again at what peers have. */
  announce(): void {
    for (const { outbox } of this.#peers.values()) outbox.announce()
    this.#fetcher.reconsider()
  }

  /**
   * Pushes a record, which is held already, to every peer at once.
   * @throws {TypeError} for a type that does not travel here
   */
  async push(record: Uint8Array, type: RecordType): Promise<void> {
    if (!isPushed(type)) throw new TypeError(`records of type ${type} are not pushed`)
    await this.#spread(record, type)
  }

  /** Answers a peer on a stream that it opened. */
  serve(stream: Stream, peerKey: string): Promise<void> {
    return this.#answerer.serve(stream, peerKey)
  }

  /** What a peer said that it has applied: the newest list of each authority. */
  listsOf(peerKey: string): readonly PeerList[] {
    const newest = new Map<string, PeerList>()
    for (const { list, sinceMs } of this.#peers.get(peerKey)?.offers ?? []) {
      const { authorityKeyId, number } = list
      const key = toHex(authorityKeyId)
      if ((newest.get(key)?.number ?? -1n) < number) newest.set(key, { authorityKeyId, number, sinceMs })
    }
    return [...newest.values()]
  }

  stop(): void {
    for (const key of [...this.#peers.keys()]) this.disconnected(key)
    this.#fetcher.stop()
    this.#answerer.stop()
  }

  #lists(): readonly ListAnnouncement[] {
    return this.#dependencies.trust.lists().slice(0, MAX_ANNOUNCED_LISTS)
  }

  #announced(peerKey: string, lists: readonly ListAnnouncement[]): void {
    this.#counters.announcements += 1
    const peer = this.#peers.get(peerKey)
    if (peer === undefined) return
    peer.hasAnnounced = true
    const nowMs = this.#dependencies.clock.now()
    peer.offers = lists.map((list) => {
      const known = peer.offers.find((offer) => equalBytes(offer.list.hash, list.hash))
      return { list, sinceMs: known?.sinceMs ?? nowMs }
    })
    this.#fetcher.look()
  }

  #judged(peerKey: string, pushed: PushedRecord, verdict: Verdict): void {
    this.#counters.records += 1
    if (verdict === 'reject') this.#fetcher.punish(peerKey)
    if (verdict !== 'accept') return
    this.#counters.accepted += 1
    void this.#spread(pushed.record, pushed.type, peerKey)
  }

  /** The chain is this node's own: a peer may have sent any. */
  async #spread(record: Uint8Array, type: PushedType, exceptKey?: string): Promise<void> {
    const pushed = { type, record, chain: await this.#chainOf(record) }
    for (const [key, { outbox }] of this.#peers) if (key !== exceptKey) outbox.push(pushed)
  }

  #wishes(peerKey: string): readonly Wish[] {
    const { trust, mayHaveKey } = this.#dependencies
    const peer = this.#peers.get(peerKey)
    const from = this.#senderOf(peerKey)
    if (from === undefined || !peer?.hasAnnounced) return []
    const offered = peer.offers.map(({ list }) => list)
    const wanted = offered.length === 0 ? [] : trust.wants(offered, from)
    const lists = wanted.flatMap(({ hash }) => {
      const list = offered.find((offer) => equalBytes(offer.hash, hash))
      return list === undefined ? [] : listWish(list, trust, from)
    })
    const epoch = mayHaveKey(peerKey) ? trust.wantsPseudonymEpoch() : undefined
    return epoch === undefined ? lists : [...lists, keyWish(epoch, trust, from)]
  }

  /** The author's chain, so that a peer which has never met the operator need not catch up first. */
  async #chainOf(record: Uint8Array): Promise<readonly Uint8Array[]> {
    const { records, logger } = this.#dependencies
    try {
      const [chain = []] = await records.chainsFor([decodeRecord(record).id])
      return chain
    } catch (error) {
      logger.debug({ err: error }, 'a record is pushed without its chain')
      return []
    }
  }

  #senderOf(peerKey: string): Sender | undefined {
    const nodeId = this.#dependencies.nodeIdOf(peerKey)
    return nodeId === undefined ? undefined : { road: 'trust', nodeId }
  }
}

function isPushed(type: RecordType): type is PushedType {
  return (PUSHED_TYPES as readonly RecordType[]).includes(type)
}
