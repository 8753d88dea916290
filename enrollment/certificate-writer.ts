import type { RandomSource } from '../core/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import {
  contextTag,
  der,
  derBitString,
  derOid,
  derSequence,
  derSetOf,
  derText,
  derTime,
  derUnsigned,
  OID,
  signatureAlgorithm,
  signatureToX509,
  TAG,
} from '../records/path/index.ts'
import { altSignatureAlgorithm, altSignatureValue, type Extension, encodeExtension } from './extensions.ts'
import { SERIAL_NUMBER_BYTES } from './limits.ts'

/**
 * Writes certificates with two signatures (X.509 10/2019 §9.8). The order of events: everything but `signature` and
 * altSignatureValue is signed by the classical key; that signature becomes the last extension; the whole TBS is then
 * signed by the post-quantum key. The frame is drawn in records/path/certificate.ts.
 */

/** Both keys of a CA. */
export interface AuthorityKeys {
  /** ML-DSA; signs the whole certificate. */
  readonly main: SigningKey
  /** ECDSA; signs the alternative signature. Undefined only to write certificates that a hybrid policy refuses. */
  readonly alternative: SigningKey | undefined
}

/** What is written into a certificate; the alternative signature's extensions are added. */
export interface CertificateContent {
  readonly serialNumber: Uint8Array
  /** DER of the Name. */
  readonly issuerName: Uint8Array
  /** DER of the Name. */
  readonly subjectName: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly spki: Uint8Array
  readonly extensions: readonly Extension[]
}

/** DER of a Name with organizationName and commonName. */
export function encodeName(organization: string, commonName: string): Uint8Array {
  const attribute = (oid: string, text: string) => derSetOf([derSequence(derOid(oid), derText(TAG.utf8String, text))])
  return derSequence(attribute(OID.organizationName, organization), attribute(OID.commonName, commonName))
}

/** A serial number of {@link SERIAL_NUMBER_BYTES} bytes, positive and without leading zeroes (RFC 5280 §4.1.2.2). */
export function randomSerialNumber(random: RandomSource): Uint8Array {
  const bytes = random.bytes(SERIAL_NUMBER_BYTES)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}

/** DER of a certificate signed by both keys of `issuer`. */
export async function writeCertificate(content: CertificateContent, issuer: AuthorityKeys): Promise<Uint8Array> {
  const mainAlgorithm = signatureAlgorithm(issuer.main.publicKey.suite.name)
  const extensions = await withAlternativeSignature(content, issuer.alternative)
  const tbs = encodeTbs(content, extensions, [mainAlgorithm])
  const signature = signatureToX509(issuer.main.publicKey.suite.name, await issuer.main.sign(tbs))
  return derSequence(tbs, mainAlgorithm, derBitString(signature))
}

async function withAlternativeSignature(
  content: CertificateContent,
  key: SigningKey | undefined,
): Promise<readonly Extension[]> {
  if (key === undefined) return content.extensions
  const suite = key.publicKey.suite.name
  const covered = [...content.extensions, altSignatureAlgorithm(suite)]
  const signature = await key.sign(encodeTbs(content, covered, []))
  return [...covered, altSignatureValue(signatureToX509(suite, signature))]
}

/** @param signature the `signature` field, or nothing where the alternative signature leaves it out */
function encodeTbs(
  content: CertificateContent,
  extensions: readonly Extension[],
  signature: readonly Uint8Array[],
): Uint8Array {
  return derSequence(
    der(contextTag(0, 'constructed'), derUnsigned(Uint8Array.of(2))),
    derUnsigned(content.serialNumber),
    ...signature,
    content.issuerName,
    derSequence(derTime(content.notBeforeMs), derTime(content.notAfterMs)),
    content.subjectName,
    content.spki,
    der(contextTag(3, 'constructed'), derSequence(...extensions.map(encodeExtension))),
  )
}
