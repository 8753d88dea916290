import { backoffMs, type Clock, isGapmeshError, type Logger, type Timer, toHex } from '../../core/index.ts'
import { type EndpointId, isGroup, payloadOf } from '../codec/index.ts'
import { DELIVERY_RETRY_BASE_MS, DELIVERY_RETRY_MAX_MS, WAITING_PAGE } from '../limits.ts'
import type { BundleQueue, Position, QueuedBundle, Waiting } from '../store/index.ts'
import type { Application, Delivery } from './types.ts'

export interface DelivererDependencies {
  readonly queue: BundleQueue
  readonly clock: Clock
  readonly logger: Logger
  /** Told of every bundle to a single endpoint that was delivered. */
  readonly onDelivered: (delivery: Delivery) => void
}

/** An application, and how it has been doing. */
interface Registered {
  readonly take: Application
  failures: number
  /** It failed: it gets nothing until then, by the monotonic clock. */
  pausedUntilMs: number
}

/**
 * Hands what came for this node to its applications, one after the other, most urgent first. What nobody takes yet waits
 * until somebody does, or until its lifetime ends; an application that fails is left alone for a while, the others are not.
 */
export class Deliverer {
  readonly #deps: DelivererDependencies
  readonly #applications = new Map<EndpointId, Registered>()
  readonly #timers = new Set<Timer>()
  #running: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(dependencies: DelivererDependencies) {
    this.#deps = dependencies
  }

  /** Takes deliveries of `endpoint` from now on, and those that wait; ends with the answered function. */
  register(endpoint: EndpointId, take: Application): () => void {
    if (this.#applications.has(endpoint)) throw new TypeError(`somebody takes deliveries of ${endpoint} already`)
    this.#applications.set(endpoint, { take, failures: 0, pausedUntilMs: 0 })
    this.run()
    return () => void this.#applications.delete(endpoint)
  }

  /** Whether somebody takes what comes for `endpoint`. */
  serves(endpoint: EndpointId): boolean {
    return this.#applications.has(endpoint)
  }

  /** Looks for what waits; where nobody takes anything, nothing is read. */
  run(): void {
    if (this.#closed || this.#applications.size === 0) return
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.#running = this.#deliverAll()
      .catch((error) => {
        this.#deps.logger.warn({ err: error }, 'bundles could not be delivered; trying again')
        this.#runLater(DELIVERY_RETRY_MAX_MS)
      })
      .finally(() => {
        this.#running = undefined
        if (!this.#again) return
        this.#again = false
        this.run()
      })
  }

  async #deliverAll(): Promise<void> {
    let cursor: Position | undefined
    for (let page = await this.#page(cursor); page.length > 0; page = await this.#page(cursor)) {
      for (const waiting of page) if (!this.#closed) await this.#deliver(waiting)
      cursor = page.at(-1)
    }
  }

  #page(after: Position | undefined): Promise<Waiting[]> {
    return this.#deps.queue.waiting({ scope: { constraint: 'deliver' }, after, limit: WAITING_PAGE })
  }

  async #deliver({ id }: Waiting): Promise<void> {
    const { queue, logger, onDelivered, clock } = this.#deps
    const queued = await this.#read(id)
    const application = queued && this.#applications.get(queued.bundle.primary.destination)
    if (queued === undefined || application === undefined || application.pausedUntilMs > clock.monotonic()) return
    const delivery = deliveryOf(queued)
    const outcome = await application.take(delivery).catch((error) => this.#failed(application, error))
    if (outcome === undefined) return
    application.failures = 0
    await queue.update(id, { release: ['deliver'] })
    if (outcome === 'unwanted') logger.warn({ id: toHex(id) }, 'nobody here wants a bundle; it is dropped')
    else if (!isGroup(delivery.primary.destination)) onDelivered(delivery)
  }

  /** A damaged one must not keep the ones behind it. */
  async #read(id: Uint8Array): Promise<QueuedBundle | undefined> {
    try {
      return await this.#deps.queue.get(id)
    } catch (error) {
      if (!isGapmeshError(error, 'BUNDLES_DAMAGED')) throw error
      this.#deps.logger.error({ err: error, id: toHex(id) }, 'a queued bundle cannot be read')
      return undefined
    }
  }

  #failed(application: Registered, error: unknown): undefined {
    const { clock, logger } = this.#deps
    const waitMs = backoffMs({ baseMs: DELIVERY_RETRY_BASE_MS, maxMs: DELIVERY_RETRY_MAX_MS }, application.failures, 1)
    application.failures += 1
    application.pausedUntilMs = clock.monotonic() + waitMs
    logger.warn({ err: error, retryInMs: waitMs }, 'a bundle could not be delivered; trying again')
    this.#runLater(waitMs)
  }

  #runLater(delayMs: number): void {
    if (this.#closed) return
    const timer = this.#deps.clock.setTimer(
      delayMs,
      () => {
        this.#timers.delete(timer)
        this.run()
      },
      { unref: true },
    )
    this.#timers.add(timer)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    await this.#running
  }
}

function deliveryOf({ id, bundle, priority }: QueuedBundle): Delivery {
  return { id, primary: bundle.primary, payload: payloadOf(bundle), priority }
}
