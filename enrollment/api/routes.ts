import type { WireName } from '../wire-schemas.ts'

/** Who may use a route: anybody, who has a token, a node or an operator by the certificate of its TLS connection. */
export type RouteAuth = 'anybody' | 'token' | 'node' | 'operator'

/** One route of the enrolment API: the server is built from it, and the OpenAPI document. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** In the form of OpenAPI: `{id}` for a parameter. */
  readonly path: string
  readonly operation: Operation
  readonly summary: string
  readonly auth: RouteAuth
  /** Body of the request. */
  readonly request?: WireName
  /** Body of the answer of status 200; without one the answer is 204. */
  readonly answer?: WireName | 'list' | 'document'
  /** Statuses of refusals, apart from 400 for a malformed request, 429 and 500. */
  readonly refusals: readonly number[]
}

export type Operation =
  | 'enroll'
  | 'answerChallenge'
  | 'rotate'
  | 'fetchList'
  | 'fetchDelta'
  | 'revoke'
  | 'fetchPseudonym'
  | 'createToken'
  | 'getPolicy'
  | 'setPolicy'
  | 'rotateOperator'
  | 'approveRootChange'
  | 'describe'

/** Every route. */
export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/enroll',
    operation: 'enroll',
    summary: 'Redeem a token for a certificate; the same keys get the same certificate again.',
    auth: 'token',
    request: 'EnrollRequest',
    answer: 'EnrollAnswer',
    refusals: [403, 503],
  },
  {
    method: 'POST',
    path: '/v1/enroll/{id}',
    operation: 'answerChallenge',
    summary: 'Answer the challenge to prove a device. No challenges are made yet: every id is unknown.',
    auth: 'token',
    request: 'ChallengeAnswer',
    answer: 'EnrollAnswer',
    refusals: [403, 404],
  },
  {
    method: 'POST',
    path: '/v1/rotate',
    operation: 'rotate',
    summary: "A node's next certificate, over new keys, for its present one; after its end too while there is grace.",
    auth: 'node',
    request: 'RotateRequest',
    answer: 'RotateAnswer',
    refusals: [401, 403, 503],
  },
  {
    method: 'GET',
    path: '/v1/crl',
    operation: 'fetchList',
    summary: 'The full revocation list.',
    auth: 'anybody',
    answer: 'list',
    refusals: [404],
  },
  {
    method: 'GET',
    path: '/v1/crl/delta',
    operation: 'fetchDelta',
    summary: 'What changed since the full revocation list.',
    auth: 'anybody',
    answer: 'list',
    refusals: [404],
  },
  {
    method: 'POST',
    path: '/v1/revoke',
    operation: 'revoke',
    summary: 'Revoke a certificate by its serial number, or those of a node or an operator: exactly one of the three.',
    auth: 'operator',
    request: 'RevokeRequest',
    refusals: [401, 403, 404, 503],
  },
  {
    method: 'GET',
    path: '/v1/pseudonym',
    operation: 'fetchPseudonym',
    summary: 'The present key of the keyed hashes under which addresses leave a node.',
    auth: 'node',
    answer: 'Pseudonym',
    refusals: [401, 403, 503],
  },
  {
    method: 'POST',
    path: '/v1/token',
    operation: 'createToken',
    summary: 'Make a token.',
    auth: 'operator',
    request: 'TokenRequest',
    answer: 'TokenAnswer',
    refusals: [401, 403, 503],
  },
  {
    method: 'GET',
    path: '/v1/policy',
    operation: 'getPolicy',
    summary: 'The policy of the mesh.',
    auth: 'operator',
    answer: 'Policy',
    refusals: [401, 403, 503],
  },
  {
    method: 'PUT',
    path: '/v1/policy',
    operation: 'setPolicy',
    summary: 'Put another policy in the place of the present one.',
    auth: 'operator',
    request: 'Policy',
    refusals: [401, 403, 503],
  },
  {
    method: 'POST',
    path: '/v1/operator/rotate',
    operation: 'rotateOperator',
    summary: "An operator's next certificate, over new keys, while the present one is valid.",
    auth: 'operator',
    request: 'RotateRequest',
    answer: 'RotateAnswer',
    refusals: [401, 403, 503],
  },
  {
    method: 'POST',
    path: '/v1/root-change',
    operation: 'approveRootChange',
    summary: 'Approve that the root of the mesh is changed.',
    auth: 'operator',
    request: 'Nothing',
    answer: 'RootApprovals',
    refusals: [401, 403, 503],
  },
  {
    method: 'GET',
    path: '/v1/openapi.json',
    operation: 'describe',
    summary: 'This document.',
    auth: 'anybody',
    answer: 'document',
    refusals: [],
  },
]
