/**
 * Store, carry, forward: bundles of RFC 9171 for nodes that no road connects right now.
 *
 * In: bundle bytes from any link (`accept`), values to encode. Out: bundles by destination, for a link to carry.
 * A bundle is either on disk here or still with its sender; it is never in between.
 */
export {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type BundleRules,
  bundleAgeMs,
  bundleId,
  type CanonicalBlock,
  type CrcType,
  type CreationTimestamp,
  DTN_EPOCH_MS,
  decodeBundle,
  type EndpointId,
  encodeBundle,
  encodeBundleAge,
  encodeHopCount,
  encodePreviousNode,
  type HopCount,
  hasFlag,
  hopCountOf,
  NULL_ENDPOINT,
  nodeOf,
  type PrimaryBlock,
  payloadOf,
  previousNodeOf,
} from './codec/index.ts'
export { BUNDLES_ERRORS } from './errors.ts'
export { expiresAtMs, type Reception } from './expiry.ts'
export { MAX_BUNDLE_BYTES, MAX_QUEUED_BUNDLE_BYTES } from './limits.ts'
export {
  type Contact,
  type ConvergenceLayer,
  type DirectoryDependencies,
  type DirectoryOptions,
  type FramedDependencies,
  type FramedOptions,
  type Handover,
  type LinkEvents,
  type LinkSecurity,
  type RefusalReason,
  startDirectories,
  startMtcp,
  startStcp,
  startTcpcl,
  type TcpclDependencies,
  type TcpclLayer,
  type TcpclOptions,
  type TlsPolicy,
} from './links/index.ts'
export {
  type Acceptance,
  type BundleQueue,
  type BundleQueueDependencies,
  type BundleQueueOptions,
  checkBundleQueue,
  openBundleQueue,
  type QueueCheckDependencies,
  type QueuedBundle,
  type QueueProblem,
  type QueueProblemKind,
  type QueueReport,
} from './store/index.ts'
