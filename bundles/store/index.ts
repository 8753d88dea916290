/**
 * The queue of bundles in the node's database: accepted means on disk, found by destination, gone at the end of the
 * lifetime. Who carries a bundle onward decides when it is removed.
 */
export {
  checkBundleQueue,
  type QueueCheckDependencies,
  type QueueProblem,
  type QueueProblemKind,
  type QueueReport,
} from './check.ts'
export type { Scope, Waiting } from './entries.ts'
export type { Constraint, Position } from './keys.ts'
export { openBundleQueue } from './queue.ts'
export type {
  Acceptance,
  BundleQueue,
  BundleQueueDependencies,
  BundleQueueOptions,
  BundleUpdate,
  Handling,
  QueuedBundle,
  QueueState,
  QueueStatus,
  WaitingQuery,
} from './types.ts'
