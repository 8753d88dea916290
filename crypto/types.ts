import type { KeyObject } from 'node:crypto'

/** Signature suites by name. The COSE number of each is in its {@link SignatureSuite}. */
export type SuiteName = 'ed25519' | 'ecdsa-p256' | 'ecdsa-p384' | 'ml-dsa-65' | 'ml-dsa-87'

/** Key encapsulation by name; the last two are ML-KEM with X25519, both shared secrets combined. */
export type KemName = 'ml-kem-768' | 'ml-kem-1024' | 'ml-kem-768-x25519' | 'ml-kem-1024-x25519'

/** Which halves of a hybrid signature count. `hybrid` needs both; an invalid half is always a refusal. */
export type SignaturePolicy = 'classical-only' | 'hybrid' | 'quantum-only'

/** What is fixed about a suite. */
export interface SignatureSuite {
  readonly name: SuiteName
  /** COSE algorithm number (RFC 9864 for the classical ones, RFC 9964 for ML-DSA). */
  readonly coseAlgorithm: number
  readonly half: 'classical' | 'post-quantum'
  /** Length of a signature in bytes. ECDSA here is r‖s (IEEE P1363), never DER. */
  readonly signatureBytes: number
}

/** A public key, imported once and checked to be of a known suite. */
export interface PublicKey {
  readonly suite: SignatureSuite
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** SHA-256 of {@link spki}: the COSE `kid`. */
  readonly keyId: Uint8Array
  /** For TLS and X.509. */
  readonly keyObject: KeyObject
}

/** A private key that signs, wherever it lives: keystore, TPM or token. */
export interface SigningKey {
  readonly publicKey: PublicKey
  /**
   * Signature over `message` on the thread pool; waits its turn when too many are in flight. The message must not be
   * changed before the promise settles.
   * @throws CRYPTO_BUSY when too many wait already
   */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** A private key held in memory, so that it can be wrapped by a keystore and handed to TLS. */
export interface SoftwareSigningKey extends SigningKey {
  readonly keyObject: KeyObject
  /** PKCS#8 DER. The caller wipes it after use. */
  exportPrivate(): Uint8Array
}

/** Signatures, by native code or portable JavaScript: one conformance suite, same bytes in and out. */
export interface SignatureProvider {
  readonly implementation: 'native' | 'portable'
  generate(suite: SuiteName): Promise<SoftwareSigningKey>
  /** @throws CRYPTO_KEY_MALFORMED, CRYPTO_SUITE_UNKNOWN */
  importPrivate(pkcs8: Uint8Array): SoftwareSigningKey
  /** @throws CRYPTO_KEY_MALFORMED, CRYPTO_SUITE_UNKNOWN */
  importPublic(spki: Uint8Array): PublicKey
  /**
   * True when `signature` is valid; false for anything else, wrong lengths included. On the thread pool.
   * @throws CRYPTO_BUSY when too many wait already: nothing is known of the signature then
   */
  verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** A public key of a KEM that somebody else can encapsulate to. */
export interface KemPublicKey {
  readonly kem: KemName
  /** Raw bytes: the ML-KEM encapsulation key, then the X25519 public key in hybrids. */
  readonly bytes: Uint8Array
  /** A fresh shared secret and the ciphertext that carries it to the holder of the private key. */
  encapsulate(): Promise<Encapsulation>
}

/** What {@link KemPublicKey.encapsulate} yields. */
export interface Encapsulation {
  readonly ciphertext: Uint8Array
  /** 32 bytes. The caller wipes it after use. */
  readonly sharedSecret: Uint8Array
}

/** A private key of a KEM, held in memory. */
export interface KemPrivateKey {
  readonly publicKey: KemPublicKey
  /**
   * The shared secret (32 bytes) of a ciphertext; an altered ciphertext of the right length yields another secret
   * (FIPS 203 implicit rejection), not an error. The caller wipes it after use.
   * @throws CRYPTO_KEM_MALFORMED when the length is wrong or the X25519 part is of low order
   */
  decapsulate(ciphertext: Uint8Array): Promise<Uint8Array>
  /** Seeds: 64 bytes of ML-KEM (d‖z), then the X25519 private key (32) in hybrids. The caller wipes it after use. */
  exportPrivate(): Uint8Array
}

/** Key encapsulation, by native code or portable JavaScript: one conformance suite, same bytes in and out. */
export interface KemProvider {
  readonly implementation: 'native' | 'portable'
  generate(kem: KemName): Promise<KemPrivateKey>
  /** @throws CRYPTO_KEM_MALFORMED */
  importPrivate(kem: KemName, bytes: Uint8Array): KemPrivateKey
  /** @throws CRYPTO_KEM_MALFORMED */
  importPublic(kem: KemName, bytes: Uint8Array): KemPublicKey
}

/** AES-256-GCM under one 256-bit key, for what lies on disk. The stored form is [nonce 12][ciphertext][tag 16]. */
export interface Sealer {
  /** `context` is authenticated, not stored: a value sealed in one place does not open in another. */
  seal(plaintext: Uint8Array, context: Uint8Array): Uint8Array
  /** @throws CRYPTO_SEAL_BROKEN when the bytes, the key or the context differ */
  open(sealed: Uint8Array, context: Uint8Array): Uint8Array
}
