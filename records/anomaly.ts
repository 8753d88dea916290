/**
 * Body of an anomaly record: what one node saw within one coalescing window.
 *
 *     81 .. 98 40                  1 to 64 anomaly signatures, each
 *       89 | 8A                      array of 9, or of 10 with addresses
 *         text | 58 20 ..            indicator: rule id (printable ASCII), or SHA-256 of an indicator
 *         text                       kind: lower-case words joined by _
 *         uint                       severity, 1 to 5
 *         uint                       score, per mille
 *         uint                       firstSeenMs
 *         uint                       lastSeenMs − firstSeenMs
 *         uint                       count, at least 1
 *         uint                       expiresAtMs − lastSeenMs
 *         58 20 ..                   id of the microblock
 *         83 uint bytes bytes        epoch of the pseudonym key, hashed source and destination: 32 bytes or none each
 *
 * Times are told as differences, so that their order needs no checking and a storm stays small. The largest body that
 * these bounds allow fits in a record.
 */
import { CborReader, type CborValue, encodeCbor, type GapmeshError } from '../core/index.ts'
import { RECORDS_ERRORS } from './errors.ts'
import {
  MAX_ANOMALY_SIGNATURES,
  MAX_EVENT_COUNT,
  MAX_INDICATOR_CHARACTERS,
  MAX_KIND_CHARACTERS,
  MAX_LIFETIME_MS,
  MAX_PSEUDONYM_EPOCH,
  MAX_SCORE,
  MAX_TIME_MS,
} from './limits.ts'
import type { AnomalySignature, HashedAddresses, Severity } from './types.ts'

const FIELDS = 9

/** Bounds of the fields. Made once: a storm reads hundreds of thousands of fields a second. */
const BOUNDS = {
  fields: { min: FIELDS, max: FIELDS + 1 },
  hash: { min: 32, max: 32 },
  indicator: { min: 1, max: MAX_INDICATOR_CHARACTERS },
  kind: { min: 1, max: MAX_KIND_CHARACTERS },
  severity: { min: 1, max: 5 },
  score: { min: 0, max: MAX_SCORE },
  time: { min: 0, max: MAX_TIME_MS },
  count: { min: 1, max: MAX_EVENT_COUNT },
  lifetime: { min: 0, max: MAX_LIFETIME_MS },
  addresses: { min: 3, max: 3 },
  epoch: { min: 0, max: MAX_PSEUDONYM_EPOCH },
  address: { min: 0, max: 32 },
} as const

const KIND = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/

function malformed(what: string): GapmeshError {
  return RECORDS_ERRORS.create('RECORDS_BODY_MALFORMED', { detail: what, metadata: { what } })
}

/**
 * The body of an anomaly record.
 * @throws RECORDS_BODY_MALFORMED when {@link decodeAnomalyBody} would refuse the result
 */
export function encodeAnomalyBody(signatures: readonly AnomalySignature[]): Uint8Array {
  const body = encodeCbor(signatures.map(toCbor))
  decodeAnomalyBody(body)
  return body
}

function toCbor(signature: AnomalySignature): CborValue {
  const { firstSeenMs, lastSeenMs, expiresAtMs, addresses } = signature
  if (lastSeenMs < firstSeenMs || expiresAtMs < lastSeenMs) throw malformed('order of times')
  const fields: CborValue[] = [
    signature.indicator,
    signature.kind,
    signature.severity,
    signature.score,
    firstSeenMs,
    lastSeenMs - firstSeenMs,
    signature.count,
    expiresAtMs - lastSeenMs,
    signature.blockId,
  ]
  return addresses === undefined ? fields : [...fields, addressesToCbor(addresses)]
}

function addressesToCbor({ epoch, source, destination }: HashedAddresses): CborValue {
  const none = new Uint8Array()
  if (source?.length === 0 || destination?.length === 0) throw malformed('address')
  return [epoch, source ?? none, destination ?? none]
}

/**
 * Decodes the body of an anomaly record strictly. Hashes are views into `body`.
 * @throws RECORDS_BODY_MALFORMED
 */
export function decodeAnomalyBody(body: Uint8Array): AnomalySignature[] {
  const reader = new CborReader(body, malformed)
  const count = reader.array('anomaly signatures', { min: 1, max: MAX_ANOMALY_SIGNATURES })
  const signatures: AnomalySignature[] = []
  for (let left = count; left > 0; left -= 1) signatures.push(readSignature(reader))
  reader.end('end of the body')
  return signatures
}

function readSignature(reader: CborReader): AnomalySignature {
  const fields = reader.array('anomaly signature', BOUNDS.fields)
  const indicator =
    reader.next === 'text' ? reader.ascii('indicator', BOUNDS.indicator) : reader.bytes('indicator', BOUNDS.hash)
  const kind = reader.ascii('kind', BOUNDS.kind)
  if (!KIND.test(kind)) throw malformed('kind')
  const severity = reader.uint('severity', BOUNDS.severity) as Severity
  const score = reader.uint('score', BOUNDS.score)
  const firstSeenMs = reader.uint('first seen', BOUNDS.time)
  const lastSeenMs = firstSeenMs + reader.uint('last seen', BOUNDS.time)
  if (lastSeenMs > MAX_TIME_MS) throw malformed('last seen')
  const count = reader.uint('count', BOUNDS.count)
  const expiresAtMs = lastSeenMs + reader.uint('expiry', BOUNDS.lifetime)
  const blockId = reader.bytes('block id', BOUNDS.hash)
  if (fields === FIELDS)
    return { indicator, kind, severity, score, firstSeenMs, lastSeenMs, count, expiresAtMs, blockId }
  const addresses = readAddresses(reader)
  return { indicator, kind, severity, score, firstSeenMs, lastSeenMs, count, expiresAtMs, blockId, addresses }
}

function readAddresses(reader: CborReader): HashedAddresses {
  reader.array('addresses', BOUNDS.addresses)
  const epoch = reader.uint('epoch', BOUNDS.epoch)
  const source = reader.bytes('source', BOUNDS.address)
  const destination = reader.bytes('destination', BOUNDS.address)
  if (source.length + destination.length === 0) throw malformed('addresses')
  if (source.length % 32 !== 0 || destination.length % 32 !== 0) throw malformed('address')
  if (destination.length === 0) return { epoch, source }
  return source.length === 0 ? { epoch, destination } : { epoch, source, destination }
}
