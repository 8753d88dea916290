import { CborReader, encodeCbor } from '../../core/index.ts'
import { numberFromBytes, numberToBytes } from '../crl/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_APPLIED_DELTAS, MAX_CRL_BYTES, MAX_CRL_NUMBER_BYTES, MAX_HELD_DELTAS } from '../limits.ts'

/**
 * State of the lists of one CA in a node's database, deterministic CBOR:
 *
 *     [1, highest number applied (bytes, big-endian, no leading zero) or null, [[role, SHA-256 of the DER, size], …]]
 *
 * Roles: 0 full (at most one, first), 1 delta (in the order in which they were applied), 2 held.
 */
export interface ListState {
  readonly number: bigint | undefined
  readonly lists: readonly StoredList[]
}

/** One list of a state. */
export interface StoredList {
  readonly role: 'full' | 'delta' | 'held'
  /** SHA-256 of the DER. */
  readonly hash: Uint8Array
  readonly sizeBytes: number
}

const VERSION = 1
const ROLES = ['full', 'delta', 'held'] as const
const MAX_LISTS = 1 + MAX_APPLIED_DELTAS + MAX_HELD_DELTAS

export function encodeListState({ number, lists }: ListState): Uint8Array {
  return encodeCbor([
    VERSION,
    number === undefined ? null : numberToBytes(number),
    lists.map(({ role, hash, sizeBytes }) => [ROLES.indexOf(role), hash, sizeBytes]),
  ])
}

/** @throws ENROLLMENT_LISTS_DAMAGED */
export function decodeListState(bytes: Uint8Array): ListState {
  const reader = new CborReader(bytes, (detail) => ENROLLMENT_ERRORS.create('ENROLLMENT_LISTS_DAMAGED', { detail }))
  reader.array('state', { min: 3, max: 3 })
  reader.uint('version', { min: VERSION, max: VERSION })
  const number = readNumber(reader)
  const count = reader.array('lists', { max: MAX_LISTS })
  const lists = Array.from({ length: count }, () => readList(reader))
  reader.end('end of the state')
  return { number, lists }
}

function readNumber(reader: CborReader): bigint | undefined {
  if (reader.next !== 'simple') return numberFromBytes(reader.bytes('number', { max: MAX_CRL_NUMBER_BYTES }))
  if (reader.simple('number') === null) return undefined
  throw ENROLLMENT_ERRORS.create('ENROLLMENT_LISTS_DAMAGED', { detail: 'number' })
}

function readList(reader: CborReader): StoredList {
  reader.array('list', { min: 3, max: 3 })
  const role = ROLES[reader.uint('role', { max: ROLES.length - 1 })] ?? 'held'
  const hash = reader.bytes('hash', { min: 32, max: 32 })
  return { role, hash, sizeBytes: reader.uint('size', { min: 1, max: MAX_CRL_BYTES }) }
}
