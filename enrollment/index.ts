/**
 * How a node becomes a member: tokens, certificate requests that prove three keys, certificates with two signatures.
 * Everything here is pure; the CA on disk is in `enrollment/store/`, the HTTPS endpoint and its client in `enrollment/api/`.
 */
export { type AuthorityKeys, type CertificateContent, encodeName, writeCertificate } from './certificate-writer.ts'
export {
  type Authority,
  type IssueTimes,
  issueIssuingCa,
  issueNodeCertificate,
  issueRoot,
  issueServerCertificate,
  type MemberKeys,
  type NodeCertificateOptions,
} from './certificates.ts'
export { buildCsr, type Csr, parseCsr, type RequestKeys, type VerifiedCsr, verifyCsr } from './csr.ts'
export { ENROLLMENT_ERRORS } from './errors.ts'
export { overlayPublicKey, signOverlayKey } from './overlay-key.ts'
export { decodePem, encodePem } from './pem.ts'
export { decodeToken, encodeToken, makeToken, type Token, tokenId } from './token.ts'
export type {
  EnrollmentAnswer,
  EnrollmentRequest,
  MeshConfig,
  MeshSettings,
  PseudonymKey,
  TokenTerms,
} from './types.ts'
