/**
 * Body of a directive: what an operator tells nodes to do. Its author's certificate has the purpose `operator`.
 *
 *     83 | 86                      array of 3 or 6 items
 *       uint                         kind: 1 revoke, 2 rotate. Append-only
 *
 *     revoke                       a single revocation, ahead of the next list
 *       58 20 ..                     authorityKeyId of the revoked certificate
 *       bytes                        its serial number, 1 to 20 bytes, no leading zero
 *       58 20 ..                     SHA-256 of its SPKI
 *       uint                         reason (RFC 5280 §5.3.1): 1 to 5, 9 or 10
 *       uint                         revokedAtMs
 *
 *     rotate                       change certificates before the half of their life
 *       text | F6                    node_id, or null for every node
 *       uint                         notLaterThanMs: when every node has begun to
 */
import { CborReader, type CborValue, encodeCbor, type GapmeshError, isDnsLabel } from '../core/index.ts'
import { RECORDS_ERRORS } from './errors.ts'
import { MAX_SERIAL_BYTES, MAX_TIME_MS } from './limits.ts'

/** What an operator may tell nodes. */
export type Directive = RevokeDirective | RotateDirective

/** A certificate that no longer counts. */
export interface RevokeDirective {
  readonly kind: 'revoke'
  readonly authorityKeyId: Uint8Array
  readonly serialNumber: Uint8Array
  /** SHA-256 of the certificate's SPKI. */
  readonly subjectKeyId: Uint8Array
  /** CRLReason (RFC 5280 §5.3.1). */
  readonly reason: number
  readonly revokedAtMs: number
}

/** Certificates that should be changed soon. */
export interface RotateDirective {
  readonly kind: 'rotate'
  /** Undefined: every node. */
  readonly nodeId: string | undefined
  readonly notLaterThanMs: number
}

const KIND = { revoke: 1, rotate: 2 } as const

/** Neither `unspecified` nor what lists alone can say: a hold, and its end. */
const REASONS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 9, 10])

const HASH = { min: 32, max: 32 } as const

function malformed(what: string): GapmeshError {
  return RECORDS_ERRORS.create('RECORDS_BODY_MALFORMED', { detail: what, metadata: { what } })
}

/**
 * The body of a directive.
 * @throws RECORDS_BODY_MALFORMED when {@link decodeDirective} would refuse the result
 */
export function encodeDirective(directive: Directive): Uint8Array {
  const body = encodeCbor([KIND[directive.kind], ...fieldsOf(directive)])
  decodeDirective(body)
  return body
}

function fieldsOf(directive: Directive): CborValue[] {
  if (directive.kind === 'rotate') return [directive.nodeId ?? null, directive.notLaterThanMs]
  const { authorityKeyId, serialNumber, subjectKeyId, reason, revokedAtMs } = directive
  return [authorityKeyId, serialNumber, subjectKeyId, reason, revokedAtMs]
}

/**
 * Decodes the body of a directive strictly. Byte strings are views into `body`.
 * @throws RECORDS_BODY_MALFORMED
 */
export function decodeDirective(body: Uint8Array): Directive {
  const reader = new CborReader(body, malformed)
  const fields = reader.array('directive', { min: 3, max: 6 })
  const kind = reader.uint('kind', { min: KIND.revoke, max: KIND.rotate })
  if (fields !== (kind === KIND.revoke ? 6 : 3)) throw malformed('fields')
  const directive = kind === KIND.revoke ? readRevoke(reader) : readRotate(reader)
  reader.end('end of the body')
  return directive
}

function readRevoke(reader: CborReader): RevokeDirective {
  const authorityKeyId = reader.bytes('authority key id', HASH)
  const serialNumber = reader.bytes('serial number', { min: 1, max: MAX_SERIAL_BYTES })
  if (serialNumber[0] === 0) throw malformed('serial number')
  const subjectKeyId = reader.bytes('subject key id', HASH)
  const reason = reader.uint('reason', { max: 10 })
  if (!REASONS.has(reason)) throw malformed('reason')
  const revokedAtMs = reader.uint('revoked at', { max: MAX_TIME_MS })
  return { kind: 'revoke', authorityKeyId, serialNumber, subjectKeyId, reason, revokedAtMs }
}

function readRotate(reader: CborReader): RotateDirective {
  const everyone = reader.next === 'simple'
  const nodeId = everyone ? undefined : reader.ascii('node_id', { min: 1, max: 63 })
  if (everyone && reader.simple('node_id') !== null) throw malformed('node_id')
  if (nodeId !== undefined && !isDnsLabel(nodeId)) throw malformed('node_id')
  const notLaterThanMs = reader.uint('not later than', { max: MAX_TIME_MS })
  return { kind: 'rotate', nodeId, notLaterThanMs }
}
