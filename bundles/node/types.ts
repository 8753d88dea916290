import type { Clock, Logger } from '../../core/index.ts'
import type { BundleRules, EndpointId, PrimaryBlock } from '../codec/index.ts'
import type { Priority } from '../codec/priority.ts'
import type { Contact } from '../links/types.ts'
import type { HoldReason, RoutingPlan } from '../routing/index.ts'
import type { BundleQueue, Constraint } from '../store/index.ts'

export interface BundleNodeOptions extends BundleRules {
  /** This node's endpoint, such as `dtn://relay-1.north-grid/`. */
  readonly self: EndpointId
  /** Groups that this node is a member of, such as `dtn://north-grid/~records`. Default: none. */
  readonly groups?: readonly EndpointId[]
  /** Hops that a bundle made here may go, 1 to 255. Default DEFAULT_HOP_LIMIT. */
  readonly hopLimit?: number
}

export interface BundleNodeDependencies {
  readonly queue: BundleQueue
  readonly routing: RoutingPlan
  readonly clock: Clock
  readonly logger: Logger
  /** Whether the clock may be believed: else bundles made here have no creation time, but an age. Default: always. */
  readonly clockTrusted?: () => boolean
}

/** A bundle for an application of this node. */
export interface Delivery {
  readonly id: Uint8Array
  readonly primary: PrimaryBlock
  readonly payload: Uint8Array
  readonly priority: Priority
}

/**
 * Takes deliveries of one endpoint. A delivery is done when this resolves; after it rejects, or a crash, the bundle comes
 * again. `unwanted` gives it up for good.
 */
export type Application = (delivery: Delivery) => Promise<'done' | 'unwanted'>

/** What somebody hands to the node to send. */
export interface Outgoing {
  readonly destination: EndpointId
  /** Service of this node that it comes from, such as `files`; default: the node itself. */
  readonly service?: string
  readonly payload: Uint8Array
  readonly lifetimeMs: number
  /** Default: normal. */
  readonly priority?: Priority
}

/** A bundle that was taken from an application. */
export interface Sent {
  readonly id: Uint8Array
  /** On the wall clock, in milliseconds since the Unix epoch; where there is none, from now by the lifetime. */
  readonly expiresAtMs: number
}

/** What a neighbour that is there now means for a bundle. */
export interface ContactOutlook {
  readonly peer: EndpointId
  readonly layer: string
  /** `sending`: it is on its way, or next. */
  readonly outlook: 'sending' | HoldReason
}

/** Why a bundle is here, what would move it, who has it, and when it ends. */
export interface Explanation {
  readonly id: Uint8Array
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly priority: Priority
  readonly sizeBytes: number
  readonly constraints: readonly Constraint[]
  /** Copies that may still be handed out; 0: as many as one likes. */
  readonly copies: number
  /** Node that it came from; undefined when it was made here. */
  readonly from: EndpointId | undefined
  /** Peers that are known to have it. */
  readonly seenBy: number
  readonly remainingMs: number
  readonly strategy: string
  /** One sentence: what would move it. */
  readonly waitsFor: string
  readonly contacts: readonly ContactOutlook[]
}

/** A neighbour, for status. */
export interface ContactStatus extends Pick<Contact, 'peer' | 'layer' | 'authenticated' | 'confirmed'> {
  readonly sent: number
  readonly received: number
  /** Bundles on their way to it. */
  readonly inFlight: number
  /** It has no room: it is left alone until then, by the monotonic clock; undefined otherwise. */
  readonly pausedUntilMs: number | undefined
}
