import type { Clock, Logger } from '../../core/index.ts'
import type { RecordType } from '../../records/index.ts'
import type { Peer } from '../peers.ts'
import type { ChainPort, ChainWant, RecordPort } from '../ports.ts'
import type { RecordFilter } from '../record-filter.ts'
import type { Backlog } from './backlog.ts'
import type { BoundedMessageCache } from './message-cache.ts'
import type { FanOut, GossipRouter } from './router.ts'

export interface GossipOptions {
  readonly mesh: string
  /** Topics listened to, with the type that each carries. */
  readonly topics: ReadonlyMap<string, RecordType>
  readonly fanOut: FanOut
  /** Messages verified at a time. */
  readonly concurrency: number
  /** Messages that waited longer are left to catch-up, in milliseconds. */
  readonly maxAgeMs: number
  /** Heads announced within this time travel together, in milliseconds. */
  readonly announceWindowMs: number
}

/** What gossip asks of catch-up, so that nothing it drops is lost. */
export interface Recovery {
  schedule(peerKey: string, delayMs: number): void
  hint(peerKey: string): void
  hintAll(exceptKey?: string): void
  fetchBlocks(peerKey: string, want: ChainWant): Promise<boolean>
}

export interface GossipDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  readonly filter: Pick<RecordFilter, 'allows'>
  readonly router: GossipRouter
  readonly cache: BoundedMessageCache
  readonly backlog: Backlog
  readonly recovery: Recovery
  peerOf(peerKey: string): Peer | undefined
  peers(): readonly Peer[]
  /** Closes the connections with a peer. */
  hangUp(peerKey: string): void
}

/** What gossip did since the start. */
export interface GossipCounters {
  received: number
  accepted: number
  /** Held already, or a head that is no news. */
  duplicates: number
  ignored: number
  rejected: number
  /** Messages left to catch-up because their queue was full. */
  overflowed: number
  /** Messages left to catch-up because they waited too long. */
  expired: number
  /** Messages whose verdict came after gossipsub had dropped them; peers were told to compare. */
  late: number
  /** Exceptions of the record or ledger side. */
  portFailures: number
  /** Messages that were not verified because their sender was over its budget of ignored ones. */
  unheard: number
  /** Times a peer went over that budget, and connections closed because it went on. */
  overBudget: number
  hungUp: number
  published: number
  /** Own messages that some connected peer was not sent; it was told to compare. */
  publishShortfalls: number
}

/** Counters at the start. */
export function noCounts(): GossipCounters {
  return {
    received: 0,
    accepted: 0,
    duplicates: 0,
    ignored: 0,
    rejected: 0,
    overflowed: 0,
    expired: 0,
    late: 0,
    portFailures: 0,
    unheard: 0,
    overBudget: 0,
    hungUp: 0,
    published: 0,
    publishShortfalls: 0,
  }
}
