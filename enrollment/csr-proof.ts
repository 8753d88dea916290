import type { PublicKey, SignatureProvider } from '../crypto/index.ts'
import { overlayKeyHolds, PATH_ERRORS } from '../records/path/index.ts'
import type { Csr, MemberCsr } from './csr.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'

/** The keys of a request, all of which have proven possession. */
export interface VerifiedCsr extends VerifiedMemberCsr, Pick<Csr, 'overlayKey'> {}

/** The keys of a request without an overlay key, both of which have proven possession. */
export interface VerifiedMemberCsr extends Pick<MemberCsr, 'spki' | 'altSpki'> {
  readonly identityKey: PublicKey
  readonly deviceKey: PublicKey
}

/**
 * Verifies the three proofs of possession.
 * @throws ENROLLMENT_CSR_PROOF with `key` in its metadata: `identity`, `device` or `overlay`
 */
export async function verifyCsr(csr: Csr, provider: SignatureProvider): Promise<VerifiedCsr> {
  const verified = await verifyMemberCsr(csr, provider)
  if (!(await overlayHolds(csr, provider))) throw proof('overlay')
  return { ...verified, overlayKey: csr.overlayKey }
}

/**
 * Verifies the two proofs of possession of a request without an overlay key.
 * @throws ENROLLMENT_CSR_PROOF with `key` in its metadata: `identity` or `device`
 */
export async function verifyMemberCsr(csr: MemberCsr, provider: SignatureProvider): Promise<VerifiedMemberCsr> {
  const identityKey = importKey(provider, csr.spki, 'identity')
  const deviceKey = importKey(provider, csr.altSpki, 'device')
  if (!(await provider.verify(identityKey, csr.info, csr.signature))) throw proof('identity')
  if (!(await provider.verify(deviceKey, csr.altInfo, csr.altSignature))) throw proof('device')
  return { spki: csr.spki, altSpki: csr.altSpki, identityKey, deviceKey }
}

async function overlayHolds(csr: Csr, provider: SignatureProvider): Promise<boolean> {
  try {
    return await overlayKeyHolds(csr, provider)
  } catch (cause) {
    if (!PATH_ERRORS.matches(cause)) throw cause
    throw proof('overlay', cause)
  }
}

function importKey(provider: SignatureProvider, spki: Uint8Array, key: string): PublicKey {
  try {
    return provider.importPublic(spki)
  } catch (cause) {
    throw proof(key, cause)
  }
}

function proof(key: string, cause?: unknown) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_PROOF', { metadata: { key }, cause })
}
