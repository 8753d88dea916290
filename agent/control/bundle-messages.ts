import type { PriorityName } from '../../bundles/index.ts'

/** A bundle to send. */
export interface BundleSendParams {
  /** Endpoint, such as `dtn://sensor-2.north-grid/inbox`. */
  readonly destination: string
  /** Base64. */
  readonly payload: string
  readonly lifetimeMs: number
  readonly priority?: PriorityName
}

/** A bundle in the queue. Ids are lower-case hexadecimal. */
export interface BundleSummary {
  readonly id: string
  readonly source: string
  readonly destination: string
  readonly priority: PriorityName
  readonly sizeBytes: number
  /** What keeps it here: `forward`, `deliver`, `reassemble`. */
  readonly constraints: readonly string[]
  /** node endpoint that it came from; absent when it was made here. */
  readonly from?: string
  /** How long until it expires. */
  readonly remainingMs: number
}

/** Why a bundle is here, and what would move it. */
export interface BundleExplanation extends BundleSummary {
  /** Copies that may still be handed out; 0: as many as one likes. */
  readonly copies: number
  /** Peers that are known to have it. */
  readonly seenBy: number
  readonly strategy: string
  readonly waitsFor: string
  readonly contacts: readonly { readonly peer: string; readonly layer: string; readonly outlook: string }[]
}

/** A bundle that waits for somebody on this node. */
export interface ReceivedBundle extends BundleSummary {
  /** Base64. */
  readonly payload: string
}

/** The bundle section of a node's status. */
export interface BundleStatus {
  readonly self: string
  /** `open`, `disk-low` (only control bundles are taken) or `disk-full`. */
  readonly state: string
  readonly queued: number
  readonly bytes: number
  readonly maxBytes: number
  readonly byPriority: Readonly<Record<string, number>>
  readonly accepted: number
  readonly refused: number
  readonly evicted: number
  readonly expired: number
  readonly contacts: readonly {
    readonly peer: string
    readonly layer: string
    readonly sent: number
    readonly received: number
    readonly inFlight: number
    readonly paused: boolean
  }[]
}

/** Requests about bundles. */
export interface BundleControlMethods {
  'bundles.send': { params: BundleSendParams; result: { readonly id: string; readonly expiresAtMs: number } }
  'bundles.list': { params: { readonly limit?: number }; result: { readonly bundles: readonly BundleSummary[] } }
  'bundles.show': { params: { readonly id: string }; result: BundleExplanation }
  'bundles.cancel': { params: { readonly id: string }; result: { readonly id: string } }
  /** Says that the payload of a received bundle is safe: the node lets go of it. */
  'bundles.release': { params: { readonly id: string }; result: { readonly id: string } }
}

export interface BundleControlStreams {
  /** Bundles that wait for a service of this node; they stay until they are released. */
  'bundles.received': { params: { readonly service: string; readonly limit?: number }; item: ReceivedBundle }
}
