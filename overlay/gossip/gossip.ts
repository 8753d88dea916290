import { type GossipsubMessage, TopicValidatorResult } from '@libp2p/gossipsub'
import { MAX_RECORD_BYTES, type RecordType } from '../../records/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import {
  MAX_ANNOUNCEMENT_BYTES,
  MAX_IGNORED_PER_MINUTE,
  MAX_QUEUED_BYTES,
  MAX_QUEUED_MESSAGES,
  MAX_UNHEARD_PER_MINUTE,
} from '../limits.ts'
import type { Peer } from '../peers.ts'
import type { ChainHead, Verdict } from '../ports.ts'
import { Announcer } from './announcer.ts'
import { HeadFollower } from './follower.ts'
import { IgnoreBudget } from './ignore-budget.ts'
import { VerificationQueue } from './queue.ts'
import { gossipFlows } from './streams.ts'
import { type Priority, priorityOf, topicOf } from './topics.ts'
import { type GossipDependencies, type GossipOptions, noCounts } from './types.ts'

interface Item {
  readonly priority: Priority
  readonly bytes: number
  readonly data: Uint8Array
  readonly type: RecordType
  readonly msgId: string
  readonly peer: Peer
}

/** After overflow a burst is given this long to pass before catch-up begins, in milliseconds. */
const AFTER_OVERFLOW_MS = 1_000
const AFTER_PORT_FAILURE_MS = 5_000
const AFTER_UNHEARD_MS = 2_000

/** Records that came this long ago make the node busy still: more of a burst may follow, in milliseconds. */
const LULL_MS = 100

const BUDGET = { windowMs: 60_000, maxIgnored: MAX_IGNORED_PER_MINUTE, maxUnheard: MAX_UNHEARD_PER_MINUTE }

const ACCEPTANCE = {
  accept: TopicValidatorResult.Accept,
  duplicate: TopicValidatorResult.Ignore,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const

/** Live exchange of records and announcements: everything received waits in bounded queues for the one verifying path. */
export class Gossip {
  readonly counters = noCounts()
  readonly #options: GossipOptions
  readonly #dependencies: GossipDependencies
  readonly #queue: VerificationQueue<Item>
  readonly #announcer: Announcer
  readonly #follower: HeadFollower
  readonly #budget: IgnoreBudget
  #lastRecordMs = Number.NEGATIVE_INFINITY
  #judging = 0
  readonly #onMessage = (event: CustomEvent<GossipsubMessage>) => this.#take(event.detail)

  constructor(options: GossipOptions, dependencies: GossipDependencies) {
    const { clock } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#queue = new VerificationQueue(
      {
        maxItems: MAX_QUEUED_MESSAGES,
        maxBytes: MAX_QUEUED_BYTES,
        maxAgeMs: options.maxAgeMs,
        concurrency: options.concurrency,
      },
      { clock, process: (item) => this.#process(item), expire: (item) => this.#expire(item) },
    )
    this.#announcer = new Announcer(
      { windowMs: options.announceWindowMs },
      { clock, publish: (announcement) => void this.#send('microblock', announcement) },
    )
    this.#follower = new HeadFollower({ ...dependencies, announce: (head) => this.#announcer.add(head) })
    this.#budget = new IgnoreBudget(BUDGET, { clock })
  }

  /** Messages waiting by priority, and being verified. */
  get queued(): { readonly waiting: readonly number[]; readonly running: number } {
    return { waiting: this.#queue.waiting, running: this.#queue.running }
  }

  /** True while records come in or go out: what can wait for them should. */
  get busy(): boolean {
    return this.#judging > 0 || this.#dependencies.clock.monotonic() - this.#lastRecordMs < LULL_MS
  }

  start(): void {
    const { router } = this.#dependencies
    router.addEventListener('gossipsub:message', this.#onMessage)
    for (const topic of this.#options.topics.keys()) router.subscribe(topic)
  }

  stop(): void {
    this.#dependencies.router.removeEventListener('gossipsub:message', this.#onMessage)
    this.#announcer.stop()
    this.#queue.stop()
  }

  /**
   * Sends an own record, which the caller has stored, to the mesh. Answers to how many peers it was written; that is
   * not how many received it. Peers it was not written to are told to compare.
   * @throws OVERLAY_RECORD_TOO_LARGE
   */
  async publish(record: Uint8Array, type: RecordType): Promise<number> {
    if (record.length > MAX_RECORD_BYTES) throw OVERLAY_ERRORS.create('OVERLAY_RECORD_TOO_LARGE')
    this.#lastRecordMs = this.#dependencies.clock.monotonic()
    await this.#dependencies.backlog.room()
    return this.#send(type, record)
  }

  /** True when the peer has subscribed and streams are open both ways. */
  reaches(peer: Peer): boolean {
    const subscribers = this.#dependencies.router.getSubscribers(topicOf(this.#options.mesh, 'anomaly'))
    return gossipFlows(peer.connections) && subscribers.some((subscriber) => subscriber.toString() === peer.key)
  }

  /** Tells the mesh of a chain head, with others of the next moment. */
  announce(head: ChainHead): void {
    this.#announcer.add(head)
  }

  /** Drops what waits of a peer that was sent away; others may have sent the same, and are compared with. */
  expelled(peerKey: string): void {
    const { peers, recovery } = this.#dependencies
    const removed = this.#queue.remove(({ peer }) => peer.key === peerKey)
    for (const item of removed) this.#tell(item, 'ignore')
    if (removed.length > 0) for (const { key } of peers()) recovery.schedule(key, AFTER_OVERFLOW_MS)
  }

  async #send(type: RecordType, data: Uint8Array): Promise<number> {
    const sentTo = await this.#write(topicOf(this.#options.mesh, type), data)
    const peers = this.#dependencies.peers().filter(({ standing }) => standing.capabilities.receive)
    const { degree, floodPublish } = this.#options.fanOut
    this.counters.published += 1
    if (sentTo.size < (floodPublish ? peers.length : Math.min(degree, peers.length))) {
      this.counters.publishShortfalls += 1
      for (const peer of peers) if (!sentTo.has(peer.key)) this.#dependencies.recovery.hint(peer.key)
    }
    return sentTo.size
  }

  /** A failed publish cannot be repeated: the message is in the seen-cache already. Catch-up carries it instead. */
  async #write(topic: string, data: Uint8Array): Promise<ReadonlySet<string>> {
    try {
      const { recipients } = await this.#dependencies.router.publish(topic, data)
      return new Set(recipients.map((peer) => peer.toString()))
    } catch (error) {
      this.#dependencies.logger.debug({ topic, err: error }, 'a message was not published')
      return new Set()
    }
  }

  /** gossipsub hands over every message before it is judged, as fast as they come. */
  #take({ msg, msgId, propagationSource }: GossipsubMessage): void {
    this.counters.received += 1
    const type = this.#options.topics.get(msg.topic)
    const source = propagationSource.toString()
    const peer = this.#dependencies.peerOf(source)
    if (type === undefined || peer === undefined) {
      this.#dependencies.router.reportMessageValidationResult(msgId, source, TopicValidatorResult.Ignore)
      return
    }
    const item = { priority: priorityOf(type), bytes: msg.data.length, data: msg.data, type, msgId, peer }
    if (item.bytes > (type === 'microblock' ? MAX_ANNOUNCEMENT_BYTES : MAX_RECORD_BYTES)) {
      this.#report(item, 'reject')
    } else if (!this.#budget.isHeard(peer.key)) {
      this.#leaveUnheard(item)
    } else if (!this.#queue.push(item)) {
      this.counters.overflowed += 1
      this.#leaveToCatchUp(item, AFTER_OVERFLOW_MS)
    }
  }

  /** The message may be a good one all the same, and is not told twice: all peers are compared with for it. */
  #leaveUnheard(item: Item): void {
    const { logger, peers, recovery, hangUp } = this.#dependencies
    this.counters.unheard += 1
    for (const { key } of peers()) recovery.schedule(key, AFTER_UNHEARD_MS)
    this.#leaveToCatchUp(item, AFTER_UNHEARD_MS)
    if (!this.#budget.countUnheard(item.peer.key)) return
    this.counters.hungUp += 1
    logger.warn({ peer: item.peer.nodeId }, 'a peer that is not listened to goes on sending; hanging up')
    hangUp(item.peer.key)
  }

  #expire(item: Item): void {
    this.counters.expired += 1
    this.#leaveToCatchUp(item, AFTER_OVERFLOW_MS)
  }

  /** Not the peer's doing, so it costs the peer nothing. */
  #leaveToCatchUp(item: Item, delayMs: number): void {
    this.#dependencies.recovery.schedule(item.peer.key, delayMs)
    this.#countRefusal(item, 'ignore')
    this.#tell(item, 'ignore')
  }

  async #process(item: Item): Promise<void> {
    try {
      if (item.peer.isExpelled) this.#tell(item, 'ignore')
      else if (item.type === 'microblock') await this.#learn(item)
      else await this.#judge(item)
    } catch (error) {
      this.#failed(item, error)
    }
  }

  #failed(item: Item, error: unknown): void {
    this.counters.portFailures += 1
    this.#dependencies.logger.warn({ peer: item.peer.nodeId, err: error }, 'a message could not be judged')
    this.#leaveToCatchUp(item, AFTER_PORT_FAILURE_MS)
  }

  async #judge(item: Item): Promise<void> {
    const { clock, records, backlog, filter } = this.#dependencies
    const from = { road: 'gossip', nodeId: item.peer.nodeId, topic: item.type } as const
    if (!filter.allows(item.data, from)) {
      this.#countRefusal(item, 'ignore')
      this.#tell(item, 'ignore')
      return
    }
    this.#judging += 1
    try {
      const verdict = await records.receive(item.data, from)
      if (verdict === 'accept') await backlog.room()
      this.#report(item, verdict)
    } finally {
      this.#judging -= 1
      this.#lastRecordMs = clock.monotonic()
    }
  }

  async #learn(item: Item): Promise<void> {
    const verdict = await this.#follower.judge(item.data, item.peer)
    if (typeof verdict === 'string') this.#report(item, verdict)
    else
      verdict.later.then(
        (late) => this.#report(item, late),
        (error) => this.#failed(item, error),
      )
  }

  #report(item: Item, verdict: Verdict): void {
    if (verdict === 'accept') this.#countAccept(item)
    else if (verdict === 'duplicate') this.counters.duplicates += 1
    else this.#countRefusal(item, verdict)
    if (verdict === 'ignore') this.#charge(item.peer)
    this.#tell(item, verdict)
  }

  #charge(peer: Peer): void {
    if (!this.#budget.countIgnored(peer.key)) return
    this.counters.overBudget += 1
    const { logger } = this.#dependencies
    logger.warn({ peer: peer.nodeId }, 'a peer sends too much that is ignored; it is not listened to for a while')
  }

  #tell(item: Item, verdict: Verdict): void {
    const { router, cache, recovery } = this.#dependencies
    if (verdict === 'accept' && !cache.has(item.msgId)) {
      this.counters.late += 1
      recovery.hintAll(item.peer.key)
    }
    router.reportMessageValidationResult(
      item.msgId,
      item.peer.key,
      ACCEPTANCE[item.peer.isExpelled ? 'ignore' : verdict],
    )
  }

  #countAccept(item: Item): void {
    this.counters.accepted += 1
    item.peer.counts.accepted += 1
  }

  #countRefusal(item: Item, verdict: 'ignore' | 'reject'): void {
    const name = verdict === 'ignore' ? 'ignored' : 'rejected'
    this.counters[name] += 1
    item.peer.counts[name] += 1
  }
}
