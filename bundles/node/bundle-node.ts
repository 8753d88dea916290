import { checkOptionKeys, checkWholeNumber, type RandomSource } from '../../core/index.ts'
import { DTN_EPOCH_MS, type EndpointId, encodeBundle, isGroup, nodeOf } from '../codec/index.ts'
import { PRIORITIES } from '../codec/priority.ts'
import { DEFAULT_HOP_LIMIT } from '../limits.ts'
import type { Contact, Handover, LinkEvents } from '../links/types.ts'
import { decide } from '../routing/index.ts'
import type { QueuedBundle, QueueStatus } from '../store/index.ts'
import { compose } from './compose.ts'
import { Courier } from './courier.ts'
import { Deliverer } from './deliverer.ts'
import { routedBundle } from './facts.ts'
import { Intake } from './intake.ts'
import type {
  Application,
  BundleNodeDependencies,
  BundleNodeOptions,
  ContactOutlook,
  ContactStatus,
  Delivery,
  Explanation,
  Outgoing,
  Sent,
} from './types.ts'

export interface BundleNodeStatus {
  readonly self: EndpointId
  readonly queue: QueueStatus
  readonly contacts: readonly ContactStatus[]
}

/**
 * A bundle protocol agent (RFC 9171 §3.1): takes bundles from links and applications into its queue, delivers what is for
 * this node, and has a courier for every neighbour that is there. Opening and closing the queue and the links is the caller's.
 */
export class BundleNode implements LinkEvents {
  readonly #options: BundleNodeOptions & { readonly hopLimit: number }
  readonly #deps: BundleNodeDependencies & { readonly random: RandomSource }
  readonly #intake: Intake
  readonly #deliverer: Deliverer
  readonly #couriers = new Map<Contact, Courier>()
  readonly #deliveredListeners = new Set<(delivery: Delivery) => void>()
  readonly #unsubscribe: () => void

  constructor(options: BundleNodeOptions, dependencies: BundleNodeDependencies & { readonly random: RandomSource }) {
    checkOptionKeys('bundle node', options, ['self', 'groups', 'hopLimit', 'relaxed'])
    const { hopLimit = DEFAULT_HOP_LIMIT } = options
    checkWholeNumber('hopLimit', hopLimit, { min: 1, max: 255 })
    this.#options = { ...options, hopLimit }
    this.#deps = dependencies
    this.#intake = new Intake(options, dependencies)
    const onDelivered = (delivery: Delivery) => {
      for (const listener of this.#deliveredListeners) listener(delivery)
    }
    this.#deliverer = new Deliverer({ ...dependencies, onDelivered })
    this.#unsubscribe = dependencies.queue.onAccepted((accepted) => {
      for (const courier of this.#couriers.values()) courier.offer(accepted)
      this.#deliverer.run()
    })
  }

  opened(contact: Contact): void {
    const { self } = this.#options
    const courier = new Courier({ self }, { ...this.#deps, contact })
    this.#couriers.set(contact, courier)
    courier.fill()
  }

  closed(contact: Contact): void {
    void this.#couriers.get(contact)?.close()
    this.#couriers.delete(contact)
  }

  received(bytes: Uint8Array, from: Contact): Promise<Handover> {
    this.#couriers.get(from)?.countReceived()
    return this.#intake.take(bytes, from)
  }

  /**
   * Takes a payload into the queue as a bundle; it is on disk when this resolves.
   * @throws BUNDLES_… of the queue
   */
  async send({
    destination,
    service = '',
    payload,
    lifetimeMs,
    priority = PRIORITIES.normal,
  }: Outgoing): Promise<Sent> {
    const { clock, random, queue, routing, clockTrusted = () => true } = this.#deps
    const { self, hopLimit } = this.#options
    const copies = routing.strategyFor(priority).initialCopies
    const parts = { source: `${self}${service}`, destination, payload, lifetimeMs, priority, copies, hopLimit }
    const bundle = compose(parts, { clock, random, clockTrusted: clockTrusted() })
    const constraints = this.#intake.constraintsOf(bundle)
    const { id } = await queue.accept(encodeBundle(bundle), { priority, copies, constraints })
    const madeAtMs = bundle.primary.creation.timeMs === 0 ? clock.now() : DTN_EPOCH_MS + bundle.primary.creation.timeMs
    return { id, expiresAtMs: Math.min(madeAtMs + lifetimeMs, Number.MAX_SAFE_INTEGER) }
  }

  /**
   * Takes deliveries of an endpoint of this node, or of a group that it is a member of, until the answered function is called.
   * @throws {TypeError} when somebody does already
   */
  register(endpoint: EndpointId, application: Application): () => void {
    return this.#deliverer.register(endpoint, application)
  }

  /** Calls `listener` for every bundle to a single endpoint here that was delivered, until the answered function is called. */
  onDelivered(listener: (delivery: Delivery) => void): () => void {
    this.#deliveredListeners.add(listener)
    return () => this.#deliveredListeners.delete(listener)
  }

  /**
   * Node `at` has said, in a way that proves it, that these bundles were delivered there: copies of them are of no use any
   * more. Its word counts for bundles to its own endpoints alone; those of groups live out their lifetime.
   * @returns how many copies were freed
   */
  async delivered(at: EndpointId, ids: readonly Uint8Array[]): Promise<number> {
    const { queue } = this.#deps
    let freed = 0
    for (const id of ids) {
      const queued = await queue.get(id)
      if (queued === undefined) continue
      const { destination } = queued.bundle.primary
      if (!isGroup(destination) && nodeOf(destination) === nodeOf(at) && (await queue.remove(id))) freed += 1
    }
    return freed
  }

  status(): BundleNodeStatus {
    const contacts = [...this.#couriers.values()].map(({ status }) => status)
    return { self: this.#options.self, queue: this.#deps.queue.status(), contacts }
  }

  /** Why a bundle is here and what would move it; undefined when it is not here. */
  async explain(id: Uint8Array): Promise<Explanation | undefined> {
    const { queue, routing } = this.#deps
    const queued = await queue.get(id)
    if (queued === undefined) return undefined
    const { priority, constraints, copies, peer: from, expiresAtMs, bytes } = queued
    const { source, destination } = queued.bundle.primary
    const strategy = routing.strategyFor(priority)
    return {
      ...{ id, source, destination, priority, constraints, copies, from, strategy: strategy.name },
      sizeBytes: bytes.length,
      seenBy: await queue.givenCount(id),
      remainingMs: Math.max(0, expiresAtMs - queue.now()),
      waitsFor: this.#waitsFor(queued, strategy.explanation),
      contacts: await Promise.all([...this.#couriers.values()].map((courier) => this.#outlook(queued, courier))),
    }
  }

  #waitsFor({ constraints, bundle }: QueuedBundle, explanation: string): string {
    if (constraints.includes('reassemble')) return 'It is a fragment for this node and waits for the others.'
    const { destination } = bundle.primary
    const unserved = constraints.includes('deliver') && !this.#deliverer.serves(destination)
    if (unserved) return `It is for this node, where nobody takes what comes for ${destination} yet.`
    return constraints.includes('forward') ? explanation : 'It is being delivered here.'
  }

  async #outlook(queued: QueuedBundle, courier: Courier): Promise<ContactOutlook> {
    const { contact } = courier
    const { peer, layer } = contact
    const [hasSeen = false] = await this.#deps.queue.given([queued.id], peer)
    const strategy = this.#deps.routing.strategyFor(queued.priority)
    const state = { self: this.#options.self, hasSeen }
    const decision = decide(strategy, { bundle: routedBundle(queued), contact, state })
    return { peer, layer, outlook: decision.send || courier.isCarrying(queued.id) ? 'sending' : decision.why }
  }

  /** Ends couriers and deliveries under way. */
  async close(): Promise<void> {
    this.#unsubscribe()
    await Promise.all([this.#deliverer.close(), ...[...this.#couriers.values()].map((courier) => courier.close())])
    this.#couriers.clear()
  }
}
