import type { GapmeshError } from '../core/index.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import type { SignaturePolicy, SignatureSuite } from './types.ts'

/** One half of a hybrid signature. */
export type SignatureHalf = SignatureSuite['half']

/** What is known of one half: `unknown` when it is there but its algorithm is not one of ours. */
export type HalfState = 'absent' | 'valid' | 'invalid' | 'unknown'

/** What is known of both halves. */
export type HalfStates = Readonly<Record<SignatureHalf, HalfState>>

/** A policy's verdict on a pair of halves. */
export type SignatureDecision = { readonly ok: true } | { readonly ok: false; readonly refusal: GapmeshError }

const REQUIRED: Readonly<Record<SignaturePolicy, readonly SignatureHalf[]>> = {
  'classical-only': ['classical'],
  hybrid: ['classical', 'post-quantum'],
  'quantum-only': ['post-quantum'],
}

const HALVES: readonly SignatureHalf[] = ['classical', 'post-quantum']

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

/**
 * Judges what was found of both halves. Every half that is there counts, also one that the policy does not require:
 * an invalid one is refused first, then an unknown one, then a required one that is absent. Two valid halves satisfy
 * every policy. Refusals: CRYPTO_POLICY_UNKNOWN, CRYPTO_SIGNATURE_INVALID, CRYPTO_SUITE_UNKNOWN,
 * CRYPTO_SIGNATURE_MISSING, each naming the half in its metadata.
 */
export function judgeHalves(policy: SignaturePolicy, halves: HalfStates): SignatureDecision {
  if (!isSignaturePolicy(policy)) return { ok: false, refusal: CRYPTO_ERRORS.create('CRYPTO_POLICY_UNKNOWN') }
  const invalid = HALVES.find((half) => halves[half] === 'invalid')
  if (invalid !== undefined) return refuse('CRYPTO_SIGNATURE_INVALID', invalid)
  const unknown = HALVES.find((half) => halves[half] === 'unknown')
  if (unknown !== undefined) return refuse('CRYPTO_SUITE_UNKNOWN', unknown)
  const missing = REQUIRED[policy].find((half) => halves[half] !== 'valid')
  if (missing !== undefined) return refuse('CRYPTO_SIGNATURE_MISSING', missing)
  return { ok: true }
}

function refuse(code: Parameters<typeof CRYPTO_ERRORS.create>[0], half: SignatureHalf): SignatureDecision {
  return { ok: false, refusal: CRYPTO_ERRORS.create(code, { detail: half, metadata: { half } }) }
}
