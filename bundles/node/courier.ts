import { backoffMs, type Clock, type Logger, type Timer, toHex } from '../../core/index.ts'
import {
  COURIER_MAX_BYTES,
  COURIER_WINDOW,
  MAX_DONE_BUNDLES,
  MAX_FRESH_BUNDLES,
  PAUSE_BASE_MS,
  PAUSE_MAX_MS,
  WAITING_PAGE,
} from '../limits.ts'
import type { Contact, Handover } from '../links/types.ts'
import { decide, type RoutingPlan } from '../routing/index.ts'
import type { BundleQueue, Position, QueuedBundle, Waiting } from '../store/index.ts'
import { routedBundle } from './facts.ts'
import { outgoing } from './outgoing.ts'
import { RecentIds } from './recent-ids.ts'
import type { ContactStatus } from './types.ts'

export interface CourierOptions {
  /** This node's endpoint. */
  readonly self: string
}

export interface CourierDependencies {
  readonly queue: BundleQueue
  readonly routing: RoutingPlan
  readonly clock: Clock
  readonly logger: Logger
}

/** A bundle that goes to the neighbour now. */
interface Parcel {
  readonly queued: QueuedBundle
  readonly copies: number
  readonly left: number | 'none'
}

/**
 * Brings one neighbour what it should have, most urgent first: all that waits when it comes, then what arrives while it is
 * there. A few bundles are on their way at a time; a neighbour without room is left alone for a while.
 */
export class Courier {
  readonly #options: CourierOptions
  readonly #deps: CourierDependencies
  readonly contact: Contact
  /** Ids on their way. */
  readonly #inFlight = new Set<string>()
  /** What it need not be offered again on this contact: refused for good, or sent where nobody confirms. */
  readonly #done = new RecentIds(MAX_DONE_BUNDLES)
  /** Arrivals while the contact stands, most urgent first. */
  #fresh: Waiting[] = []
  /** Waiting bundles that were read and not looked at. */
  #page: Waiting[] = []
  #cursor: Position | undefined
  #scanned = false
  #bytesInFlight = 0
  #sent = 0
  #received = 0
  #refusals = 0
  #pausedUntilMs: number | undefined
  #timer: Timer | undefined
  #filling: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(options: CourierOptions, { contact, ...dependencies }: CourierDependencies & { contact: Contact }) {
    this.#options = options
    this.#deps = dependencies
    this.contact = contact
  }

  get status(): ContactStatus {
    const { peer, layer, authenticated, confirmed } = this.contact
    const counts = { sent: this.#sent, received: this.#received, inFlight: this.#inFlight.size }
    return { peer, layer, authenticated, confirmed, ...counts, pausedUntilMs: this.#pausedUntilMs }
  }

  isCarrying(id: Uint8Array): boolean {
    return this.#inFlight.has(toHex(id))
  }

  /** The neighbour has handed something over. */
  countReceived(): void {
    this.#received += 1
  }

  /** A bundle was queued. */
  offer(arrived: Waiting): void {
    const at = this.#fresh.findLastIndex(({ priority }) => priority >= arrived.priority) + 1
    this.#fresh.splice(at, 0, arrived)
    if (this.#fresh.length > MAX_FRESH_BUNDLES) this.#rescan()
    this.fill()
  }

  /** Looks through everything again: a route or the room of the neighbour has changed. */
  #rescan(): void {
    this.#fresh = []
    this.#page = []
    this.#cursor = undefined
    this.#scanned = false
  }

  /** Sends as much as may be on its way at a time. */
  fill(): void {
    if (this.#closed) return
    if (this.#filling !== undefined) {
      this.#again = true
      return
    }
    this.#filling = this.#fill()
      .catch((error) => this.#deps.logger.error({ err: error, peer: this.contact.peer }, 'bundles could not be read'))
      .finally(() => {
        this.#filling = undefined
        if (!this.#again) return
        this.#again = false
        this.fill()
      })
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#pausedUntilMs === undefined && this.#hasRoom()) {
      const next = await this.#next()
      if (next === undefined) return
      const parcel = await this.#judge(next)
      if (parcel !== undefined && !this.#closed) void this.#carry(parcel)
    }
  }

  #hasRoom(): boolean {
    return this.#inFlight.size < COURIER_WINDOW && this.#bytesInFlight < COURIER_MAX_BYTES
  }

  /** The most urgent one that was not looked at; of equals what was there before what arrived. */
  async #next(): Promise<Waiting | undefined> {
    if (this.#page.length === 0 && !this.#scanned) await this.#readPage()
    const [waiting, fresh] = [this.#page[0], this.#fresh[0]]
    const takeFresh = fresh !== undefined && (waiting === undefined || fresh.priority > waiting.priority)
    return takeFresh ? this.#fresh.shift() : this.#page.shift()
  }

  async #readPage(): Promise<void> {
    const { queue } = this.#deps
    const scope = { constraint: 'forward' } as const
    const query = { scope, after: this.#cursor, notGivenTo: this.contact.peer, limit: WAITING_PAGE }
    this.#page = await queue.waiting(query)
    this.#cursor = this.#page.at(-1) ?? this.#cursor
    this.#scanned = this.#page.length < WAITING_PAGE
  }

  async #judge({ id }: Waiting): Promise<Parcel | undefined> {
    const name = toHex(id)
    if (this.#inFlight.has(name) || this.#done.has(id)) return undefined
    const { queue, routing, logger } = this.#deps
    const queued = await queue.get(id).catch((error) => {
      // A damaged one must not keep the ones behind it from leaving.
      logger.error({ err: error, id: name }, 'a queued bundle cannot be read')
      return undefined
    })
    if (queued === undefined || !queued.constraints.includes('forward')) return undefined
    const [hasSeen = false] = await queue.given([id], this.contact.peer)
    const bundle = routedBundle(queued)
    const state = { self: this.#options.self, hasSeen }
    const decision = decide(routing.strategyFor(queued.priority), { bundle, contact: this.contact, state })
    return decision.send ? { queued, copies: decision.copies, left: decision.left } : undefined
  }

  async #carry(parcel: Parcel): Promise<void> {
    const { queue, logger } = this.#deps
    const { queued, copies } = parcel
    const name = toHex(queued.id)
    const heldMs = queue.now() - queued.receivedAtMs
    const handling = { priority: queued.priority, copies }
    const bytes = outgoing(queued.bundle, { self: this.#options.self, heldMs, handling })
    this.#inFlight.add(name)
    this.#bytesInFlight += bytes.length
    try {
      await this.#settle(parcel, await this.contact.send(bytes))
    } catch (error) {
      // Nobody knows whether it arrived: it is offered again, and the neighbour knows a duplicate.
      logger.debug({ err: error, peer: this.contact.peer }, 'a bundle was not handed over')
      this.#pause()
    } finally {
      this.#inFlight.delete(name)
      this.#bytesInFlight -= bytes.length
      this.fill()
    }
  }

  async #settle({ queued, left }: Parcel, handover: Handover): Promise<void> {
    const { queue } = this.#deps
    const { peer, confirmed } = this.contact
    if (!handover.taken && handover.reason === 'no-resources') return this.#pause()
    this.#refusals = 0
    if (!handover.taken && handover.reason === 'unacceptable') {
      this.#done.add(queued.id)
      return
    }
    this.#sent += handover.taken ? 1 : 0
    if (!confirmed) {
      this.#done.add(queued.id)
      return
    }
    // A duplicate is as good as taken, but no copy of ours was given away by it.
    const copies = handover.taken && left !== 'none' ? { copies: left } : {}
    await queue.update(queued.id, {
      givenTo: peer,
      ...copies,
      ...(left === 'none' && { release: ['forward'] as const }),
    })
  }

  /** The neighbour has no room: whatever waits for it waits longer each time. */
  #pause(): void {
    const { clock } = this.#deps
    if (this.#pausedUntilMs !== undefined || this.#closed) return
    const waitMs = backoffMs({ baseMs: PAUSE_BASE_MS, maxMs: PAUSE_MAX_MS }, this.#refusals, 1)
    this.#refusals += 1
    this.#pausedUntilMs = clock.monotonic() + waitMs
    this.#timer = clock.setTimer(
      waitMs,
      () => {
        this.#pausedUntilMs = undefined
        this.#rescan()
        this.fill()
      },
      { unref: true },
    )
  }

  /** Nothing more is sent; what is on its way settles when its link says so. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#filling
  }
}
