import type { Issued } from '../../records/path/index.ts'
import type { RevokedEntries } from './entries.ts'

/** `full`: all revocations of a CA. `delta`: what changed since a full list of at least the base number. */
export type ListKind = 'full' | 'delta'

/** Which pseudonym key is in use, without the key. */
export interface PseudonymCommitment {
  readonly epoch: number
  /** SHA-256 of the key. */
  readonly keyHash: Uint8Array
}

/** What a revocation list says of itself. Times are whole seconds, in milliseconds since the Unix epoch. */
export interface ListFacts {
  readonly kind: ListKind
  /** Subject key id of the CA, 32 bytes. */
  readonly authorityKeyId: Uint8Array
  /** CRLNumber, below 2^159; one sequence for both kinds. */
  readonly number: bigint
  /** BaseCRLNumber of a delta: it applies to the state of every list from this number on, up to below its own. */
  readonly baseNumber: bigint | undefined
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  readonly pseudonym: PseudonymCommitment | undefined
  /** SHA-256 of the DER. */
  readonly hash: Uint8Array
  /** Length of the DER in bytes. */
  readonly sizeBytes: number
}

/** A revocation list as read from DER by our own strict parser; nothing here has been verified yet. */
export interface RevocationList extends ListFacts, Issued {
  readonly der: Uint8Array
  /** DER of the Name. */
  readonly issuerName: Uint8Array
  readonly entries: RevokedEntries
}
