import { equalBytes, type GapmeshError } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import {
  contextTag,
  DerReader,
  der,
  derSequence,
  MAIN_SUITES,
  OID,
  PATH_ERRORS,
  type RawExtension,
  readDer,
  readName,
  signatureFromX509,
  splitExtensions,
  suiteOfSignature,
  TAG,
} from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_CRL_BYTES } from '../limits.ts'
import { RevokedEntries } from './entries.ts'
import { readEntries } from './entry-reader.ts'
import { type ListExtensions, readListExtensions } from './extensions.ts'
import type { RevocationList } from './types.ts'

/**
 * Revocation lists (CertificateList, RFC 5280 §5.1) within the profile of gapmesh:
 *
 *     SEQUENCE
 *       SEQUENCE tbsCertList                                ML-DSA signs this
 *         INTEGER 1 (version 2)              ┐
 *         SEQUENCE signature                 ┊ ← left out  ┐ the alternative
 *         SEQUENCE issuer                    ┊             │ signature
 *         Time thisUpdate                    ┊             │ (X.509 10/2019 §9.8)
 *         Time nextUpdate                    ┊             │ covers the rest
 *         SEQUENCE revokedCertificates       ┊             │ ← absent when empty; see entry-format.ts
 *         [0] { SEQUENCE OF Extension }      ┘ ← .74 out   ┘
 *       SEQUENCE signatureAlgorithm
 *       BIT STRING signatureValue
 *
 *     authorityKeyIdentifier  2.5.29.35                key id of 32 bytes
 *     cRLNumber               2.5.29.20                INTEGER of at most 20 bytes
 *     deltaCRLIndicator       2.5.29.27  critical      INTEGER below cRLNumber; makes the list a delta
 *     pseudonymEpoch          2.25.….2                 SEQUENCE { INTEGER, OCTET STRING of 32 bytes }; may be absent
 *     altSignatureAlgorithm   2.5.29.73                both or neither
 *     altSignatureValue       2.5.29.74
 */

interface TbsFields {
  readonly version: Uint8Array
  readonly algorithm: Uint8Array
  readonly issuerName: Uint8Array
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  /** Undefined where there are none. */
  readonly revoked: Uint8Array | undefined
  /** DER from the issuer to the entries. */
  readonly middle: Uint8Array
  readonly extensions: readonly RawExtension[]
}

/**
 * Reads a list strictly, in time linear in its length; verifies nothing. The result holds a copy of `input`.
 * @throws ENROLLMENT_CRL_TOO_LARGE, before anything is read; ENROLLMENT_CRL_MALFORMED, ENROLLMENT_CRL_EXTENSION,
 *   ENROLLMENT_CRL_NUMBER, ENROLLMENT_CRL_NEXT_UPDATE, ENROLLMENT_CRL_REASON, ENROLLMENT_CRL_ORDER
 */
export function parseCrl(input: Uint8Array): RevocationList {
  if (input.length > MAX_CRL_BYTES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_TOO_LARGE')
  try {
    return readList(Uint8Array.from(input))
  } catch (cause) {
    if (!PATH_ERRORS.matches(cause)) throw cause
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_MALFORMED', { cause })
  }
}

function readList(bytes: Uint8Array): RevocationList {
  const outer = readDer(bytes, { maxBytes: MAX_CRL_BYTES }, (inner) => ({
    tbs: inner.element(TAG.sequence),
    algorithm: inner.element(TAG.sequence).bytes,
    signature: inner.bitString(),
  }))
  const fields = readTbs(outer.tbs.content)
  if (!equalBytes(fields.algorithm, outer.algorithm)) throw PATH_ERRORS.create('RECORDS_CERT_ALGORITHM_MISMATCH')
  const signatureSuite = suiteOfSignature(outer.algorithm, MAIN_SUITES)
  const { altSignatureValue, ...values } = readListExtensions(fields.extensions)
  return {
    der: bytes,
    hash: sha256(bytes),
    sizeBytes: bytes.length,
    issuerName: fields.issuerName,
    thisUpdateMs: fields.thisUpdateMs,
    nextUpdateMs: fields.nextUpdateMs,
    ...values,
    entries: fields.revoked === undefined ? RevokedEntries.none : readEntries(fields.revoked, values.kind),
    signatureSuite,
    signature: signatureFromX509(signatureSuite, outer.signature),
    tbs: outer.tbs.bytes,
    ...readAlternative(fields, values.altSignatureSuite, altSignatureValue),
  }
}

function readTbs(content: Uint8Array): TbsFields {
  const reader = new DerReader(content)
  const version = reader.element(TAG.integer).bytes
  if (!equalBytes(version, VERSION_2)) throw malformed('version')
  const algorithm = reader.element(TAG.sequence).bytes
  const start = version.length + algorithm.length
  const issuerName = readName(reader)
  const times = readTimes(reader)
  const revoked = reader.nextTag === TAG.sequence ? reader.any().content : undefined
  const { content: explicit, bytes: tail } = reader.element(contextTag(0, 'constructed'))
  reader.end()
  const wrapped = new DerReader(explicit)
  const extensions = wrapped.constructed(TAG.sequence, splitExtensions)
  wrapped.end()
  const middle = content.subarray(start, content.length - tail.length)
  return { version, algorithm, issuerName, ...times, revoked, middle, extensions }
}

const VERSION_2 = Uint8Array.of(TAG.integer, 1, 1)

function readTimes(reader: DerReader): Pick<TbsFields, 'thisUpdateMs' | 'nextUpdateMs'> {
  const thisUpdateMs = reader.time()
  const given = reader.nextTag === TAG.utcTime || reader.nextTag === TAG.generalizedTime
  const nextUpdateMs = given ? reader.time() : Number.NEGATIVE_INFINITY
  if (nextUpdateMs <= thisUpdateMs) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_NEXT_UPDATE')
  return { thisUpdateMs, nextUpdateMs }
}

function readAlternative(
  fields: TbsFields,
  suite: ListExtensions['altSignatureSuite'],
  value: Uint8Array | undefined,
): Pick<RevocationList, 'altSignature' | 'altTbs'> {
  if (suite === undefined && value === undefined) return { altSignature: undefined, altTbs: undefined }
  if (suite === undefined || value === undefined) throw PATH_ERRORS.create('RECORDS_CERT_ALTERNATIVE')
  const kept = fields.extensions.filter(({ oid }) => oid !== OID.altSignatureValue).map(({ bytes }) => bytes)
  return { altSignature: signatureFromX509(suite, value), altTbs: encodeTbs({ ...fields, kept }) }
}

/** What the alternative signature covers: everything but `signature` and altSignatureValue, in the same order. */
function encodeTbs({ version, middle, kept }: Pick<TbsFields, 'version' | 'middle'> & { kept: Uint8Array[] }) {
  return derSequence(version, middle, der(contextTag(0, 'constructed'), derSequence(...kept)))
}

function malformed(detail: string): GapmeshError {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_MALFORMED', { detail })
}
