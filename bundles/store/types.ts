import type { Clock } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import type { Bundle, BundleRules, EndpointId } from '../codec/index.ts'
import type { Priority, PriorityName } from '../codec/priority.ts'
import type { Load } from '../quota.ts'
import type { Scope, Waiting } from './entries.ts'
import type { Constraint, Position } from './keys.ts'

export interface BundleQueueOptions extends BundleRules {
  /** Most bundles queued at once. Default DEFAULT_MAX_BUNDLES. */
  readonly maxBundles?: number
  /** Most bytes queued at once. Default DEFAULT_MAX_QUEUE_BYTES. */
  readonly maxBytes?: number
  /** Per cent of both that only control bundles may use. Default DEFAULT_CONTROL_PERCENT. */
  readonly controlPercent?: number
  /** Per cent of both that bundles of one peer may use. Default DEFAULT_PEER_PERCENT. */
  readonly peerPercent?: number
  /** Most bundles remembered for duplicates after they are gone. Default and most MAX_REMEMBERED_BUNDLES. */
  readonly maxRemembered?: number
  /** Directory for bundles above MAX_INLINE_BUNDLE_BYTES. Without one they are refused. */
  readonly directory?: string
  /** Free bytes of the disk below which only control bundles are taken. Default DEFAULT_MIN_FREE_BYTES. */
  readonly minFreeBytes?: number
}

export interface BundleQueueDependencies {
  readonly database: Database
  /** Seals queued bundles. */
  readonly sealer: Sealer
  readonly clock: Clock
  /** Whether the clock may be believed; while not, bundles age by their Bundle Age block. Default: always. */
  readonly clockTrusted?: () => boolean
  /** Free bytes on the disk. Default: nobody asks, and a full disk is met when it refuses. */
  readonly freeBytes?: () => Promise<number>
  /** Told of damaged bundles that are passed over, and when expiry could not be written. Default: nothing. */
  readonly onError?: (error: unknown) => void
}

/** What the node says of a bundle when it hands it to the queue. */
export interface Handling {
  /** Default: normal. */
  readonly priority?: Priority
  /** The admitted peer that it came from; its quota pays. Default: made here. */
  readonly peer?: EndpointId | undefined
  /** What keeps it here, at least one. Default: to be forwarded. */
  readonly constraints?: readonly Constraint[]
  /** Copies that may be handed out, for strategies that count. Default 0. */
  readonly copies?: number
}

/** A bundle that lies in the queue. */
export interface QueuedBundle {
  readonly id: Uint8Array
  readonly bundle: Bundle
  readonly bytes: Uint8Array
  readonly priority: Priority
  readonly constraints: readonly Constraint[]
  readonly copies: number
  /** Whom it came from; undefined when it was made here. */
  readonly peer: EndpointId | undefined
  /** On the queue's own time: {@link BundleQueue.now}. */
  readonly receivedAtMs: number
  /** On the queue's own time. */
  readonly expiresAtMs: number
}

export type Acceptance = { readonly status: 'accepted' | 'duplicate'; readonly id: Uint8Array }

/** A change to a queued bundle; everything in it happens in one commit. */
export interface BundleUpdate {
  /** This peer has the bundle now. */
  readonly givenTo?: EndpointId
  /** What keeps it here no longer; with its last constraint a bundle goes. */
  readonly release?: readonly Constraint[]
  readonly copies?: number
}

/** Which waiting bundles to list. */
export interface WaitingQuery {
  readonly scope: Scope
  /** Only behind this position: the last one of the page before. Default: from the first on. */
  readonly after?: Position | undefined
  /** Leaves out what this peer is known to have. */
  readonly notGivenTo?: EndpointId
  /** Most bundles; at most MAX_PEEK. */
  readonly limit: number
}

/** `disk-low`: only control bundles are taken. `disk-full`: the disk refused the last write; it is tried again with the next. */
export type QueueState = 'open' | 'disk-low' | 'disk-full'

export interface QueueStatus extends Load {
  readonly state: QueueState
  readonly byPriority: Readonly<Record<PriorityName, Load>>
  readonly limits: Load
  /** Bundles that are gone and still known as seen. */
  readonly remembered: number
  /** Since the queue was opened. */
  readonly accepted: number
  readonly refused: number
  readonly evicted: number
  readonly expired: number
}

/** Bundles on their way, on disk. */
export interface BundleQueue {
  /** The time by which bundles age here: goes on over restarts, never goes back; milliseconds. */
  now(): number
  status(): QueueStatus
  /**
   * Takes responsibility for a bundle: when this resolves, it is on disk with all index entries and may be
   * acknowledged. `duplicate`: it was accepted before, and may be acknowledged again.
   * @throws BUNDLES_… of the codec, BUNDLES_NOT_QUEUEABLE, BUNDLES_EXPIRED, BUNDLES_QUEUE_FULL, BUNDLES_PEER_QUOTA,
   *   BUNDLES_DISK_FULL, BUNDLES_BUSY, BUNDLES_CLOSED
   */
  accept(bytes: Uint8Array, handling?: Handling): Promise<Acceptance>
  /** Live waiting bundles, most urgent first, then first come first. They stay. */
  waiting(query: WaitingQuery): Promise<Waiting[]>
  /** The live bundle with `id`. @throws BUNDLES_DAMAGED */
  get(id: Uint8Array): Promise<QueuedBundle | undefined>
  /** Ids of queued bundles that begin with `prefix`, in their order. */
  ids(prefix?: Uint8Array): AsyncIterable<Uint8Array>
  /** True while a bundle is queued, or remembered for the rest of its lifetime. */
  isKnown(id: Uint8Array): Promise<boolean>
  /** For each of `ids`, whether `peer` is known to have it. */
  given(ids: readonly Uint8Array[], peer: EndpointId): Promise<boolean[]>
  /** How many peers are known to have a queued bundle. */
  givenCount(id: Uint8Array): Promise<number>
  /** Changes a queued bundle; false when it is not there. @throws CORE_STORE_WRITE */
  update(id: Uint8Array, update: BundleUpdate): Promise<boolean>
  /** Takes a bundle out; false when it is not there. That it was seen stays known until its lifetime ends. */
  remove(id: Uint8Array): Promise<boolean>
  /** Calls `listener` for every bundle that is accepted from now on, until the answered function is called. */
  onAccepted(listener: (accepted: Waiting) => void): () => void
  /** Ends the timers and waits for what is being written. */
  close(): Promise<void>
}
