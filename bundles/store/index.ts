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
export {
  type Acceptance,
  type BundleQueue,
  type BundleQueueDependencies,
  type BundleQueueOptions,
  openBundleQueue,
  type QueuedBundle,
} from './queue.ts'
