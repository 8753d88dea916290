import { CRYPTO_ERRORS } from './errors.ts'
import type { SignaturePolicy, SignatureSuite } from './types.ts'

type SignatureHalf = SignatureSuite['half']

const REQUIRED: Readonly<Record<SignaturePolicy, readonly SignatureHalf[]>> = {
  'classical-only': ['classical'],
  hybrid: ['classical', 'post-quantum'],
  'quantum-only': ['post-quantum'],
}

/** True when `policy` is one that this version knows. */
export function isSignaturePolicy(policy: unknown): policy is SignaturePolicy {
  return typeof policy === 'string' && Object.hasOwn(REQUIRED, policy)
}

/**
 * The halves that a signer must produce and a verifier must find under `policy`.
 * @throws CRYPTO_POLICY_UNKNOWN
 */
export function requiredHalves(policy: SignaturePolicy): readonly SignatureHalf[] {
  if (!isSignaturePolicy(policy)) throw CRYPTO_ERRORS.create('CRYPTO_POLICY_UNKNOWN')
  return REQUIRED[policy]
}
