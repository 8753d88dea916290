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
  401: ['unauthenticated', 'A valid certificate of this mesh is needed.'],
  403: ['refused', 'The request is refused.'],
  404: ['not-found', 'There is nothing here.'],
  429: ['too-many-requests', 'Too many requests. Try again in a minute.'],
  500: ['internal', 'The CA failed.'],
  503: ['unavailable', 'The CA decides nothing for now.'],
} as const

export type ProblemStatus = keyof typeof TITLES

/** The problem document of a status. */
export function problemOf(status: ProblemStatus): Problem {
  const [name, title] = TITLES[status]
  return { type: `urn:gapmesh:problem:${name}`, title, status }
}

/** The whole answer to bytes that are no HTTP, or that two servers could read differently. */
export const UNREADABLE = rawAnswer(JSON.stringify(problemOf(400)))

function rawAnswer(body: string): string {
  const head = ['HTTP/1.1 400 Bad Request', 'content-type: application/problem+json', 'connection: close']
  return [...head, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')
}

type Code = Parameters<typeof ENROLLMENT_ERRORS.create>[0]

const STATUSES: Readonly<Partial<Record<Code, ProblemStatus>>> = {
  ENROLLMENT_TOKEN_FORMAT: 400,
  ENROLLMENT_TOKEN_CHECKSUM: 400,
  ENROLLMENT_TOKEN_FOREIGN: 400,
  ENROLLMENT_TOKEN_UNKNOWN: 400,
  ENROLLMENT_TOKEN_EXPIRED: 400,
  ENROLLMENT_TOKEN_USED: 400,
  ENROLLMENT_NODE_ID_MISSING: 400,
  ENROLLMENT_REQUEST_MALFORMED: 400,
  ENROLLMENT_CSR_TOO_LARGE: 400,
  ENROLLMENT_CSR_MALFORMED: 400,
  ENROLLMENT_CSR_PROOF: 400,
  ENROLLMENT_CSR_SUITE: 400,
  ENROLLMENT_PEM: 400,
  ENROLLMENT_POLICY_MALFORMED: 400,
  ENROLLMENT_PEER_UNTRUSTED: 401,
  ENROLLMENT_NODE_ID_MISMATCH: 403,
  ENROLLMENT_NODE_ID_TAKEN: 403,
  ENROLLMENT_KEY_TAKEN: 403,
  ENROLLMENT_POLICY: 403,
  ENROLLMENT_PEER_REVOKED: 403,
  ENROLLMENT_KEY_REVOKED: 403,
  ENROLLMENT_RENEWAL_SERIAL: 403,
  ENROLLMENT_RENEWAL_KEY: 403,
  ENROLLMENT_RENEWAL_ELSEWHERE: 403,
  ENROLLMENT_GRACE_OVER: 403,
  ENROLLMENT_GRACE_USED: 403,
  ENROLLMENT_DELEGATED: 403,
  ENROLLMENT_NOT_ALLOWED: 403,
  ENROLLMENT_CERTIFICATE_UNKNOWN: 404,
  ENROLLMENT_NOT_FOUND: 404,
  ENROLLMENT_BUSY: 429,
  ENROLLMENT_CA_BEHIND: 503,
}

/** The status that tells a client about `error`: ours by code, the HTTP server's own by their status. */
export function statusOf(error: unknown): ProblemStatus {
  if (CRYPTO_ERRORS.matches(error, 'CRYPTO_BUSY')) return 429
  if (ENROLLMENT_ERRORS.matches(error)) return STATUSES[error.code as Code] ?? 500
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode
  return typeof status === 'number' && status >= 400 && status < 500 ? 400 : 500
}
