/**
 * The signed record: what a node says, in a form that every other node of its mesh can check by itself.
 *
 * In: content and keys through {@link signRecord}, bytes from any road through {@link verify}, which knows the mesh only
 * by the {@link RecordTrust} it is handed. Out: a {@link VerifiedRecord}, or an error of {@link RECORDS_ERRORS} whose
 * `action` says what the sender deserves. Pure: keys, clock and look-ups are given. What was verified is kept by
 * `records/store/`; certificates and their paths are read and judged in `records/path/`.
 */
export { hashAddress, type Pseudonym, parseAddress } from './address.ts'
export { decodeAnomalyBody, encodeAnomalyBody } from './anomaly.ts'
export { RECORD_BODIES, type RecordBodies } from './bodies.ts'
export { decodeCertificateBody, encodeCertificateBody } from './certificate-body.ts'
export {
  type CoseFrame,
  externalAad,
  type NodeKeys,
  readCoseSign,
  signatureHolds,
  signedItems,
  signItems,
  writeCoseSign,
} from './cose.ts'
export {
  type Directive,
  decodeDirective,
  encodeDirective,
  type RevokeDirective,
  type RotateDirective,
} from './directive.ts'
export { RECORDS_ERRORS, refusesContent } from './errors.ts'
export {
  MAX_ANOMALY_SIGNATURES,
  MAX_CREATION_AHEAD_MS,
  MAX_EVENT_COUNT,
  MAX_INDICATOR_CHARACTERS,
  MAX_KIND_CHARACTERS,
  MAX_LIFETIME_MS,
  MAX_PSEUDONYM_EPOCH,
  MAX_RECORD_BYTES,
  MAX_REFUSED_IDS,
  MAX_SCORE,
  MAX_TIME_MS,
} from './limits.ts'
export type { Certificate, Revocation, RevocationView, Role, ValidPath } from './path/types.ts'
export { decodeRecord, encodeRecord, expiryOf, isLedgerType } from './record.ts'
export { type SignOptions, signRecord } from './sign.ts'
export type { OriginHead, RecordTrust } from './trust.ts'
export {
  type AnomalySignature,
  type CheckedRecord,
  type DecodedRecord,
  type HashedAddresses,
  RECORD_TYPES,
  type RecordContent,
  type RecordSignature,
  type RecordSigner,
  type RecordType,
  type Severity,
  type VerifiedRecord,
} from './types.ts'
export { type VerifyDependencies, type VerifyInput, verify } from './verify.ts'
