import { CRYPTO_ERRORS } from '../../crypto/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'

/**
 * Problem document (RFC 9457) of the enrolment API. Its text depends on the status alone, so that nobody learns from it
 * which tokens and names exist; the reason is in the CA's log.
 */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
}

const TITLES = {
  400: ['bad-request', 'The request is malformed.'],
  403: ['refused', 'The enrolment is refused.'],
  404: ['not-found', 'There is nothing here.'],
  429: ['too-many-requests', 'Too many requests. Try again in a minute.'],
  500: ['internal', 'The CA failed.'],
} as const

export type ProblemStatus = keyof typeof TITLES

/** The problem document of a status. */
export function problemOf(status: ProblemStatus): Problem {
  const [name, title] = TITLES[status]
  return { type: `urn:gapmesh:problem:${name}`, title, status }
}

const REFUSED = [
  'ENROLLMENT_TOKEN_FOREIGN',
  'ENROLLMENT_TOKEN_UNKNOWN',
  'ENROLLMENT_TOKEN_EXPIRED',
  'ENROLLMENT_TOKEN_USED',
  'ENROLLMENT_NODE_ID_MISMATCH',
  'ENROLLMENT_NODE_ID_TAKEN',
]
const MALFORMED = [
  'ENROLLMENT_TOKEN_FORMAT',
  'ENROLLMENT_TOKEN_CHECKSUM',
  'ENROLLMENT_NODE_ID_MISSING',
  'ENROLLMENT_REQUEST_MALFORMED',
  'ENROLLMENT_CSR_TOO_LARGE',
  'ENROLLMENT_CSR_MALFORMED',
  'ENROLLMENT_CSR_PROOF',
  'ENROLLMENT_PEM',
]

/** The status that tells a client about `error`: ours by code, the HTTP server's own by their status. */
export function statusOf(error: unknown): ProblemStatus {
  if (CRYPTO_ERRORS.matches(error, 'CRYPTO_BUSY') || ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_BUSY')) return 429
  if (ENROLLMENT_ERRORS.matches(error)) {
    if (REFUSED.includes(error.code)) return 403
    return MALFORMED.includes(error.code) ? 400 : 500
  }
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode
  return typeof status === 'number' && status >= 400 && status < 500 ? 400 : 500
}
