import { equalBytes } from '../../core/index.ts'
import type { SignaturePolicy, SignatureProvider } from '../../crypto/index.ts'
import { type Certificate, PATH_ERRORS, verifyIssued } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { RevocationList } from './types.ts'

/**
 * Verifies that the CA with `issuer` has issued `list`. Whether that certificate holds is the caller's to know: it comes
 * from a valid path.
 * @throws ENROLLMENT_CRL_ISSUER, ENROLLMENT_CRL_HALF_MISSING, ENROLLMENT_CRL_SIGNATURE; CRYPTO_BUSY
 */
export async function verifyCrl(
  list: RevocationList,
  issuer: Certificate,
  { provider, signaturePolicy }: { provider: SignatureProvider; signaturePolicy: SignaturePolicy },
): Promise<void> {
  const isIssuer =
    equalBytes(list.issuerName, issuer.subjectName) && equalBytes(list.authorityKeyId, issuer.subjectKeyId)
  const maySign = issuer.basicConstraints?.ca === true && issuer.keyUsage?.has('cRLSign') === true
  if (!isIssuer || !maySign) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_ISSUER')
  const bothHalves = list.altSignature !== undefined && issuer.altSpki !== undefined
  if (!bothHalves && signaturePolicy !== 'quantum-only') throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_HALF_MISSING')
  try {
    await verifyIssued(list, issuer, provider)
  } catch (cause) {
    if (!PATH_ERRORS.matches(cause)) throw cause
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_SIGNATURE', { cause })
  }
}
