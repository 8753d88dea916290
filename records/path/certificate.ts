import { equalBytes } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { MAIN_SUITES, readSpki, signatureFromX509, suiteOfSignature } from './algorithms.ts'
import { contextTag, DerReader, readDer, TAG } from './der.ts'
import { der, derSequence } from './der-writer.ts'
import { PATH_ERRORS } from './errors.ts'
import { type ExtensionValues, type RawExtension, readExtensions, splitExtensions } from './extensions.ts'
import { MAX_CERTIFICATE_BYTES, MAX_CHAIN_LENGTH, MAX_NAME_BYTES } from './limits.ts'
import { OID } from './oids.ts'
import type { Certificate } from './types.ts'

/**
 * X.509 version 3 certificates (RFC 5280 §4.1) within the profile of gapmesh:
 *
 *     SEQUENCE
 *       SEQUENCE tbsCertificate                             ML-DSA signs this
 *         [0] { INTEGER 2 }                  ┐
 *         INTEGER serialNumber               ┊
 *         SEQUENCE signature                 ┊ ← left out  ┐
 *         SEQUENCE issuer                    ┊             │ the alternative
 *         SEQUENCE { notBefore, notAfter }   ┊             │ signature
 *         SEQUENCE subject                   ┊             │ covers the rest
 *         SEQUENCE subjectPublicKeyInfo      ┊             │
 *         [3] { SEQUENCE OF Extension }      ┘ ← .74 out   ┘
 *       SEQUENCE signatureAlgorithm
 *       BIT STRING signatureValue
 */

/** DER of an AlgorithmIdentifier is split from the rest so that the alternative signature can leave it out. */
interface TbsFields {
  readonly version: Uint8Array
  readonly serial: Uint8Array
  readonly serialNumber: Uint8Array
  readonly signature: Uint8Array
  readonly issuerName: Uint8Array
  readonly validity: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly subjectName: Uint8Array
  readonly spki: Uint8Array
  readonly extensions: readonly RawExtension[]
}

/**
 * Reads a certificate strictly; verifies nothing. The result holds a copy of `input`.
 * @throws RECORDS_CERT_*, RECORDS_DER_*
 */
export function parseCertificate(input: Uint8Array): Certificate {
  if (input.length > MAX_CERTIFICATE_BYTES) throw PATH_ERRORS.create('RECORDS_CERT_TOO_LARGE')
  const bytes = Uint8Array.from(input)
  const outer = readDer(bytes, { maxBytes: MAX_CERTIFICATE_BYTES }, (inner) => ({
    tbs: inner.element(TAG.sequence),
    algorithm: inner.element(TAG.sequence).bytes,
    signature: inner.bitString(),
  }))
  const fields = readTbs(outer.tbs.content)
  if (!equalBytes(fields.signature, outer.algorithm)) throw PATH_ERRORS.create('RECORDS_CERT_ALGORITHM_MISMATCH')
  const signatureSuite = suiteOfSignature(outer.algorithm, MAIN_SUITES)
  const { altSignatureValue, subjectKeyId, authorityKeyId, ...values } = readExtensions(fields.extensions)
  return {
    der: bytes,
    fingerprint: sha256(bytes),
    serialNumber: fields.serialNumber,
    issuerName: fields.issuerName,
    subjectName: fields.subjectName,
    notBeforeMs: fields.notBeforeMs,
    notAfterMs: fields.notAfterMs,
    spki: fields.spki,
    ...checkKeyIds(fields.spki, subjectKeyId, authorityKeyId),
    signatureSuite,
    signature: signatureFromX509(signatureSuite, outer.signature),
    tbs: outer.tbs.bytes,
    ...values,
    ...readAlternative(fields, values.altSignatureSuite, altSignatureValue),
  }
}

/**
 * Reads a chain, leaf first, capped before anything is read.
 * @throws RECORDS_PATH_TOO_LONG, RECORDS_CERT_*, RECORDS_DER_*
 */
export function parseChain(chain: readonly Uint8Array[]): Certificate[] {
  if (chain.length > MAX_CHAIN_LENGTH) throw PATH_ERRORS.create('RECORDS_PATH_TOO_LONG')
  return chain.map(parseCertificate)
}

function readTbs(content: Uint8Array): TbsFields {
  const reader = new DerReader(content)
  const version = readVersion(reader)
  const serial = readSerial(reader)
  const signature = reader.element(TAG.sequence).bytes
  const issuerName = readName(reader)
  const validity = readValidity(reader)
  const subjectName = readName(reader)
  const spki = readSpki(reader, MAIN_SUITES)
  if (reader.done) throw PATH_ERRORS.create('RECORDS_CERT_EXTENSION_COUNT')
  const extensions = reader.constructed(contextTag(3, 'constructed'), (inner) =>
    inner.constructed(TAG.sequence, splitExtensions),
  )
  reader.end()
  return { version, ...serial, signature, issuerName, ...validity, subjectName, spki, extensions }
}

function readVersion(reader: DerReader): Uint8Array {
  if (reader.nextTag !== contextTag(0, 'constructed')) throw PATH_ERRORS.create('RECORDS_CERT_VERSION')
  const { content, bytes } = reader.any()
  const inner = new DerReader(content)
  if (inner.smallInteger() !== 2) throw PATH_ERRORS.create('RECORDS_CERT_VERSION')
  inner.end()
  return bytes
}

function readSerial(reader: DerReader): Pick<TbsFields, 'serial' | 'serialNumber'> {
  const { content, bytes } = reader.element(TAG.integer)
  if (content.length > 20 || (content[0] ?? 0) > 0x7f) throw PATH_ERRORS.create('RECORDS_CERT_SERIAL')
  const serialNumber = new DerReader(bytes).unsigned()
  if (serialNumber[0] === 0) throw PATH_ERRORS.create('RECORDS_CERT_SERIAL')
  return { serial: bytes, serialNumber }
}

function readValidity(reader: DerReader): Pick<TbsFields, 'validity' | 'notBeforeMs' | 'notAfterMs'> {
  const { content, bytes } = reader.element(TAG.sequence)
  const inner = new DerReader(content)
  const notBeforeMs = inner.time()
  const notAfterMs = inner.time()
  inner.end()
  if (notAfterMs < notBeforeMs) throw PATH_ERRORS.create('RECORDS_CERT_VALIDITY')
  return { validity: bytes, notBeforeMs, notAfterMs }
}

/**
 * DER of the Name that comes next in `reader`. It is compared as bytes, never shown or matched by its text; so only its
 * form is checked.
 * @throws RECORDS_CERT_NAME, RECORDS_DER_*
 */
export function readName(reader: DerReader): Uint8Array {
  const { content, bytes } = reader.element(TAG.sequence)
  if (bytes.length > MAX_NAME_BYTES || content.length === 0) throw PATH_ERRORS.create('RECORDS_CERT_NAME')
  const inner = new DerReader(content)
  while (!inner.done) inner.constructed(TAG.set, (set) => set.constructed(TAG.sequence, readAttribute))
  return bytes
}

function readAttribute(attribute: DerReader): void {
  attribute.oid()
  const tag = attribute.nextTag
  if (tag !== TAG.utf8String && tag !== TAG.printableString) throw PATH_ERRORS.create('RECORDS_CERT_NAME')
  attribute.text(tag, MAX_NAME_BYTES)
}

function checkKeyIds(
  spki: Uint8Array,
  subjectKeyId: Uint8Array | undefined,
  authorityKeyId: Uint8Array | undefined,
): Pick<Certificate, 'subjectKeyId' | 'authorityKeyId'> {
  const sound = subjectKeyId !== undefined && authorityKeyId?.length === 32 && equalBytes(subjectKeyId, sha256(spki))
  if (!sound) throw PATH_ERRORS.create('RECORDS_CERT_KEY_ID')
  return { subjectKeyId, authorityKeyId }
}

function readAlternative(
  fields: TbsFields,
  suite: ExtensionValues['altSignatureSuite'],
  value: Uint8Array | undefined,
): Pick<Certificate, 'altSignature' | 'altTbs'> {
  if (suite === undefined && value === undefined) return { altSignature: undefined, altTbs: undefined }
  if (suite === undefined || value === undefined) throw PATH_ERRORS.create('RECORDS_CERT_ALTERNATIVE')
  return { altSignature: signatureFromX509(suite, value), altTbs: encodeAltTbs(fields) }
}

/** What the alternative signature covers: everything but `signature` and altSignatureValue, in the same order (X.509 10/2019 §9.8.2). */
function encodeAltTbs(fields: TbsFields): Uint8Array {
  const kept = fields.extensions.filter((extension) => extension.oid !== OID.altSignatureValue)
  return derSequence(
    fields.version,
    fields.serial,
    fields.issuerName,
    fields.validity,
    fields.subjectName,
    fields.spki,
    der(contextTag(3, 'constructed'), derSequence(...kept.map((extension) => extension.bytes))),
  )
}
