import { RECORD_BODIES, type RecordType } from '../../records/index.ts'

/** Order of verification when messages wait: 0 goes first. */
export type Priority = 0 | 1 | 2 | 3

/** Number of priorities: revocation, vote, anomaly, microblock. */
export const PRIORITIES = 4

const PRIORITY: Record<RecordType, Priority> = {
  revocation: 0,
  directive: 0,
  vote: 1,
  checkpoint: 1,
  certificate: 1,
  evidence: 1,
  anomaly: 2,
  seal: 2,
  'attestation-result': 2,
  delivery: 2,
  microblock: 3,
}

/** The priority at which messages of `type` are verified. */
export function priorityOf(type: RecordType): Priority {
  return PRIORITY[type]
}

/** Gossip topic of records of `type` in `mesh`. */
export function topicOf(mesh: string, type: RecordType): string {
  return `/dadm-mesh/${mesh}/${type}/1`
}

/**
 * Topics of `mesh` that a node listens to: of the record types that it can judge, and of announcements. Whatever came on
 * another one could only fill a queue.
 * @param types default: those of the record room
 */
export function topicsOf(mesh: string, types?: readonly RecordType[]): ReadonlyMap<string, RecordType> {
  const known = new Set(types ?? (Object.keys(RECORD_BODIES) as RecordType[]))
  return new Map([...known, 'microblock' as const].map((type) => [topicOf(mesh, type), type]))
}
