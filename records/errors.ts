import { defineErrors } from '../core/index.ts'

/**
 * Errors of records. `reject` is what every node would refuse in any state; what depends on the clock, on the version,
 * on known certificates and revocations, on policy or on what was seen before is `ignore`.
 */
export const RECORDS_ERRORS = defineErrors('records', {
  RECORDS_TOO_LARGE: { message: 'the record is larger than its cap', action: 'reject' },
  RECORDS_MALFORMED: { message: 'the bytes are not one record in deterministic encoding', action: 'reject' },
  RECORDS_CRITICAL_HEADER: { message: 'the record has a critical header that is not known', action: 'reject' },
  RECORDS_SIGNATURE_SET: {
    message: 'the record does not carry one signature per half, the classical one first',
    action: 'reject',
  },
  RECORDS_LIFETIME: { message: 'the lifetime is outside what the type of record allows', action: 'reject' },
  RECORDS_BODY_MALFORMED: { message: 'the body of the record is outside what its type allows', action: 'reject' },
  RECORDS_TYPE_UNKNOWN: {
    message: 'the record has a type that is not known here',
    hint: 'A newer gapmesh may know it.',
    action: 'ignore',
  },
  RECORDS_ALGORITHM_UNKNOWN: {
    message: 'a signature of the record uses an algorithm that is not known here',
    hint: 'A newer gapmesh may know it.',
    action: 'ignore',
  },
  RECORDS_EXPIRED: { message: 'the record has outlived its lifetime', action: 'ignore' },
  RECORDS_FROM_FUTURE: {
    message: 'the record was created too far ahead of the local clock',
    hint: 'Compare the clocks of this node and of the record’s origin.',
    action: 'ignore',
  },
  RECORDS_TIME_ORDER: {
    message: 'the creation time goes back while the sequence of its origin rises',
    hint: 'Was the clock of the origin set back, or the node restored from a backup?',
    action: 'ignore',
  },
  RECORDS_DUPLICATE: { message: 'the record is already held', action: 'ignore' },
  RECORDS_CERTIFICATE_UNKNOWN: { message: 'the certificate of the record’s origin is not known yet', action: 'ignore' },
  RECORDS_CERTIFICATE_REFUSED: {
    message: 'the certificate of the record’s origin was not valid at the creation time',
    action: 'ignore',
  },
  RECORDS_ORIGIN_MISMATCH: { message: 'the record names another origin than its certificate', action: 'reject' },
  RECORDS_REVOKED: {
    message: 'a certificate that the record depends on is revoked',
    hint: 'The origin must be enrolled again with a new token.',
    action: 'ignore',
  },
  RECORDS_POLICY: {
    message: 'the record lacks a signature half that the policy of its creation time asks for',
    action: 'ignore',
  },
  RECORDS_SIGNATURE: { message: 'a signature of the record is not valid', action: 'reject' },
  RECORDS_ADDRESS: { message: 'the text is not an IPv4 or IPv6 address' },
})

/** Refusals of what the record id covers, that time does not mend. */
const ABOUT_CONTENT: readonly string[] = [
  'RECORDS_LIFETIME',
  'RECORDS_BODY_MALFORMED',
  'RECORDS_TIME_ORDER',
  'RECORDS_CERTIFICATE_REFUSED',
  'RECORDS_ORIGIN_MISMATCH',
  'RECORDS_REVOKED',
]

/**
 * True when a refusal with this code is about the content of a record and lasts, so that its id may be remembered as
 * refused. Other refusals may be about the signatures, which the id leaves out: whoever remembered those could be made to
 * miss an honest record by being sent a copy with a broken signature first. A record from the future is right later, one of
 * an unknown certificate when that arrives, an expired one when the local clock was wrong, one of an unknown type after an
 * update.
 */
export function refusesContent(code: string): boolean {
  return ABOUT_CONTENT.includes(code)
}
