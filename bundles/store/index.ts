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
export { openBundleQueue } from './queue.ts'
export type {
  Acceptance,
  BundleQueue,
  BundleQueueDependencies,
  BundleQueueOptions,
  QueuedBundle,
} from './types.ts'
