import { CRYPTO_ERRORS } from './errors.ts'
import type { SignatureSuite, SuiteName } from './types.ts'

/** The signature suites. COSE numbers: RFC 9864 (Ed25519, ESP256, ESP384), RFC 9964 (ML-DSA); lengths: RFC 8032, FIPS 186-5, FIPS 204. */
export const SUITES: Readonly<Record<SuiteName, SignatureSuite>> = Object.freeze({
  ed25519: suite({ name: 'ed25519', coseAlgorithm: -19, half: 'classical', signatureBytes: 64 }),
  'ecdsa-p256': suite({ name: 'ecdsa-p256', coseAlgorithm: -9, half: 'classical', signatureBytes: 64 }),
  'ecdsa-p384': suite({ name: 'ecdsa-p384', coseAlgorithm: -51, half: 'classical', signatureBytes: 96 }),
  'ml-dsa-65': suite({ name: 'ml-dsa-65', coseAlgorithm: -49, half: 'post-quantum', signatureBytes: 3309 }),
  'ml-dsa-87': suite({ name: 'ml-dsa-87', coseAlgorithm: -50, half: 'post-quantum', signatureBytes: 4627 }),
})

function suite(fixed: SignatureSuite): SignatureSuite {
  return Object.freeze(fixed)
}

/**
 * The suite called `name`.
 * @throws CRYPTO_SUITE_UNKNOWN
 */
export function suiteByName(name: string): SignatureSuite {
  if (!Object.hasOwn(SUITES, name)) throw CRYPTO_ERRORS.create('CRYPTO_SUITE_UNKNOWN')
  return SUITES[name as SuiteName]
}

/** The suite with a COSE algorithm number, or undefined when no suite has it. */
export function suiteByCoseAlgorithm(coseAlgorithm: number): SignatureSuite | undefined {
  return Object.values(SUITES).find((candidate) => candidate.coseAlgorithm === coseAlgorithm)
}
