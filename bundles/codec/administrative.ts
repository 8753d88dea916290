/*
 * Administrative record (RFC 9171 §6.1), the payload of a bundle flagged as one:
 *
 *   [ type uint, content ]
 *
 * Bundle status report, type 1 (RFC 9171 §6.1.1):
 *
 *   [ [received, forwarded, delivered, deleted], reason uint, source, [creation_time, sequence],
 *     fragment_offset, fragment_length ]        only about a fragment
 *
 * each of the four [asserted bool], or [true, time] where the bundle asked for times; times are milliseconds since the DTN
 * epoch.
 */
import { type CborReader, CborWriter, concatBytes } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_ADMINISTRATIVE_RECORD_BYTES } from '../limits.ts'
import type { EndpointId } from './endpoint.ts'
import { endpointRoom, readEndpoint, writeEndpoint } from './endpoint-cbor.ts'
import { type CreationTimestamp, readCreation } from './primary.ts'
import { BlockReader } from './reader.ts'

/** Whether something happened to a bundle at the reporting node, and when. */
export interface StatusAssertion {
  readonly asserted: boolean
  /** Milliseconds since the DTN epoch; only of what is asserted. */
  readonly timeMs?: number
}

/** What a node says of a bundle, or of a fragment of one. */
export interface StatusReport {
  readonly received: StatusAssertion
  readonly forwarded: StatusAssertion
  readonly delivered: StatusAssertion
  readonly deleted: StatusAssertion
  /** One of {@link REPORT_REASONS}, or one that is not known here. */
  readonly reason: number
  /** Source of the bundle. */
  readonly source: EndpointId
  readonly creation: CreationTimestamp
  /** Present when it is about a fragment: place and length of its payload in bytes. */
  readonly fragment?: { readonly offset: number; readonly length: number }
}

/** A status report, or a record of another type, whose content is one CBOR item as it came. */
export type AdministrativeRecord =
  | { readonly type: 1; readonly report: StatusReport }
  | { readonly type: number; readonly content: Uint8Array }

const STATUS_REPORT = 1
const MAX_CONTENT_DEPTH = 16
const EVENTS = ['received', 'forwarded', 'delivered', 'deleted'] as const

/** Reason codes of status reports (RFC 9171 §9.5, RFC 9172 §11.3). */
export const REPORT_REASONS = {
  noInformation: 0,
  lifetimeExpired: 1,
  forwardedOverUnidirectionalLink: 2,
  transmissionCanceled: 3,
  depletedStorage: 4,
  destinationUnavailable: 5,
  noRoute: 6,
  noTimelyContact: 7,
  blockUnintelligible: 8,
  hopLimitExceeded: 9,
  trafficPared: 10,
  blockUnsupported: 11,
  missingSecurityOperation: 12,
  unknownSecurityOperation: 13,
  unexpectedSecurityOperation: 14,
  failedSecurityOperation: 15,
  conflictingSecurityOperation: 16,
} as const

/**
 * Bytes of an administrative record.
 * @throws BUNDLES_ADMINISTRATIVE_RECORD, BUNDLES_STATUS_REPORT for one that {@link decodeAdministrativeRecord} would
 *   refuse, and the codes of endpoint ids
 */
export function encodeAdministrativeRecord(record: AdministrativeRecord): Uint8Array {
  const content = 'report' in record ? encodeReport(record.report) : record.content
  const bytes = concatBytes(new CborWriter(10).array(2).uint(record.type).written, content)
  decodeAdministrativeRecord(bytes)
  return bytes
}

function encodeReport(report: StatusReport): Uint8Array {
  const { reason, source, creation, fragment } = report
  const writer = new CborWriter(128 + endpointRoom(source)).array(fragment === undefined ? 4 : 6).array(4)
  for (const event of EVENTS) writeAssertion(writer, report[event])
  writer.uint(reason)
  writeEndpoint(writer, source)
  writer.array(2).uint(creation.timeMs).uint(creation.sequence)
  if (fragment !== undefined) writer.uint(fragment.offset).uint(fragment.length)
  return writer.written
}

function writeAssertion(writer: CborWriter, { asserted, timeMs }: StatusAssertion): void {
  writer.array(timeMs === undefined ? 1 : 2).encoded(Uint8Array.of(asserted ? 0xf5 : 0xf4))
  if (timeMs !== undefined) writer.uint(timeMs)
}

/**
 * The administrative record in a payload. Encoding it gives the same bytes.
 * @throws BUNDLES_ADMINISTRATIVE_RECORD, BUNDLES_STATUS_REPORT, BUNDLES_NOT_CANONICAL, BUNDLES_MALFORMED, and the codes of
 *   endpoint ids
 */
export function decodeAdministrativeRecord(payload: Uint8Array): AdministrativeRecord {
  if (payload.length > MAX_ADMINISTRATIVE_RECORD_BYTES)
    throw BUNDLES_ERRORS.create('BUNDLES_ADMINISTRATIVE_RECORD', { detail: 'too large' })
  const source = new BlockReader(payload, 'BUNDLES_ADMINISTRATIVE_RECORD')
  const { cbor } = source
  cbor.array('administrative record', { min: 2, max: 2 })
  const type = cbor.uint('type', {})
  if (type === STATUS_REPORT) {
    const report = source.within('BUNDLES_STATUS_REPORT', () => readReport(source))
    cbor.end('administrative record')
    return { type, report }
  }
  const start = cbor.at
  cbor.skip('content', MAX_CONTENT_DEPTH)
  const content = new Uint8Array(cbor.since(start))
  cbor.end('administrative record')
  return { type, content }
}

function readReport(source: BlockReader): StatusReport {
  const { cbor } = source
  const items = cbor.array('status report', { min: 4, max: 6 })
  if (items === 5) throw BUNDLES_ERRORS.create('BUNDLES_STATUS_REPORT', { detail: 'number of items' })
  cbor.array('status information', { min: 4, max: 4 })
  const [received, forwarded, delivered, deleted] = [0, 1, 2, 3].map(() => readAssertion(cbor)) as [
    StatusAssertion,
    StatusAssertion,
    StatusAssertion,
    StatusAssertion,
  ]
  const report = {
    received,
    forwarded,
    delivered,
    deleted,
    reason: cbor.uint('reason', {}),
    source: readEndpoint(source),
    creation: readCreation(cbor),
  }
  if (items === 4) return report
  return { ...report, fragment: { offset: cbor.uint('offset', {}), length: cbor.uint('length', {}) } }
}

function readAssertion(cbor: CborReader): StatusAssertion {
  const items = cbor.array('status', { min: 1, max: 2 })
  const asserted = cbor.simple('asserted')
  if (asserted === null || (items === 2 && !asserted))
    throw BUNDLES_ERRORS.create('BUNDLES_STATUS_REPORT', { detail: 'status' })
  return items === 1 ? { asserted } : { asserted, timeMs: cbor.uint('time', {}) }
}
