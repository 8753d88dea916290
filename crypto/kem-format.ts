/**
 * Codec of key encapsulation. Every length is fixed by the KEM's name:
 *
 * ```
 *                      public key           private key           ciphertext          shared secret
 * ml-kem-768           [ek 1184]            [seed d‖z 64]         [ct 1088]           32
 * ml-kem-1024          [ek 1568]            [seed d‖z 64]         [ct 1568]           32
 * ml-kem-768-x25519    [ek 1184][pk 32]     [seed 64][sk 32]      [ct 1088][eph 32]   32, combined
 * ml-kem-1024-x25519   [ek 1568][pk 32]     [seed 64][sk 32]      [ct 1568][eph 32]   32, combined
 * ```
 *
 * Combined secret = HKDF-SHA-384(IKM, no salt, info, 32 bytes) with
 *
 * ```
 * IKM  = [ML-KEM secret 32][X25519 secret 32][ML-KEM ct][X25519 eph 32][ML-KEM ek][X25519 pk 32]
 * info = "gapmesh-kem-1 " + the KEM's name
 * ```
 *
 * The order is that of X-Wing (draft-connolly-cfrg-xwing-kem) and draft-ietf-lamps-pq-composite-kem: secrets, then
 * classical ciphertext and key, then a label. What differs: HKDF-SHA-384, the project's one KDF, in place of SHA3-256;
 * and the ML-KEM ciphertext and key are bound too, so that nothing rests on ML-KEM's own binding properties. It is
 * therefore not interoperable with either. Sources: FIPS 203, RFC 7748, RFC 5869.
 */
import { concatBytes, utf8 } from '../core/index.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import { hkdfSha384 } from './hash.ts'
import { wipe } from './secrets.ts'
import type { KemName } from './types.ts'

/** Parameter sets of ML-KEM in use (FIPS 203 §8). */
export type MlKemName = 'ml-kem-768' | 'ml-kem-1024'

/** Bytes of an ML-KEM part and, in hybrids, an X25519 part. Views where they were split. */
export interface KemParts {
  readonly mlKem: Uint8Array
  readonly x25519: Uint8Array | undefined
}

/** What goes into a shared secret. */
export interface SharedSecretInput {
  /** Both wiped by the call. */
  readonly secrets: KemParts
  readonly ciphertext: Uint8Array
  readonly publicKey: Uint8Array
}

/** Length of every shared secret. */
export const SHARED_SECRET_BYTES = 32

const SEED_BYTES = 64
const X25519_BYTES = 32

/** Lengths of the ML-KEM parts in bytes. */
const ML_KEM_BYTES = {
  'ml-kem-768': { encapsulationKey: 1184, ciphertext: 1088 },
  'ml-kem-1024': { encapsulationKey: 1568, ciphertext: 1568 },
} as const

/** What is fixed about a KEM. Splitting fails with CRYPTO_KEM_MALFORMED when the length is wrong. */
export class KemForm {
  readonly kem: KemName
  readonly mlKem: MlKemName
  readonly hybrid: boolean

  constructor(kem: KemName, mlKem: MlKemName) {
    this.kem = kem
    this.mlKem = mlKem
    this.hybrid = kem !== mlKem
  }

  splitPublicKey(bytes: Uint8Array): KemParts {
    return this.#split(bytes, ML_KEM_BYTES[this.mlKem].encapsulationKey)
  }

  splitPrivateKey(bytes: Uint8Array): KemParts {
    return this.#split(bytes, SEED_BYTES)
  }

  splitCiphertext(bytes: Uint8Array): KemParts {
    return this.#split(bytes, ML_KEM_BYTES[this.mlKem].ciphertext)
  }

  /** The KEM's shared secret: ML-KEM's own where it stands alone, the combined one in hybrids. */
  sharedSecret({ secrets, ciphertext, publicKey }: SharedSecretInput): Uint8Array {
    if (secrets.x25519 === undefined) return secrets.mlKem
    const secret = concatBytes(secrets.mlKem, secrets.x25519, ciphertext, publicKey)
    const combined = hkdfSha384({ secret, info: utf8(`gapmesh-kem-1 ${this.kem}`), length: SHARED_SECRET_BYTES })
    for (const used of [secret, secrets.mlKem, secrets.x25519]) wipe(used)
    return combined
  }

  #split(bytes: Uint8Array, mlKemBytes: number): KemParts {
    if (bytes.length !== mlKemBytes + (this.hybrid ? X25519_BYTES : 0)) throw kemMalformed()
    return { mlKem: bytes.subarray(0, mlKemBytes), x25519: this.hybrid ? bytes.subarray(mlKemBytes) : undefined }
  }
}

const FORMS: Readonly<Record<KemName, KemForm>> = {
  'ml-kem-768': new KemForm('ml-kem-768', 'ml-kem-768'),
  'ml-kem-1024': new KemForm('ml-kem-1024', 'ml-kem-1024'),
  'ml-kem-768-x25519': new KemForm('ml-kem-768-x25519', 'ml-kem-768'),
  'ml-kem-1024-x25519': new KemForm('ml-kem-1024-x25519', 'ml-kem-1024'),
}

/**
 * What is fixed about the KEM called `kem`.
 * @throws CRYPTO_KEM_MALFORMED when no KEM is called so
 */
export function kemForm(kem: KemName): KemForm {
  if (!Object.hasOwn(FORMS, kem)) throw kemMalformed()
  return FORMS[kem]
}

/** The parts one after the other. */
export function joinParts({ mlKem, x25519 }: KemParts): Uint8Array {
  return x25519 === undefined ? mlKem.slice() : concatBytes(mlKem, x25519)
}

/** The error for a key or ciphertext that no honest side makes. */
export function kemMalformed(cause?: unknown): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEM_MALFORMED', { cause })
}
