import { type Clock, type Locks, toHex } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { Occupant, QueueLoad } from '../quota.ts'
import type { ElapsedTime } from './elapsed-time.ts'
import type { Indexed, QueueEntries } from './entries.ts'
import type { PayloadFiles } from './payload-files.ts'
import type { BundleQueueOptions } from './types.ts'

/** What happened since the queue was opened. */
export interface QueueCounters {
  accepted: number
  refused: number
  evicted: number
  expired: number
}

/** What the parts of a queue share. */
export interface QueueParts {
  readonly options: Required<Omit<BundleQueueOptions, 'directory'>>
  readonly database: Database
  readonly entries: QueueEntries
  readonly files: PayloadFiles | undefined
  /** By bundle id, hexadecimal. */
  readonly locks: Locks
  /** What is on disk and what has room reserved. */
  readonly load: QueueLoad
  readonly time: ElapsedTime
  readonly clock: Clock
  readonly counters: QueueCounters
  readonly onError: (error: unknown) => void
}

/** The share of the queue that a queued bundle has. */
export function occupantOf({ priority, entry }: Indexed): Occupant {
  const { sizeBytes, peerHash } = entry
  return { priority, sizeBytes, peer: peerHash && toHex(peerHash) }
}
