/**
 * AES-256-GCM (NIST SP 800-38D) of values at rest. Stored form:
 *
 * ```
 *  0        12                          12 + n        28 + n
 *  [nonce 12][ciphertext n, as the plaintext][tag 16]
 * ```
 *
 * The nonce is random for each value; the context is authenticated and not stored.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { RandomSource } from '../core/index.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import { plain } from './hash.ts'
import { MAX_SEAL_CONTEXT_BYTES, MAX_SEAL_PLAINTEXT_BYTES, MAX_SEALS_PER_KEY } from './limits.ts'
import { wipe } from './secrets.ts'
import type { Sealer } from './types.ts'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Nonces drawn at a time, because a draw takes a third as long as sealing a short value. Those not used yet are in memory
 * only, as the generator's own state is: a restart draws others.
 */
const NONCES_PER_DRAW = 64

/** Length of a {@link Sealer} key in bytes. */
export const SEAL_KEY_BYTES = 32

/** How much longer a sealed value is than its plaintext, in bytes. */
export const SEAL_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES

/**
 * A {@link Sealer} under `key` (32 bytes, copied: the caller may wipe its own).
 *
 * One key seals at most 2^32 values in its life (NIST SP 800-38D §8.3): the sealer refuses more in one process; who
 * keeps a key across restarts replaces it well before.
 */
export function createSealer(key: Uint8Array, random: RandomSource): Sealer {
  return new AesGcmSealer({ key }, { random })
}

export interface AesGcmSealerOptions {
  key: Uint8Array
  /** Default {@link MAX_SEALS_PER_KEY}. */
  maxSeals?: number
}

/** A {@link Sealer} whose key can be wiped. */
export class AesGcmSealer implements Sealer {
  readonly #key: Uint8Array
  readonly #random: RandomSource
  #sealsLeft: number
  /** Nonces drawn but not used, one after another. They are no secrets. */
  #nonces = new Uint8Array() as Uint8Array

  constructor(options: AesGcmSealerOptions, dependencies: { random: RandomSource }) {
    if (options.key.length !== SEAL_KEY_BYTES) throw new TypeError('the key of a sealer is 32 bytes long')
    this.#key = options.key.slice()
    this.#random = dependencies.random
    this.#sealsLeft = options.maxSeals ?? MAX_SEALS_PER_KEY
  }

  /** @throws CRYPTO_SEAL_TOO_LARGE, CRYPTO_SEAL_EXHAUSTED */
  seal(plaintext: Uint8Array, context: Uint8Array): Uint8Array {
    if (plaintext.length > MAX_SEAL_PLAINTEXT_BYTES || context.length > MAX_SEAL_CONTEXT_BYTES) {
      throw CRYPTO_ERRORS.create('CRYPTO_SEAL_TOO_LARGE')
    }
    if (this.#sealsLeft <= 0) throw CRYPTO_ERRORS.create('CRYPTO_SEAL_EXHAUSTED')
    this.#sealsLeft -= 1
    const nonce = this.#nextNonce()
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES }).setAAD(context)
    const sealed = Buffer.allocUnsafe(plaintext.length + SEAL_OVERHEAD_BYTES)
    sealed.set(nonce)
    sealed.set(cipher.update(plaintext), NONCE_BYTES)
    cipher.final() // no bytes of its own in this mode
    sealed.set(cipher.getAuthTag(), NONCE_BYTES + plaintext.length)
    return plain(sealed)
  }

  #nextNonce(): Uint8Array {
    if (this.#nonces.length === 0) {
      const drawn = this.#random.bytes(NONCES_PER_DRAW * NONCE_BYTES)
      if (drawn.length !== NONCES_PER_DRAW * NONCE_BYTES) throw new TypeError('not as many random bytes as asked for')
      this.#nonces = drawn
    }
    const nonce = this.#nonces.subarray(0, NONCE_BYTES)
    this.#nonces = this.#nonces.subarray(NONCE_BYTES)
    return nonce
  }

  open(sealed: Uint8Array, context: Uint8Array): Uint8Array {
    const plaintextBytes = sealed.length - SEAL_OVERHEAD_BYTES
    if (plaintextBytes < 0 || plaintextBytes > MAX_SEAL_PLAINTEXT_BYTES || context.length > MAX_SEAL_CONTEXT_BYTES) {
      throw CRYPTO_ERRORS.create('CRYPTO_SEAL_BROKEN')
    }
    const tagAt = sealed.length - TAG_BYTES
    const decipher = createDecipheriv(ALGORITHM, this.#key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(context).setAuthTag(sealed.subarray(tagAt))
    const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, tagAt))
    try {
      decipher.final()
    } catch {
      wipe(plaintext) // unauthenticated: nobody may see it
      throw CRYPTO_ERRORS.create('CRYPTO_SEAL_BROKEN')
    }
    return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
  }

  /** Overwrites the key. Later calls open nothing. */
  wipe(): void {
    wipe(this.#key)
    this.#sealsLeft = 0
  }
}
