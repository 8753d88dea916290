import { decodeCbor, encodeCbor, equalBytes, shape } from '../../core/index.ts'
import { type Certificate, MAX_CHAIN_LENGTH, parseChain } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_ISSUING_FILE_BYTES } from '../limits.ts'
import { type CaSettings, decodeSettings, encodeSettings } from './formats.ts'

/**
 * What the home of a root gives to an issuing CA, deterministic CBOR:
 *
 *     [1, [DER of the issuing CA's certificate, …, DER of the root], settings as the CA's database has them]
 *
 * No secret is in it, and nothing but the chain vouches for it: whoever installs it compares the root's fingerprint.
 */
export interface IssuingAnswer {
  readonly chain: readonly Uint8Array[]
  readonly settings: CaSettings
}

export function encodeIssuingAnswer({ chain, settings }: IssuingAnswer): Uint8Array {
  return encodeCbor([1, [...chain], encodeSettings(settings)])
}

/** @throws ENROLLMENT_ISSUING_ANSWER */
export function decodeIssuingAnswer(
  bytes: Uint8Array,
): IssuingAnswer & { readonly certificates: readonly Certificate[] } {
  try {
    const items = shape.array(decodeCbor(bytes, { maxBytes: MAX_ISSUING_FILE_BYTES }), 'answer', { min: 3, max: 3 })
    const [version, chain, settings] = items
    shape.oneOf(version, 'version', [1])
    const ders = shape
      .array(chain, 'chain', { min: 2, max: MAX_CHAIN_LENGTH - 1 })
      .map((der) => shape.bytes(der, 'certificate'))
    return { chain: ders, certificates: parseChain(ders), settings: decodeSettings(shape.bytes(settings, 'settings')) }
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_ISSUING_ANSWER', { cause })
  }
}

/** The key id by which a certificate's issuer is found is that of the next one. */
export function isLinked(chain: readonly Certificate[]): boolean {
  return chain.every((certificate, at) => {
    const issuer = chain[at + 1] ?? certificate
    return equalBytes(certificate.authorityKeyId, issuer.subjectKeyId) && issuer.basicConstraints?.ca === true
  })
}
