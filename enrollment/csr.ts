import type { SigningKey, SuiteName } from '../crypto/index.ts'
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
 *           1.3.6.1.4.1.53594.1.1                SignedKey: the overlay key signs the identity key; nodes only
 *           2.5.29.72 subjectAltPublicKeyInfo    device key
 *           2.5.29.73 altSignatureAlgorithm
 *           2.5.29.74 altSignatureValue          the device key signs certificationRequestInfo without this attribute
 *       SEQUENCE signatureAlgorithm
 *       BIT STRING signature
 *
 * The subject is empty and there are no other attributes: nothing but public keys is taken from a request.
 */
export interface Csr extends MemberCsr {
  readonly overlayKey: NonNullable<Certificate['overlayKey']>
}

/** A request without an overlay key: of an operator or an issuing CA. */
export interface MemberCsr {
  /** Identity key (main key of a CA), SPKI DER. */
  readonly spki: Uint8Array
  /** Device key (alternative key of a CA), SPKI DER. */
  readonly altSpki: Uint8Array
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
  const signedKey = await signOverlayKey(keys.overlayKey, keys.identityKey.publicKey.spki)
  return buildRequest(keys, [encodeAttribute(OID.overlaySignedKey, encodeSignedKey(signedKey))])
}

/** DER of a request without an overlay key: for an operator, or with a CA's main and alternative key for that CA. */
export function buildMemberCsr(keys: Omit<RequestKeys, 'overlayKey'>): Promise<Uint8Array> {
  return buildRequest(keys, [])
}

async function buildRequest(
  keys: Omit<RequestKeys, 'overlayKey'>,
  overlay: readonly Uint8Array[],
): Promise<Uint8Array> {
  const { spki, suite } = keys.identityKey.publicKey
  const device = keys.deviceKey.publicKey
  const covered = [
    ...overlay,
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
  return strictly(bytes, () => {
    const { attributes, ...csr } = readCsr(bytes)
    if (attributes.length !== ATTRIBUTES.length) throw new RangeError('attributes')
    return { ...csr, overlayKey: readWhole(onlyValue(attributes, OID.overlaySignedKey), readSignedKey) }
  })
}

/**
 * Reads a request of {@link buildMemberCsr} strictly; verifies nothing.
 * @throws ENROLLMENT_CSR_TOO_LARGE, ENROLLMENT_CSR_MALFORMED
 */
export function parseMemberCsr(bytes: Uint8Array): MemberCsr {
  return strictly(bytes, () => {
    const { attributes, ...csr } = readCsr(bytes)
    if (attributes.length !== ATTRIBUTES.length - 1) throw new RangeError('attributes')
    return csr
  })
}

function strictly<T>(bytes: Uint8Array, parse: () => T): T {
  if (bytes.length > MAX_CSR_BYTES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_TOO_LARGE')
  try {
    return parse()
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_MALFORMED', { cause })
  }
}

function readCsr(bytes: Uint8Array): MemberCsr & { attributes: readonly Attribute[] } {
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
    attributes,
    ...readDeviceKey(attributes),
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

/** Value of the one attribute of that kind. */
function onlyValue(attributes: readonly Attribute[], oid: string): Uint8Array {
  const [only, ...more] = attributes.filter((attribute) => attribute.oid === oid)
  if (only === undefined || more.length > 0) throw new RangeError('an attribute is missing or appears twice')
  return only.value
}

function readDeviceKey(attributes: readonly Attribute[]): Pick<MemberCsr, 'altSpki' | 'altSignature'> {
  const altSpki = onlyValue(attributes, OID.subjectAltPublicKeyInfo)
  const altSuite: SuiteName = suiteOfSpki(altSpki, DEVICE_SUITES)
  suiteOfSignature(onlyValue(attributes, OID.altSignatureAlgorithm), [altSuite])
  const signature = readWhole(onlyValue(attributes, OID.altSignatureValue), (reader) => reader.bitString())
  return { altSpki, altSignature: signatureFromX509(altSuite, signature) }
}

function readWhole<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes)
  const value = read(reader)
  reader.end()
  return value
}
