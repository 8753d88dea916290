import { PATH_ERRORS } from './errors.ts'
import { MAX_OID_BYTES } from './limits.ts'

/**
 * Dotted form of the content of an OBJECT IDENTIFIER (X.690 §8.19).
 * @throws RECORDS_DER_OID
 */
export function decodeOid(content: Uint8Array): string {
  const malformed = () => PATH_ERRORS.create('RECORDS_DER_OID')
  if (content.length === 0 || content.length > MAX_OID_BYTES || (content.at(-1) ?? 0) > 0x7f) throw malformed()
  const arcs: bigint[] = []
  let arc = 0n
  let fresh = true
  for (const byte of content) {
    if (fresh && byte === 0x80) throw malformed()
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(arc)
    arc = 0n
  }
  const [joined = 0n, ...rest] = arcs
  const first = joined < 80n ? joined / 40n : 2n
  return [first, joined - first * 40n, ...rest].join('.')
}

/**
 * Milliseconds since the Unix epoch of the text of a UTCTime or GeneralizedTime within RFC 5280 §4.1.2.5.
 * @throws RECORDS_DER_TIME
 */
export function decodeTime(text: string, generalized: boolean): number {
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
  if (match === null || text.length !== (generalized ? 15 : 13)) throw PATH_ERRORS.create('RECORDS_DER_TIME')
  const [yearField = 0, month = 0, ...rest] = match.slice(1).map(Number)
  const year = generalized ? yearField : yearField < 50 ? 2000 + yearField : 1900 + yearField
  const timeMs = Date.UTC(year, month - 1, ...rest)
  const digits = new Date(timeMs).toISOString().replace(/\.000Z$|[-:T]/g, '')
  if ((generalized && year < 2050) || !`${digits}Z`.endsWith(text)) throw PATH_ERRORS.create('RECORDS_DER_TIME')
  return timeMs
}
