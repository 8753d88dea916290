/**
 * Catch-up: what gossip cannot carry, because it was said while a peer was away, or was lost under load.
 *
 * In: peers that connect and disconnect, streams that peers open, wishes for a catch-up. Out: chains, records and blocks
 * through the ports, and answers to peers. Each side only pulls; cost follows the difference (`digests.ts`).
 */
export { SYNC_PROTOCOL, Sync, type SyncCounters, type SyncDependencies, type SyncOptions } from './sync.ts'
