/** Bundle nodes on real databases with a simulated clock, and links between them that tests open and cut. */

import { BUNDLES_ERRORS } from '../../bundles/errors.ts'
import { type BundleQueue, type BundleQueueOptions, openBundleQueue } from '../../bundles/index.ts'
import type { Contact, Handover, LinkEvents } from '../../bundles/links/types.ts'
import { BundleNode, type BundleNodeOptions, type Delivery } from '../../bundles/node/index.ts'
import { epidemic, RoutingPlan } from '../../bundles/routing/index.ts'
import { SimulatedClock, SimulatedRandom, silentLogger, utf8 } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { NOW_MS, sealer } from './support.ts'

export interface SceneNode {
  readonly name: string
  readonly self: string
  readonly node: BundleNode
  readonly queue: BundleQueue
  /** Texts delivered to the inbox, in order. */
  readonly inbox: string[]
  close(): Promise<void>
}

export interface SceneOptions {
  readonly routing?: RoutingPlan
  readonly queue?: BundleQueueOptions
  readonly node?: Partial<BundleNodeOptions>
  /** Whether the node takes what comes for its inbox. Default true. */
  readonly serves?: boolean
}

export function eid(name: string, service = ''): string {
  return `dtn://${name}.grid/${service}`
}

export const GROUP = 'dtn://grid/~all'

/** Nodes that share a clock. */
export class Scene {
  readonly clock = new SimulatedClock(NOW_MS)
  readonly #path: string
  readonly #nodes: SceneNode[] = []
  #seed = 1

  constructor(path: string) {
    this.#path = path
  }

  async node(name: string, options: SceneOptions = {}): Promise<SceneNode> {
    const database = await openDatabase(`${this.#path}/${name}`)
    const { clock } = this
    const queue = await openBundleQueue(options.queue ?? {}, { database, sealer, clock })
    const routing = options.routing ?? new RoutingPlan({ strategy: epidemic() })
    const random = new SimulatedRandom(this.#seed++)
    const logger = silentLogger()
    const node = new BundleNode(
      { self: eid(name), groups: [GROUP], ...options.node },
      { queue, routing, clock, logger, random },
    )
    const inbox: string[] = []
    const take = async ({ payload }: Delivery) => {
      inbox.push(Buffer.from(payload).toString())
      return 'done' as const
    }
    if (options.serves !== false) {
      node.register(eid(name, 'inbox'), take)
      node.register(GROUP, take)
    }
    const close = async () => {
      await node.close()
      await queue.close()
      await database.close()
    }
    const made = { name, self: eid(name), node, queue, inbox, close }
    this.#nodes.push(made)
    return made
  }

  /** Lets everything that is under way come to rest. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 60; turn += 1) {
      for (const { queue } of this.#nodes) await queue.isKnown(new Uint8Array(32))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Waits until `condition` holds. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let turn = 0; turn < 5000; turn += 1) {
      if (await condition()) return
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    throw new Error('it never came')
  }

  async close(): Promise<void> {
    for (const { close } of this.#nodes.splice(0)) await close()
  }
}

export interface LinkOptions {
  readonly confirmed?: boolean
  readonly maxBundleBytes?: number
  /** Sees every bundle on its way, and may say what becomes of it in place of the receiver. */
  readonly onBundle?: (bytes: Uint8Array, to: string) => Handover | 'lost' | undefined
}

/** Joins two nodes until the answered function is called. */
export function join(a: SceneNode, b: SceneNode, options: LinkOptions = {}): () => void {
  let open = true
  const end = (to: SceneNode, events: LinkEvents, own: () => Contact): Contact => ({
    layer: 'memory',
    peer: to.self,
    authenticated: true,
    confirmed: options.confirmed ?? true,
    maxBundleBytes: options.maxBundleBytes ?? 1_000_000,
    async send(bytes) {
      const verdict = options.onBundle?.(bytes, to.name)
      if (!open || verdict === 'lost') throw BUNDLES_ERRORS.create('BUNDLES_CLOSED')
      const handover = verdict ?? (await events.received(bytes, own()))
      if (!open) throw BUNDLES_ERRORS.create('BUNDLES_CLOSED')
      return (options.confirmed ?? true) ? handover : { taken: true }
    },
    close: async () => cut(),
  })
  const toB: Contact = end(b, b.node, () => toA)
  const toA: Contact = end(a, a.node, () => toB)
  function cut(): void {
    if (!open) return
    open = false
    a.node.closed(toB)
    b.node.closed(toA)
  }
  a.node.opened(toB)
  b.node.opened(toA)
  return cut
}

/** Sends a text to an inbox. */
export function post(
  from: SceneNode,
  to: string,
  text: string,
  more: { priority?: 0 | 1 | 2 | 3; lifetimeMs?: number } = {},
) {
  return from.node.send({ destination: to, payload: utf8(text), lifetimeMs: 60_000, ...more })
}
