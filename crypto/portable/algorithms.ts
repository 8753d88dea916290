import { ed25519 } from '@noble/curves/ed25519.js'
import { p256, p384 } from '@noble/curves/nist.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import { concatBytes, equalBytes, type RandomSource } from '../../core/index.ts'
import { withSecret } from '../secrets.ts'
import type { SuiteName } from '../types.ts'

/** One suite in plain JavaScript. Secrets are what PKCS#8 carries: a seed or a scalar. */
export interface PortableAlgorithm {
  newSecret(random: RandomSource): Uint8Array
  /** The raw public key of a secret. Throws when the secret is none. */
  publicKey(secret: Uint8Array): Uint8Array
  /** Throws when `raw` is not a valid public key. */
  checkPublicKey(raw: Uint8Array): void
  sign(message: Uint8Array, secret: Uint8Array): Uint8Array
  verify(signature: Uint8Array, message: Uint8Array, rawPublic: Uint8Array): boolean
}

export const ALGORITHMS: Readonly<Record<SuiteName, PortableAlgorithm>> = {
  ed25519: {
    newSecret: (random) => random.bytes(32),
    publicKey: (secret) => ed25519.getPublicKey(secret),
    checkPublicKey(raw) {
      if (ed25519.Point.fromBytes(raw, false).isSmallOrder()) throw new Error('a point of small order')
    },
    sign: (message, secret) => ed25519.sign(message, secret),
    verify: verifyEd25519,
  },
  'ecdsa-p256': ecdsa(p256),
  'ecdsa-p384': ecdsa(p384),
  'ml-dsa-65': mlDsa(ml_dsa65),
  'ml-dsa-87': mlDsa(ml_dsa87),
}

/**
 * RFC 8032 §5.1.7 without the cofactor, comparing R as bytes: what OpenSSL does. noble's own `verify` multiplies by the
 * cofactor, so that a signer could make signatures that only one of both implementations accepts.
 */
function verifyEd25519(signature: Uint8Array, message: Uint8Array, rawPublic: Uint8Array): boolean {
  const { BASE, Fn } = ed25519.Point
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  if (s >= Fn.ORDER) return false
  const k = littleEndian(sha512(concatBytes(r, rawPublic, message))) % Fn.ORDER
  const publicPoint = ed25519.Point.fromBytes(rawPublic, false)
  return equalBytes(BASE.multiplyUnsafe(s).subtract(publicPoint.multiplyUnsafe(k)).toBytes(), r)
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function ecdsa(curve: typeof p256): PortableAlgorithm {
  // Both forms of s are valid in FIPS 186-5 and in OpenSSL; noble by itself makes and takes the lower one only.
  const options = { lowS: false }
  const seedBytes = curve.lengths.seed ?? 0
  return {
    newSecret: (random) => curve.utils.randomSecretKey(random.bytes(seedBytes)),
    publicKey: (secret) => curve.getPublicKey(secret, false),
    checkPublicKey: (raw) => curve.Point.fromBytes(raw).assertValidity(),
    sign: (message, secret) => curve.sign(message, secret, options),
    verify: (signature, message, rawPublic) => curve.verify(signature, message, rawPublic, options),
  }
}

function mlDsa(algorithm: typeof ml_dsa87): PortableAlgorithm {
  return {
    newSecret: (random) => random.bytes(32),
    publicKey(seed) {
      const { secretKey, publicKey } = algorithm.keygen(seed)
      return withSecret(secretKey, () => publicKey)
    },
    checkPublicKey() {}, // every byte string of the right length is a key (FIPS 204 §7.2)
    sign: (message, seed) =>
      withSecret(algorithm.keygen(seed).secretKey, (secretKey) => algorithm.sign(message, secretKey)),
    verify: (signature, message, rawPublic) => algorithm.verify(signature, message, rawPublic),
  }
}
