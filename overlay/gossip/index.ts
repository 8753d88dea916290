/**
 * Live exchange over gossipsub: own records and chain heads go out, what peers send waits in bounded queues by priority
 * for the one verifying path, and the verdict decides whether it is passed on. What is dropped under load is left to
 * catch-up, never lost.
 */
export { Backlog } from './backlog.ts'
export { Gossip } from './gossip.ts'
export type { BoundedMessageCache } from './message-cache.ts'
export { createRouter, type FanOut, type GossipRouter } from './router.ts'
export { gossipFlows, outboundGossipStream, resetGossipStreams } from './streams.ts'
export { topicsOf } from './topics.ts'
export type { GossipCounters } from './types.ts'
export { GossipWatch } from './watch.ts'
