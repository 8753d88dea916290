import type { SuiteName } from '../../crypto/index.ts'
import {
  ALTERNATIVE_SUITES,
  contextTag,
  DerReader,
  der,
  derSequence,
  derUnsigned,
  OID,
  type RawExtension,
  suiteOfSignature,
  TAG,
} from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { authorityKeyIdentifier, type Extension } from '../extensions.ts'
import { MAX_CRL_NUMBER_BYTES } from '../limits.ts'
import type { ListFacts, PseudonymCommitment } from './types.ts'

/** What the extensions of a revocation list say (crlExtensions, RFC 5280 §5.2). */
export interface ListExtensions
  extends Pick<ListFacts, 'kind' | 'authorityKeyId' | 'number' | 'baseNumber' | 'pseudonym'> {
  readonly altSignatureSuite: SuiteName | undefined
  /** Still in its X.509 form. */
  readonly altSignatureValue: Uint8Array | undefined
}

/** Known extensions; a delta's indicator alone is critical. */
const CRITICAL: Readonly<Record<string, boolean>> = {
  [OID.authorityKeyIdentifier]: false,
  [OID.cRLNumber]: false,
  [OID.deltaCRLIndicator]: true,
  [OID.pseudonymEpoch]: false,
  [OID.altSignatureAlgorithm]: false,
  [OID.altSignatureValue]: false,
}

/**
 * Reads the known extensions; unknown ones are passed over unless critical.
 * @throws ENROLLMENT_CRL_EXTENSION, ENROLLMENT_CRL_NUMBER, ENROLLMENT_CRL_MALFORMED, RECORDS_DER_*, RECORDS_CERT_ALGORITHM
 */
export function readListExtensions(extensions: readonly RawExtension[]): ListExtensions {
  for (const { oid, critical } of extensions) {
    if (critical !== (CRITICAL[oid] ?? false)) throw outsideRule(oid)
  }
  const value = <T>(oid: string, read: (reader: DerReader) => T): T | undefined => {
    const found = extensions.find((extension) => extension.oid === oid)
    return found === undefined ? undefined : readWhole(found.value, read)
  }
  const authorityKeyId = value(OID.authorityKeyIdentifier, readAuthorityKeyId)
  const number = value(OID.cRLNumber, readNumber)
  const baseNumber = value(OID.deltaCRLIndicator, readNumber)
  if (authorityKeyId === undefined) throw outsideRule(OID.authorityKeyIdentifier)
  if (number === undefined) throw outsideRule(OID.cRLNumber)
  if (baseNumber !== undefined && baseNumber >= number) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_NUMBER')
  return {
    kind: baseNumber === undefined ? 'full' : 'delta',
    authorityKeyId,
    number,
    baseNumber,
    pseudonym: value(OID.pseudonymEpoch, readPseudonym),
    altSignatureSuite: value(OID.altSignatureAlgorithm, (reader) =>
      suiteOfSignature(reader.element(TAG.sequence).bytes, ALTERNATIVE_SUITES),
    ),
    altSignatureValue: value(OID.altSignatureValue, (reader) => reader.bitString()),
  }
}

function outsideRule(oid: string) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_EXTENSION', { metadata: { oid } })
}

function readWhole<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes)
  const value = read(reader)
  reader.end()
  return value
}

function readAuthorityKeyId(reader: DerReader): Uint8Array {
  const keyId = reader.constructed(TAG.sequence, (inner) => inner.element(contextTag(0, 'primitive')).content)
  if (keyId.length !== 32) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_MALFORMED', { detail: 'authority key id' })
  return keyId
}

function readNumber(reader: DerReader): bigint {
  const bytes = reader.unsigned()
  const tooLong =
    bytes.length > MAX_CRL_NUMBER_BYTES || (bytes.length === MAX_CRL_NUMBER_BYTES && (bytes[0] ?? 0) > 0x7f)
  if (tooLong) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_NUMBER')
  return numberFromBytes(bytes)
}

function readPseudonym(reader: DerReader): PseudonymCommitment {
  return reader.constructed(TAG.sequence, (inner) => {
    const epoch = numberFromBytes(inner.unsigned())
    const keyHash = inner.octetString()
    if (epoch > BigInt(Number.MAX_SAFE_INTEGER) || keyHash.length !== 32) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_MALFORMED', { detail: 'pseudonym epoch' })
    }
    return { epoch: Number(epoch), keyHash }
  })
}

/** The extensions of a list, but for those of the alternative signature. */
export function listExtensions(
  facts: Pick<ListFacts, 'authorityKeyId' | 'number'> & Partial<Pick<ListFacts, 'baseNumber' | 'pseudonym'>>,
): Extension[] {
  const { baseNumber, pseudonym } = facts
  const number = (oid: string, value: bigint) => ({
    oid,
    critical: oid === OID.deltaCRLIndicator,
    value: derUnsigned(numberToBytes(value)),
  })
  return [
    authorityKeyIdentifier(facts.authorityKeyId),
    number(OID.cRLNumber, facts.number),
    ...(baseNumber === undefined ? [] : [number(OID.deltaCRLIndicator, baseNumber)]),
    ...(pseudonym === undefined ? [] : [pseudonymEpoch(pseudonym)]),
  ]
}

function pseudonymEpoch({ epoch, keyHash }: PseudonymCommitment): Extension {
  const value = derSequence(derUnsigned(numberToBytes(BigInt(epoch))), der(TAG.octetString, keyHash))
  return { oid: OID.pseudonymEpoch, critical: false, value }
}

/** Big-endian bytes of a whole number without leading zeroes; none for 0. */
export function numberToBytes(number: bigint): Uint8Array {
  const hex = number.toString(16)
  return number === 0n ? new Uint8Array() : Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}

/** The number of {@link numberToBytes}. */
export function numberFromBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
}
