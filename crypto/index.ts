/**
 * Signatures, key encapsulation, key derivation and sealed values behind small interfaces.
 *
 * In: keys as SPKI or PKCS#8 bytes, messages as bytes. Out: signatures of fixed length, verdicts, sealed bytes.
 * Everything here runs on Node's OpenSSL; `crypto/portable/` has the same interfaces in plain JavaScript (a process
 * that does not import it does not load it), `crypto/store/` keeps keys on disk.
 */
export { CRYPTO_ERRORS } from './errors.ts'
export type { GateOptions } from './gate.ts'
export { equalSecrets, type HkdfInput, hkdfSha384, hmacSha256, sha256 } from './hash.ts'
export { SHARED_SECRET_BYTES } from './kem-format.ts'
export { createNativeProvider, type NativeProvider, type NativeProviderOptions } from './native.ts'
export { createNativeKemProvider } from './native-kem.ts'
export { isSignaturePolicy, requiredHalves } from './policy.ts'
export { createSealer, SEAL_KEY_BYTES, SEAL_OVERHEAD_BYTES } from './sealer.ts'
export { wipe, withSecret } from './secrets.ts'
export { SUITES, suiteByCoseAlgorithm, suiteByName } from './suites.ts'
export type {
  Encapsulation,
  KemName,
  KemPrivateKey,
  KemProvider,
  KemPublicKey,
  PublicKey,
  Sealer,
  SignaturePolicy,
  SignatureProvider,
  SignatureSuite,
  SigningKey,
  SoftwareSigningKey,
  SuiteName,
} from './types.ts'
