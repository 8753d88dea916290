/**
 * How a node becomes a member: tokens, certificate requests that prove three keys, certificates with two signatures.
 * Everything here is pure; revocation lists are in `enrollment/crl/`, the CA on disk in `enrollment/store/`, the HTTPS endpoint
 * and its client in `enrollment/api/`.
 */
export {
  type Actor,
  type AuditEntry,
  type AuditEvent,
  auditEntry,
  decodeAudit,
  LOCAL_ACTOR,
  POLICY_ACTOR,
  verifyAudit,
} from './audit.ts'
export { type AuthorityKeys, type CertificateContent, encodeName, writeCertificate } from './certificate-writer.ts'
export {
  type Authority,
  type CertifiedKeys,
  type IssueTimes,
  issueCrossRoot,
  issueIssuingCa,
  issueNodeCertificate,
  issueOperatorCertificate,
  issueRoot,
  issueServerCertificate,
  type MemberKeys,
  type NodeCertificateOptions,
} from './certificates.ts'
export {
  buildCsr,
  buildMemberCsr,
  type Csr,
  type MemberCsr,
  parseCsr,
  parseMemberCsr,
  type RequestKeys,
} from './csr.ts'
export { type VerifiedCsr, type VerifiedMemberCsr, verifyCsr, verifyMemberCsr } from './csr-proof.ts'
export { ENROLLMENT_ERRORS } from './errors.ts'
export { overlayPublicKey, signOverlayKey } from './overlay-key.ts'
export { decodePem, encodePem } from './pem.ts'
export { DEFAULT_POLICY, type EnrollmentPolicy } from './policy.ts'
export { decodeToken, encodeToken, makeToken, type Token, tokenId } from './token.ts'
export type {
  EnrollmentAnswer,
  EnrollmentRequest,
  MeshConfig,
  MeshSettings,
  PseudonymKey,
  TokenTerms,
} from './types.ts'
