/**
 * Store, carry, forward: bundles of RFC 9171 for nodes that no road connects right now.
 *
 * In: bundle bytes from any link (`accept`), values to encode. Out: bundles by destination, for a link to carry.
 * A bundle is either on disk here or still with its sender; it is never in between.
 */
export {
  type AdministrativeRecord,
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type BundleHead,
  type BundlePolicy,
  type BundleRules,
  BundleStreamReader,
  bundleAgeMs,
  bundleId,
  type CanonicalBlock,
  type CrcType,
  type CreationTimestamp,
  DTN_EPOCH_MS,
  decodeAdministrativeRecord,
  decodeBundle,
  decodeSecurityBlock,
  type EndpointId,
  encodeAdministrativeRecord,
  encodeBundle,
  encodeBundleAge,
  encodeBundleHead,
  encodeBundleTail,
  encodeHopCount,
  encodePreviousNode,
  encodeSecurityBlock,
  endpointKey,
  type FragmentPlace,
  flagNames,
  type HeadFound,
  type HopCount,
  hasFlag,
  hopCountOf,
  isNullEndpoint,
  isSingleton,
  NULL_ENDPOINT,
  nodeOf,
  type PayloadHeader,
  type PayloadProgress,
  type PrimaryBlock,
  passPayload,
  payloadOf,
  previousNodeOf,
  REPORT_REASONS,
  type SecurityBlock,
  type SecurityValue,
  type StatusAssertion,
  type StatusReport,
  sameEndpoint,
  sizeOfBundle,
} from './codec/index.ts'
export { HIGHEST_PRIORITY, PRIORITIES, type Priority, type PriorityName, priorityName } from './codec/priority.ts'
export { BUNDLES_ERRORS } from './errors.ts'
export { expiresAtMs, type Reception } from './expiry.ts'
export { fragmentAt, fragmentBundle, mayAddSecurity } from './fragmentation.ts'
export { MAX_BUNDLE_BYTES, MAX_INLINE_BUNDLE_BYTES } from './limits.ts'
export type { Contact, ConvergenceLayer, Handover, LinkEvents, RefusalReason } from './links/index.ts'
export type { Load } from './quota.ts'
export {
  checkAlike,
  type PayloadRange,
  ReassemblyPlan,
  reassembleBundle,
  wholeKey,
  wholePrimary,
} from './reassembly.ts'
export {
  type Happening,
  isReportRequested,
  mayReport,
  type ReportBundleOptions,
  type ReportedEvent,
  statusReport,
  statusReportBundle,
} from './reports.ts'
export {
  type Acceptance,
  type BundleQueue,
  type BundleQueueDependencies,
  type BundleQueueOptions,
  type BundleUpdate,
  type Constraint,
  checkBundleQueue,
  type Handling,
  openBundleQueue,
  type QueueCheckDependencies,
  type QueuedBundle,
  type QueueProblem,
  type QueueProblemKind,
  type QueueReport,
  type QueueState,
  type QueueStatus,
  type Waiting,
  type WaitingQuery,
} from './store/index.ts'
export { planUnprocessable, type UnprocessablePlan, withoutBlocks } from './unprocessable.ts'
