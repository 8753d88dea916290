import { RECORD_TYPES, type RecordType } from '../../records/index.ts'

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

/** All topics of `mesh`, by topic. */
export function topicsOf(mesh: string): ReadonlyMap<string, RecordType> {
  const types = Object.keys(RECORD_TYPES) as RecordType[]
  return new Map(types.map((type) => [topicOf(mesh, type), type]))
}
