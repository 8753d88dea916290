/**
 * The record inside its COSE frame (cose.ts). The payload is a map:
 *
 *     A7
 *       01  text    origin: node_id of the author, a DNS label
 *       02  bytes   issuerKeyId: authorityKeyId of the author's certificate, 32 bytes
 *       03  bytes   serialNumber of that certificate, 1 to 20 bytes, no leading zero
 *       04  uint    sequence per (origin, type)
 *       05  uint    createdAtMs
 *       06  uint    lifetimeMs: 0 for ledger types, at least 1 for all others
 *       07  bytes   body: deterministic CBOR, read by the codec of its type
 *
 * The content type names the type: `application/vnd.gapmesh.<type>+cbor`.
 */
import { CborReader, type CborValue, encodeCbor, type GapmeshError, isDnsLabel } from '../core/index.ts'
import { type CoseFrame, idOf, readCoseSign, type SignedItems, signedItems, writeCoseSign } from './cose.ts'
import { RECORDS_ERRORS } from './errors.ts'
import { MAX_LIFETIME_MS, MAX_RECORD_BYTES, MAX_SERIAL_BYTES, MAX_TIME_MS } from './limits.ts'
import { type DecodedRecord, RECORD_TYPES, type RecordContent, type RecordSignature, type RecordType } from './types.ts'

const FIELD = {
  origin: 1,
  issuerKeyId: 2,
  serialNumber: 3,
  sequence: 4,
  createdAtMs: 5,
  lifetimeMs: 6,
  body: 7,
} as const

const CONTENT_TYPE = /^application\/vnd\.gapmesh\.([a-z][a-z0-9-]{0,31})\+cbor$/

const MAX_ORIGIN_BYTES = 63

const KEY_ID_BYTES = 32

const LEDGER_TYPES: readonly RecordType[] = ['microblock', 'seal', 'checkpoint', 'evidence']

/** True for the types that are kept as long as the ledger is: their `lifetimeMs` is 0. */
export function isLedgerType(type: RecordType): boolean {
  return LEDGER_TYPES.includes(type)
}

/** When a record's lifetime ends, in milliseconds since the Unix epoch; undefined for ledger types. */
export function expiryOf(record: Pick<RecordContent, 'type' | 'createdAtMs' | 'lifetimeMs'>): number | undefined {
  return isLedgerType(record.type) ? undefined : record.createdAtMs + record.lifetimeMs
}

/**
 * The bytes of a record with these signatures, classical first. Checks nothing: {@link decodeRecord} does.
 * @throws {TypeError} for values that CBOR here does not carry
 */
export function encodeRecord(content: RecordContent, signatures: readonly RecordSignature[]): Uint8Array {
  return writeCoseSign(itemsOf(content), signatures)
}

/** The items of a record that its signatures and its id cover. */
export function itemsOf(content: RecordContent): SignedItems {
  return signedItems(`application/vnd.gapmesh.${content.type}+cbor`, encodePayload(content))
}

function encodePayload(content: RecordContent): Uint8Array {
  const payload = new Map<number, CborValue>([
    [FIELD.origin, content.origin],
    [FIELD.issuerKeyId, content.issuerKeyId],
    [FIELD.serialNumber, content.serialNumber],
    [FIELD.sequence, content.sequence],
    [FIELD.createdAtMs, content.createdAtMs],
    [FIELD.lifetimeMs, content.lifetimeMs],
    [FIELD.body, content.body],
  ])
  return encodeCbor(payload)
}

/** A decoded record with the frame it stood in. */
export interface OpenedRecord {
  readonly record: DecodedRecord
  readonly frame: CoseFrame
}

/**
 * Decodes a record strictly; verifies nothing. The result stands on a copy of `bytes`.
 * @throws RECORDS_TOO_LARGE, RECORDS_MALFORMED, RECORDS_CRITICAL_HEADER, RECORDS_SIGNATURE_SET,
 * RECORDS_ALGORITHM_UNKNOWN, RECORDS_TYPE_UNKNOWN, RECORDS_LIFETIME
 */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  return openRecord(bytes).record
}

/**
 * {@link decodeRecord}, together with what the signatures cover.
 * @throws as {@link decodeRecord}
 */
export function openRecord(bytes: Uint8Array): OpenedRecord {
  if (bytes.length > MAX_RECORD_BYTES) {
    throw RECORDS_ERRORS.create('RECORDS_TOO_LARGE', { metadata: { bytes: bytes.length, maxBytes: MAX_RECORD_BYTES } })
  }
  const copy = new Uint8Array(bytes)
  const frame = readCoseSign(copy)
  checkOrder(frame)
  const fields = readPayload(frame.payload)
  const type = typeOf(frame.contentType)
  checkLifetime(type, fields.lifetimeMs)
  const signatures = frame.signatures.map(({ coseAlgorithm, keyId, signature }) => ({
    coseAlgorithm,
    keyId,
    signature,
  }))
  return { record: { type, ...fields, id: idOf(frame), bytes: copy, signatures }, frame }
}

/** The classical signature stands first: two orders would be two encodings of one record. */
function checkOrder({ signatures: [first, second] }: CoseFrame): void {
  if (second === undefined || first?.suite.half === 'classical') return
  throw RECORDS_ERRORS.create('RECORDS_SIGNATURE_SET', { metadata: { order: 'post-quantum first' } })
}

function malformed(what: string): GapmeshError {
  return RECORDS_ERRORS.create('RECORDS_MALFORMED', { detail: what, metadata: { what } })
}

function readPayload(payload: Uint8Array): Omit<RecordContent, 'type'> {
  const reader = new CborReader(payload, malformed)
  reader.map('payload', { min: 7, max: 7 })
  reader.key('payload', FIELD.origin)
  const origin = reader.ascii('origin', { min: 1, max: MAX_ORIGIN_BYTES })
  if (!isDnsLabel(origin)) throw malformed('origin')
  reader.key('payload', FIELD.issuerKeyId)
  const issuerKeyId = reader.bytes('issuer key id', { min: KEY_ID_BYTES, max: KEY_ID_BYTES })
  reader.key('payload', FIELD.serialNumber)
  const serialNumber = reader.bytes('serial number', { min: 1, max: MAX_SERIAL_BYTES })
  if (serialNumber[0] === 0) throw malformed('serial number')
  reader.key('payload', FIELD.sequence)
  const sequence = reader.uint('sequence', {})
  reader.key('payload', FIELD.createdAtMs)
  const createdAtMs = reader.uint('creation time', { max: MAX_TIME_MS })
  reader.key('payload', FIELD.lifetimeMs)
  const lifetimeMs = reader.uint('lifetime', {})
  reader.key('payload', FIELD.body)
  const body = reader.bytes('body', { min: 1 })
  reader.end('payload')
  return { origin, issuerKeyId, serialNumber, sequence, createdAtMs, lifetimeMs, body }
}

function typeOf(contentType: string): RecordType {
  const name = CONTENT_TYPE.exec(contentType)?.[1]
  if (name === undefined) throw malformed('content type')
  if (!isRecordType(name)) throw RECORDS_ERRORS.create('RECORDS_TYPE_UNKNOWN', { metadata: { type: name } })
  return name
}

function isRecordType(name: string): name is RecordType {
  return Object.hasOwn(RECORD_TYPES, name)
}

function checkLifetime(type: RecordType, lifetimeMs: number): void {
  const { min, max } = isLedgerType(type) ? { min: 0, max: 0 } : { min: 1, max: MAX_LIFETIME_MS }
  if (lifetimeMs < min || lifetimeMs > max) {
    throw RECORDS_ERRORS.create('RECORDS_LIFETIME', { metadata: { type, lifetimeMs } })
  }
}
