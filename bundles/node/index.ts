/**
 * The bundle protocol agent: what joins links, queue, routes and applications of a node. In: bundles from links, payloads
 * from applications. Out: bundles to neighbours, deliveries.
 */
export { BundleNode, type BundleNodeStatus } from './bundle-node.ts'
export type {
  Application,
  BundleNodeDependencies,
  BundleNodeOptions,
  ContactOutlook,
  ContactStatus,
  Delivery,
  Explanation,
  Outgoing,
  Sent,
} from './types.ts'
