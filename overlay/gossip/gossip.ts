import { type GossipsubMessage, TopicValidatorResult } from '@libp2p/gossipsub'
import { MAX_RECORD_BYTES, type RecordType } from '../../records/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_ANNOUNCEMENT_BYTES, MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES } from '../limits.ts'
import type { Peer } from '../peers.ts'
import type { ChainHead, ChainWant, Verdict } from '../ports.ts'
import { decodeAnnouncement } from './announcement.ts'
import { Announcer } from './announcer.ts'
import { VerificationQueue } from './queue.ts'
import { gossipFlows } from './streams.ts'
import { type Priority, priorityOf, topicOf, topicsOf } from './topics.ts'
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

const ACCEPTANCE = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const

/** Live exchange of records and announcements: everything received waits in bounded queues for the one verifying path. */
export class Gossip {
  readonly counters = noCounts()
  readonly #options: GossipOptions
  readonly #dependencies: GossipDependencies
  readonly #topics: ReadonlyMap<string, RecordType>
  readonly #queue: VerificationQueue<Item>
  readonly #announcer: Announcer
  readonly #onMessage = (event: CustomEvent<GossipsubMessage>) => this.#take(event.detail)

  constructor(options: GossipOptions, dependencies: GossipDependencies) {
    const { clock } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#topics = topicsOf(options.mesh)
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
  }

  /** Messages waiting by priority, and being verified. */
  get queued(): { readonly waiting: readonly number[]; readonly running: number } {
    return { waiting: this.#queue.waiting, running: this.#queue.running }
  }

  start(): void {
    const { router } = this.#dependencies
    router.addEventListener('gossipsub:message', this.#onMessage)
    for (const topic of this.#topics.keys()) router.subscribe(topic)
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

  async #send(type: RecordType, data: Uint8Array): Promise<number> {
    const sentTo = await this.#write(topicOf(this.#options.mesh, type), data)
    const peers = this.#dependencies.peers()
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
    const type = this.#topics.get(msg.topic)
    const peer = this.#dependencies.peerOf(propagationSource.toString())
    if (type === undefined || peer === undefined) {
      this.#dependencies.router.reportMessageValidationResult(
        msgId,
        propagationSource.toString(),
        TopicValidatorResult.Ignore,
      )
      return
    }
    const item = { priority: priorityOf(type), bytes: msg.data.length, data: msg.data, type, msgId, peer }
    if (item.bytes > (type === 'microblock' ? MAX_ANNOUNCEMENT_BYTES : MAX_RECORD_BYTES)) {
      this.#report(item, 'reject')
    } else if (!this.#queue.push(item)) {
      this.counters.overflowed += 1
      this.#leaveToCatchUp(item, AFTER_OVERFLOW_MS)
    }
  }

  #expire(item: Item): void {
    this.counters.expired += 1
    this.#leaveToCatchUp(item, AFTER_OVERFLOW_MS)
  }

  #leaveToCatchUp(item: Item, delayMs: number): void {
    this.#dependencies.recovery.schedule(item.peer.key, delayMs)
    this.#report(item, 'ignore')
  }

  async #process(item: Item): Promise<void> {
    try {
      if (item.type === 'microblock') await this.#learn(item)
      else await this.#judge(item)
    } catch (error) {
      this.counters.portFailures += 1
      this.#dependencies.logger.warn({ peer: item.peer.nodeId, err: error }, 'a message could not be judged')
      this.#leaveToCatchUp(item, AFTER_PORT_FAILURE_MS)
    }
  }

  async #judge(item: Item): Promise<void> {
    const from = { road: 'gossip', nodeId: item.peer.nodeId, topic: item.type } as const
    const verdict = await this.#dependencies.records.receive(item.data, from)
    if (verdict === 'accept') await this.#dependencies.backlog.room()
    this.#report(item, verdict)
  }

  async #learn(item: Item): Promise<void> {
    const heads = readAnnouncement(item.data)
    if (heads === undefined) {
      this.#report(item, 'reject')
      return
    }
    const from = { road: 'gossip', nodeId: item.peer.nodeId } as const
    const wants: ChainWant[] = []
    for (const head of heads) {
      const want = await this.#dependencies.chains.learn(head, from)
      if (want !== undefined) wants.push(want)
    }
    if (wants.length === 0) this.#report(item, 'accept')
    else void this.#follow(item, heads, wants)
  }

  /**
   * Fetches what an announcement names before it is passed on, so that whoever announces can also deliver. What came
   * too late or in part is announced anew by this node.
   */
  async #follow(item: Item, heads: readonly ChainHead[], wants: readonly ChainWant[]): Promise<void> {
    const { clock, recovery } = this.#dependencies
    const startMs = clock.monotonic()
    const complete = await Promise.all(wants.map((want) => recovery.fetchBlocks(item.peer.key, want)))
    const lacking = new Set(wants.filter((_, at) => !complete[at]).map((want) => want.origin))
    if (lacking.size === 0 && clock.monotonic() - startMs <= this.#options.maxAgeMs) {
      this.#report(item, 'accept')
      return
    }
    this.#report(item, 'ignore')
    for (const head of heads) if (!lacking.has(head.origin)) this.#announcer.add(head)
  }

  #report(item: Item, verdict: Verdict): void {
    const { router, cache, recovery } = this.#dependencies
    if (verdict === 'accept') this.#countAccept(item)
    else this.#countRefusal(item, verdict)
    if (verdict === 'accept' && !cache.has(item.msgId)) {
      this.counters.late += 1
      recovery.hintAll(item.peer.key)
    }
    router.reportMessageValidationResult(item.msgId, item.peer.key, ACCEPTANCE[verdict])
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

function readAnnouncement(data: Uint8Array): readonly ChainHead[] | undefined {
  try {
    return decodeAnnouncement(data)
  } catch {
    return undefined
  }
}
