/** Native operations under way at once in one provider: more only lengthen the event loop's pauses, the pool has few threads. */
export const DEFAULT_MAX_IN_FLIGHT = 8

/** Operations that wait for their turn in one provider before CRYPTO_BUSY. About 0.2 s of work on two cores. */
export const DEFAULT_MAX_WAITING = 1024

/** Longest encoded key that import looks at, in bytes; the longest known one is an ML-DSA-87 public key of 2,614 bytes. */
export const MAX_ENCODED_KEY_BYTES = 4096

/** Most values sealed under one key: with random 96-bit nonces the bound of NIST SP 800-38D §8.3. */
export const MAX_SEALS_PER_KEY = 2 ** 32

/** Longest plaintext of one sealed value, in bytes. */
export const MAX_SEAL_PLAINTEXT_BYTES = 64 * 1024 * 1024

/** Longest context of one sealed value, in bytes. */
export const MAX_SEAL_CONTEXT_BYTES = 64 * 1024

/** Longest output of HKDF-SHA-384, in bytes (RFC 5869 §2.3: 255 hash lengths). */
export const MAX_HKDF_BYTES = 255 * 48

/** Most files that one keystore holds. */
export const MAX_KEYSTORE_KEYS = 256

/** Largest keystore file that is read, in bytes; a larger one is refused before a byte of it is looked at. */
export const MAX_KEYSTORE_FILE_BYTES = 16 * 1024

/** Longest secret that a keystore wraps, in bytes. */
export const MAX_SECRET_BYTES = 8 * 1024

/** Longest passphrase in bytes of UTF-8. */
export const MAX_PASSPHRASE_BYTES = 1024

/** Bounds on the scrypt cost that a keystore header may ask for, checked before a single block is computed. */
export const SCRYPT_BOUNDS = {
  log2N: { min: 10, max: 20 },
  r: { min: 1, max: 16 },
  p: { min: 1, max: 4 },
  /** 128 · N · r, the memory that scrypt fills. */
  maxMemoryBytes: 512 * 1024 * 1024,
} as const
