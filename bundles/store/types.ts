import type { Clock } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import type { Bundle, BundleRules, EndpointId } from '../codec/index.ts'

export interface BundleQueueOptions extends BundleRules {
  /** Most bundles queued at once. Default DEFAULT_MAX_BUNDLES. */
  readonly maxBundles?: number
  /** Most bytes queued at once. Default DEFAULT_MAX_QUEUE_BYTES. */
  readonly maxBytes?: number
  /** Most bundles remembered for duplicates. Default and most MAX_REMEMBERED_BUNDLES. */
  readonly maxRemembered?: number
}

export interface BundleQueueDependencies {
  readonly database: Database
  /** Seals queued bundles. */
  readonly sealer: Sealer
  readonly clock: Clock
  /** Whether the clock may be believed; while not, bundles age by their Bundle Age block. Default: always. */
  readonly clockTrusted?: () => boolean
  /** Told of damaged bundles that are passed over, and when expiry could not be written. Default: nothing. */
  readonly onError?: (error: unknown) => void
}

/** A bundle that lies in the queue. */
export interface QueuedBundle {
  readonly id: Uint8Array
  readonly bundle: Bundle
  readonly bytes: Uint8Array
  readonly receivedAtMs: number
  readonly expiresAtMs: number
}

export type Acceptance = { readonly status: 'accepted' | 'duplicate'; readonly id: Uint8Array }

/** Bundles on their way, on disk. */
export interface BundleQueue {
  /** Bundles queued. */
  readonly count: number
  /** Their bytes. */
  readonly bytes: number
  /**
   * Takes responsibility for a bundle: when this resolves, it is on disk with all index entries and may be
   * acknowledged. `duplicate`: it was accepted before, and may be acknowledged again.
   * @throws BUNDLES_… of the codec, BUNDLES_NOT_QUEUEABLE, BUNDLES_EXPIRED, BUNDLES_QUEUE_FULL, CORE_STORE_WRITE
   */
  accept(bytes: Uint8Array): Promise<Acceptance>
  /** Live bundles for exactly this endpoint, first come first, at most `maxCount` (and MAX_PEEK). They stay. */
  peek(destination: EndpointId, maxCount: number): Promise<QueuedBundle[]>
  /** The first live bundle for this endpoint, taken out: it is gone when this resolves. */
  take(destination: EndpointId): Promise<QueuedBundle | undefined>
  /** The live bundle with `id`. @throws BUNDLES_DAMAGED */
  get(id: Uint8Array): Promise<QueuedBundle | undefined>
  /** Takes a bundle out; false when it is not there. That it was seen stays known until its lifetime ends. */
  remove(id: Uint8Array): Promise<boolean>
  /** Ends the expiry timer and waits for what is being written. */
  close(): Promise<void>
}
