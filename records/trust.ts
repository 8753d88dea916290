import type { SignaturePolicy } from '../crypto/index.ts'
import type { Certificate, RevocationView } from './path/index.ts'
import type { RecordType } from './types.ts'

/** Newest record held of one (origin, type). */
export interface OriginHead {
  readonly sequence: number
  readonly createdAtMs: number
}

/** What a node knows and believes when it judges a record. Look-ups only; nothing here changes by being asked. */
export interface RecordTrust {
  readonly mesh: string
  /** SHA-256 of the root certificate's DER. */
  readonly rootFingerprint: Uint8Array
  /** The root certificate, where chains are kept without it. */
  readonly root?: Certificate | undefined
  readonly revocations: RevocationView
  /** The mesh's signature policy at a time in milliseconds since the Unix epoch. */
  policyAt(createdAtMs: number): SignaturePolicy
  /** The record with the highest sequence that is held of an origin and type, if any ever was. */
  headOf(origin: string, type: RecordType): OriginHead | undefined
  /** True when a record with this id and creation time is held. */
  isDuplicate(id: Uint8Array, createdAtMs: number): boolean
  /** The certificate with this issuer and serial number and those above it, leaf first; undefined when not known. */
  chainFor(
    issuerKeyId: Uint8Array,
    serialNumber: Uint8Array,
  ): readonly Certificate[] | undefined | Promise<readonly Certificate[] | undefined>
}
