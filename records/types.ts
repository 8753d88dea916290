import type { SigningKey } from '../crypto/index.ts'
import type { ValidPath } from './path/types.ts'

/** Record types by wire number. Append-only. */
export const RECORD_TYPES = {
  anomaly: 1,
  microblock: 2,
  seal: 3,
  checkpoint: 4,
  vote: 5,
  evidence: 6,
  revocation: 7,
  certificate: 8,
  directive: 9,
  'attestation-result': 10,
  delivery: 11,
} as const

export type RecordType = keyof typeof RECORD_TYPES

/** The signed fields of a record. */
export interface RecordContent {
  readonly type: RecordType
  /** node_id of the author. */
  readonly origin: string
  /** authorityKeyId of the author's certificate. */
  readonly issuerKeyId: Uint8Array
  /** Serial number of the author's certificate. */
  readonly serialNumber: Uint8Array
  /** Rises per (origin, type); gaps are legal. At most 2^53 − 1. */
  readonly sequence: number
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number
  readonly lifetimeMs: number
  /** Deterministic CBOR of the type's body. */
  readonly body: Uint8Array
}

/** One COSE_Signature of a record. */
export interface RecordSignature {
  readonly coseAlgorithm: number
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

/** A record that decoded strictly; nothing about it is verified yet. */
export interface DecodedRecord extends RecordContent {
  /** SHA-256 of dCBOR ["gapmesh-record-1", protected, payload]: independent of the signatures. */
  readonly id: Uint8Array
  /** The exact bytes. */
  readonly bytes: Uint8Array
  readonly signatures: readonly RecordSignature[]
}

/** A record whose body keeps the rules of its type: what `signRecord()` makes and what a store takes. */
export interface CheckedRecord extends DecodedRecord {
  /** What the type's body codec made of {@link body}: for `anomaly` an array of {@link AnomalySignature}. */
  readonly decodedBody: unknown
}

/** A record that passed every check of `verify()`. */
export interface VerifiedRecord extends CheckedRecord {
  readonly author: ValidPath
}

/** What an author signs with: both halves. */
export interface RecordSigner {
  readonly mesh: string
  readonly rootFingerprint: Uint8Array
  readonly identityKey: SigningKey
  readonly deviceKey: SigningKey
}

/** How bad: 1 info, 2 low, 3 medium, 4 high, 5 critical. */
export type Severity = 1 | 2 | 3 | 4 | 5

/** Keyed hashes of addresses (HMAC-SHA-256 under the pseudonym key of `epoch`); raw addresses never leave a node. */
export interface HashedAddresses {
  readonly epoch: number
  readonly source?: Uint8Array
  readonly destination?: Uint8Array
}

/** The unit of meaning: one thing a node saw. Hashes and risk indicators only. */
export interface AnomalySignature {
  /** Rule id such as `suricata:1:2001219` or `zeek:notice:SSL::Invalid_Server_Cert`, or the SHA-256 of an indicator. */
  readonly indicator: string | Uint8Array
  /** `ids_alert`, `zeek_notice`, `zeek_weird`, `mitigation`, `threat_intel`, `policy_update`. */
  readonly kind: string
  readonly severity: Severity
  /** Risk in per mille, 0 to 1000. */
  readonly score: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  /** Equal events folded into this one; at least 1. */
  readonly count: number
  readonly expiresAtMs: number
  /** Id of its microblock. */
  readonly blockId: Uint8Array
  readonly addresses?: HashedAddresses
}
