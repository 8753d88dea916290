import { decodeAnomalyBody } from './anomaly.ts'
import { decodeCertificateBody } from './certificate-body.ts'
import { decodeDirective } from './directive.ts'
import { RECORDS_ERRORS } from './errors.ts'
import type { CheckedRecord, DecodedRecord, RecordType } from './types.ts'

/**
 * Body codecs by type: each takes the body and returns what it holds, or throws RECORDS_BODY_MALFORMED. A type without
 * a codec is not known to this node, whatever its number says. Rooms above bring the codecs of their own types.
 */
export type RecordBodies = Readonly<Partial<Record<RecordType, (body: Uint8Array) => unknown>>>

/** The codecs of this room. */
export const RECORD_BODIES: RecordBodies = Object.freeze({
  anomaly: decodeAnomalyBody,
  certificate: decodeCertificateBody,
  directive: decodeDirective,
})

/**
 * The codec of `type`.
 * @throws RECORDS_TYPE_UNKNOWN
 */
export function bodyCodec(bodies: RecordBodies, type: RecordType): (body: Uint8Array) => unknown {
  const codec = Object.hasOwn(bodies, type) ? bodies[type] : undefined
  if (codec === undefined) throw RECORDS_ERRORS.create('RECORDS_TYPE_UNKNOWN', { metadata: { type } })
  return codec
}

/**
 * `record` with its body decoded.
 * @throws RECORDS_TYPE_UNKNOWN, RECORDS_BODY_MALFORMED
 */
export function checkBody(record: DecodedRecord, bodies: RecordBodies): CheckedRecord {
  return { ...record, decodedBody: bodyCodec(bodies, record.type)(record.body) }
}
