import type { PublicKey, SignatureProvider, SigningKey, SuiteName } from '../crypto/index.ts'
import {
  type Certificate,
  checkSetOrder,
  contextTag,
  DEVICE_SUITES,
  DerReader,
  derBitString,
  derOid,
  derSequence,
  derSetOf,
  derUnsigned,
  MAIN_SUITES,
  OID,
  overlayKeyHolds,
  PATH_ERRORS,
  readDer,
  readSignedKey,
  signatureAlgorithm,
  signatureFromX509,
  signatureToX509,
  suiteOfSignature,
  suiteOfSpki,
  TAG,
} from '../records/path/index.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import { encodeSignedKey } from './extensions.ts'
import { MAX_CSR_BYTES } from './limits.ts'
import { signOverlayKey } from './overlay-key.ts'

/**
 * PKCS#10 requests (RFC 2986) in which three keys prove possession:
 *
 *     SEQUENCE
 *       SEQUENCE certificationRequestInfo        the identity key signs this
 *         INTEGER 0
 *         SEQUENCE subject, empty
 *         SEQUENCE subjectPKInfo                 identity key (ML-DSA)
 *         [0] SET OF attributes, each with one value
 *           1.3.6.1.4.1.53594.1.1                SignedKey: the overlay key signs the identity key
 *           2.5.29.72 subjectAltPublicKeyInfo    device key
 *           2.5.29.73 altSignatureAlgorithm
 *           2.5.29.74 altSignatureValue          the device key signs certificationRequestInfo without this attribute
 *       SEQUENCE signatureAlgorithm
 *       BIT STRING signature
 *
 * The subject is empty and there are no other attributes: nothing but public keys is taken from a request.
 */
export interface Csr {
  /** Identity key, SPKI DER. */
  readonly spki: Uint8Array
  /** Device key, SPKI DER. */
  readonly altSpki: Uint8Array
  readonly overlayKey: NonNullable<Certificate['overlayKey']>
  readonly signature: Uint8Array
  readonly altSignature: Uint8Array
  /** What the identity key signed. */
  readonly info: Uint8Array
  /** What the device key signed. */
  readonly altInfo: Uint8Array
}

/** The keys of a node that asks for a certificate. */
export interface RequestKeys {
  readonly identityKey: SigningKey
  readonly deviceKey: SigningKey
  /** Ed25519. */
  readonly overlayKey: SigningKey
}

/** DER of a request signed by all three keys. */
export async function buildCsr(keys: RequestKeys): Promise<Uint8Array> {
  const { spki, suite } = keys.identityKey.publicKey
  const device = keys.deviceKey.publicKey
  const signedKey = await signOverlayKey(keys.overlayKey, spki)
  const covered = [
    encodeAttribute(OID.overlaySignedKey, encodeSignedKey(signedKey)),
    encodeAttribute(OID.subjectAltPublicKeyInfo, device.spki),
    encodeAttribute(OID.altSignatureAlgorithm, signatureAlgorithm(device.suite.name)),
  ]
  const altSignature = signatureToX509(device.suite.name, await keys.deviceKey.sign(encodeInfo(spki, covered)))
  const info = encodeInfo(spki, [...covered, encodeAttribute(OID.altSignatureValue, derBitString(altSignature))])
  const signature = signatureToX509(suite.name, await keys.identityKey.sign(info))
  return derSequence(info, signatureAlgorithm(suite.name), derBitString(signature))
}

function encodeAttribute(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(derOid(oid), derSetOf([value]))
}

function encodeInfo(spki: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array {
  return derSequence(
    derUnsigned(Uint8Array.of(0)),
    derSequence(),
    spki,
    derSetOf(attributes, contextTag(0, 'constructed')),
  )
}

/**
 * Reads a request strictly; verifies nothing.
 * @throws ENROLLMENT_CSR_TOO_LARGE, ENROLLMENT_CSR_MALFORMED
 */
export function parseCsr(bytes: Uint8Array): Csr {
  if (bytes.length > MAX_CSR_BYTES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_TOO_LARGE')
  try {
    return readCsr(bytes)
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_MALFORMED', { cause })
  }
}

function readCsr(bytes: Uint8Array): Csr {
  const { info, algorithm, signature } = readDer(bytes, { maxBytes: MAX_CSR_BYTES }, (inner) => ({
    info: inner.element(TAG.sequence),
    algorithm: inner.element(TAG.sequence).bytes,
    signature: inner.bitString(),
  }))
  const { spki, attributes } = readInfo(info.content)
  const suite = suiteOfSpki(spki, MAIN_SUITES)
  suiteOfSignature(algorithm, [suite])
  return {
    spki,
    ...readAttributes(attributes),
    signature: signatureFromX509(suite, signature),
    info: info.bytes,
    altInfo: encodeInfo(
      spki,
      attributes.filter(({ oid }) => oid !== OID.altSignatureValue).map((attribute) => attribute.bytes),
    ),
  }
}

interface Attribute {
  readonly oid: string
  /** DER of the one value. */
  readonly value: Uint8Array
  readonly bytes: Uint8Array
}

const ATTRIBUTES: readonly string[] = [
  OID.overlaySignedKey,
  OID.subjectAltPublicKeyInfo,
  OID.altSignatureAlgorithm,
  OID.altSignatureValue,
]

function readInfo(content: Uint8Array): { spki: Uint8Array; attributes: Attribute[] } {
  const reader = new DerReader(content)
  if (reader.smallInteger() !== 0) throw new RangeError('the version is not 0')
  reader.constructed(TAG.sequence, () => undefined)
  const spki = reader.element(TAG.sequence).bytes
  const attributes = reader.constructed(contextTag(0, 'constructed'), (inner) =>
    inner.all(ATTRIBUTES.length, readAttribute),
  )
  reader.end()
  checkSetOrder(attributes.map((attribute) => attribute.bytes))
  return { spki, attributes }
}

function readAttribute(reader: DerReader): Attribute {
  const { content, bytes } = reader.element(TAG.sequence)
  const inner = new DerReader(content)
  const oid = inner.oid()
  const value = inner.constructed(TAG.set, (set) => set.any().bytes)
  inner.end()
  return { oid, value, bytes }
}

function readAttributes(attributes: readonly Attribute[]): Pick<Csr, 'altSpki' | 'overlayKey' | 'altSignature'> {
  const [signedKey, altSpki, altAlgorithm, altValue] = ATTRIBUTES.map((oid) => {
    const found = attributes.filter((attribute) => attribute.oid === oid)
    const [only] = found
    if (only === undefined || found.length !== 1) throw new RangeError('an attribute is missing or appears twice')
    return only.value
  }) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const altSuite: SuiteName = suiteOfSpki(altSpki, DEVICE_SUITES)
  suiteOfSignature(altAlgorithm, [altSuite])
  return {
    altSpki,
    overlayKey: readWhole(signedKey, readSignedKey),
    altSignature: signatureFromX509(
      altSuite,
      readWhole(altValue, (reader) => reader.bitString()),
    ),
  }
}

function readWhole<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes)
  const value = read(reader)
  reader.end()
  return value
}

/** The keys of a request, all of which have proven possession. */
export interface VerifiedCsr extends Pick<Csr, 'spki' | 'altSpki' | 'overlayKey'> {
  readonly identityKey: PublicKey
}

/**
 * Verifies the three proofs of possession.
 * @throws ENROLLMENT_CSR_PROOF with `key` in its metadata: `identity`, `device` or `overlay`
 */
export async function verifyCsr(csr: Csr, provider: SignatureProvider): Promise<VerifiedCsr> {
  const identityKey = importKey(provider, csr.spki, 'identity')
  const deviceKey = importKey(provider, csr.altSpki, 'device')
  if (!(await provider.verify(identityKey, csr.info, csr.signature))) throw proof('identity')
  if (!(await provider.verify(deviceKey, csr.altInfo, csr.altSignature))) throw proof('device')
  if (!(await overlayHolds(csr, provider))) throw proof('overlay')
  return { spki: csr.spki, altSpki: csr.altSpki, overlayKey: csr.overlayKey, identityKey }
}

async function overlayHolds(csr: Csr, provider: SignatureProvider): Promise<boolean> {
  try {
    return await overlayKeyHolds(csr, provider)
  } catch (cause) {
    if (!PATH_ERRORS.matches(cause)) throw cause
    throw proof('overlay', cause)
  }
}

function importKey(provider: SignatureProvider, spki: Uint8Array, key: string): PublicKey {
  try {
    return provider.importPublic(spki)
  } catch (cause) {
    throw proof(key, cause)
  }
}

function proof(key: string, cause?: unknown) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_PROOF', { metadata: { key }, cause })
}
