import { concatBytes, fromHex, toHex } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import { type DerReader, readDer, TAG } from './der.ts'
import { derBitString, derSequence, derUnsigned } from './der-writer.ts'
import { PATH_ERRORS } from './errors.ts'
import { MAX_SPKI_BYTES } from './limits.ts'

interface Algorithm {
  /** AlgorithmIdentifier of a signature, DER in hex. */
  readonly signature: string
  /** AlgorithmIdentifier of a public key, DER in hex. */
  readonly key: string
  readonly publicKeyBytes: number
  /** Length of r and of s where the DER signature is an Ecdsa-Sig-Value; else the whole length. */
  readonly signatureBytes: number
  readonly ecdsa: boolean
}

/** ML-DSA: RFC 9881. Ed25519: RFC 8410. ECDSA: RFC 5480 and RFC 5758. None has parameters beyond the named curve. */
const ALGORITHMS: Readonly<Record<SuiteName, Algorithm>> = {
  ed25519: {
    signature: '300506032b6570',
    key: '300506032b6570',
    publicKeyBytes: 32,
    signatureBytes: 64,
    ecdsa: false,
  },
  'ecdsa-p256': {
    signature: '300a06082a8648ce3d040302',
    key: '301306072a8648ce3d020106082a8648ce3d030107',
    publicKeyBytes: 65,
    signatureBytes: 32,
    ecdsa: true,
  },
  'ecdsa-p384': {
    signature: '300a06082a8648ce3d040303',
    key: '301006072a8648ce3d020106052b81040022',
    publicKeyBytes: 97,
    signatureBytes: 48,
    ecdsa: true,
  },
  'ml-dsa-65': {
    signature: '300b0609608648016503040312',
    key: '300b0609608648016503040312',
    publicKeyBytes: 1952,
    signatureBytes: 3309,
    ecdsa: false,
  },
  'ml-dsa-87': {
    signature: '300b0609608648016503040313',
    key: '300b0609608648016503040313',
    publicKeyBytes: 2592,
    signatureBytes: 4627,
    ecdsa: false,
  },
}

const SUITES = Object.keys(ALGORITHMS) as SuiteName[]

/** Suites that may sign a certificate with its main signature: post-quantum ones. */
export const MAIN_SUITES: readonly SuiteName[] = ['ml-dsa-65', 'ml-dsa-87']

/** Suites that may sign a certificate with its alternative signature: classical ones that X.509 tools know. */
export const ALTERNATIVE_SUITES: readonly SuiteName[] = ['ecdsa-p256', 'ecdsa-p384']

/** Suites of a device key: whatever the hardware has. */
export const DEVICE_SUITES: readonly SuiteName[] = ['ed25519', 'ecdsa-p256', 'ecdsa-p384']

/**
 * Suite of an AlgorithmIdentifier of a signature, given as its whole DER.
 * @throws RECORDS_CERT_ALGORITHM when it is none of `allowed`
 */
export function suiteOfSignature(algorithm: Uint8Array, allowed: readonly SuiteName[]): SuiteName {
  const hex = toHex(algorithm)
  const suite = allowed.find((name) => ALGORITHMS[name].signature === hex)
  if (suite === undefined) throw PATH_ERRORS.create('RECORDS_CERT_ALGORITHM')
  return suite
}

/** AlgorithmIdentifier for signatures of `suite`, DER. */
export function signatureAlgorithm(suite: SuiteName): Uint8Array {
  return fromHex(ALGORITHMS[suite].signature)
}

/**
 * Suite of a SubjectPublicKeyInfo, given as its whole DER; the point or key inside is not checked beyond its length.
 * @throws RECORDS_CERT_ALGORITHM, RECORDS_CERT_KEY, RECORDS_DER_*
 */
export function suiteOfSpki(spki: Uint8Array, allowed: readonly SuiteName[]): SuiteName {
  const [algorithm, key] = readDer(spki, { maxBytes: MAX_SPKI_BYTES }, (inner) => [
    toHex(inner.element(TAG.sequence).bytes),
    inner.bitString(),
  ])
  const suite = SUITES.find((name) => ALGORITHMS[name].key === algorithm)
  if (suite === undefined || !allowed.includes(suite)) throw PATH_ERRORS.create('RECORDS_CERT_ALGORITHM')
  const wrongForm = ALGORITHMS[suite].ecdsa && key[0] !== 0x04
  if (key.length !== ALGORITHMS[suite].publicKeyBytes || wrongForm) throw PATH_ERRORS.create('RECORDS_CERT_KEY')
  return suite
}

/** SubjectPublicKeyInfo of a raw public key. */
export function encodeSpki(suite: SuiteName, key: Uint8Array): Uint8Array {
  return derSequence(fromHex(ALGORITHMS[suite].key), derBitString(key))
}

/**
 * Signature as a provider takes it from its X.509 form: ECDSA as r‖s instead of Ecdsa-Sig-Value, else unchanged.
 * @throws RECORDS_CERT_SIGNATURE_FORMAT, RECORDS_DER_*
 */
export function signatureFromX509(suite: SuiteName, value: Uint8Array): Uint8Array {
  const { ecdsa, signatureBytes } = ALGORITHMS[suite]
  if (!ecdsa) {
    if (value.length !== signatureBytes) throw PATH_ERRORS.create('RECORDS_CERT_SIGNATURE_FORMAT')
    return value
  }
  const halves = readDer(value, { maxBytes: 128 }, (inner) => [inner.unsigned(), inner.unsigned()])
  return concatBytes(...halves.map((half) => padLeft(half, signatureBytes)))
}

function padLeft(number: Uint8Array, length: number): Uint8Array {
  if (number.length > length) throw PATH_ERRORS.create('RECORDS_CERT_SIGNATURE_FORMAT')
  return concatBytes(new Uint8Array(length - number.length), number)
}

/** X.509 form of a provider's signature: the inverse of {@link signatureFromX509}. */
export function signatureToX509(suite: SuiteName, signature: Uint8Array): Uint8Array {
  const { ecdsa, signatureBytes } = ALGORITHMS[suite]
  if (!ecdsa) return signature
  return derSequence(
    derUnsigned(signature.subarray(0, signatureBytes)),
    derUnsigned(signature.subarray(signatureBytes)),
  )
}

/**
 * DER of the SubjectPublicKeyInfo that comes next in `reader`, checked as {@link suiteOfSpki} does.
 * @throws RECORDS_CERT_ALGORITHM, RECORDS_CERT_KEY, RECORDS_DER_*
 */
export function readSpki(reader: DerReader, allowed: readonly SuiteName[]): Uint8Array {
  const spki = reader.element(TAG.sequence).bytes
  suiteOfSpki(spki, allowed)
  return spki
}
