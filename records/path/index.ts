/**
 * Certificates and paths. DER goes in through {@link parseCertificate} or {@link parseChain}, which read strictly and
 * verify nothing; {@link validatePath} decides whether a path holds at a given time and gives back who the leaf is.
 * Pure: no clock, no disk, no network. The DER reader and writer serve requests and revocation lists too.
 */
export {
  ALTERNATIVE_SUITES,
  DEVICE_SUITES,
  encodeSpki,
  MAIN_SUITES,
  readSpki,
  signatureAlgorithm,
  signatureFromX509,
  signatureToX509,
  suiteOfSignature,
  suiteOfSpki,
} from './algorithms.ts'
export { parseCertificate, parseChain, readName } from './certificate.ts'
export { checkSetOrder, contextTag, type DerElement, DerReader, readDer, TAG } from './der.ts'
export {
  der,
  derBitString,
  derNamedBits,
  derOid,
  derSequence,
  derSetOf,
  derText,
  derTime,
  derTrue,
  derUnsigned,
} from './der-writer.ts'
export { PATH_ERRORS } from './errors.ts'
export {
  KEY_USAGE_BITS,
  type KeyUsage,
  type RawExtension,
  ROLES,
  readSignedKey,
  signedKeyMessage,
  splitExtensions,
} from './extensions.ts'
export { MAX_CERTIFICATE_BYTES, MAX_CHAIN_LENGTH } from './limits.ts'
export { type MemberNames, memberLabel, memberNames } from './names.ts'
export { OID } from './oids.ts'
export { type Issued, overlayKeyHolds, PathCache, verifyIssued } from './signatures.ts'
export type { Certificate, PathPolicy, Revocation, RevocationView, Role, ValidPath } from './types.ts'
export { noRevocations, type PathDependencies, type PathInput, validatePath } from './validate.ts'
