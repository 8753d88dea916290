import { fromHex, toHex } from '../core/index.ts'
import type { RevokeReason } from './crl/index.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import type { EnrollmentPolicy } from './policy.ts'
import type { PseudonymKey } from './types.ts'
import {
  decodeChain,
  decodeCsr,
  encodeChain,
  encodeCsr,
  parseAnswer,
  readBody,
  readingAnswer,
  readPseudonym,
} from './wire.ts'

/**
 * JSON of what members ask: nodes and operators, each with its certificate. Times are `2026-01-01T00:00:00Z`, serial
 * numbers lower-case hexadecimal.
 *
 *     POST /v1/rotate   { csr, current_cert_serial, attestation? } → { certificate, valid_not_before, valid_not_after, grace? }
 *     POST /v1/revoke   { serial or node_id or operator, reason?, invalid_since? }
 *     POST /v1/token    { node_id?, roles?, uses?, lifetime_ms?, labels?, attestation? } → { token, expires_at }
 *     GET, PUT /v1/policy    all members of a policy, null for those that are not set
 *     GET /v1/pseudonym      { epoch, key: base64url }
 */

/** What asks for a new certificate. */
export interface RenewalBody {
  readonly csr: Uint8Array
  readonly currentSerialNumber: Uint8Array
}

/** A new certificate; the chain without its root. */
export interface RenewalAnswer {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Present when the old certificate had expired. */
  readonly grace?: { readonly used: number; readonly left: number } | undefined
}

/** JSON text of a request for a new certificate. */
export function encodeRenewal({ csr, currentSerialNumber }: RenewalBody): string {
  return JSON.stringify({ csr: encodeCsr(csr), current_cert_serial: toHex(currentSerialNumber) })
}

/** @throws ENROLLMENT_REQUEST_MALFORMED, ENROLLMENT_PEM */
export function readRenewal(json: unknown): RenewalBody {
  const body = readBody<{ csr: string; current_cert_serial: string }>('RotateRequest', json)
  return { csr: decodeCsr(body.csr), currentSerialNumber: fromHex(body.current_cert_serial) }
}

/** JSON value of the answer. */
export function encodeRenewalAnswer({ chain, notBeforeMs, notAfterMs, grace }: RenewalAnswer) {
  return {
    certificate: encodeChain(chain),
    valid_not_before: encodeTime(notBeforeMs),
    valid_not_after: encodeTime(notAfterMs),
    ...(grace !== undefined && { grace }),
  }
}

/** @throws ENROLLMENT_ANSWER_MALFORMED */
export function readRenewalAnswer(text: string): RenewalAnswer {
  return readingAnswer(() => {
    const body = parseAnswer<ReturnType<typeof encodeRenewalAnswer>>('RotateAnswer', text)
    return {
      chain: decodeChain(body.certificate),
      notBeforeMs: decodeTime(body.valid_not_before),
      notAfterMs: decodeTime(body.valid_not_after),
      grace: body.grace,
    }
  })
}

/** Which certificates to revoke: one by its serial number, or those of a node or an operator. */
export type RevocationName =
  | { readonly serialNumber: Uint8Array }
  | { readonly nodeId: string }
  | { readonly operator: string }

/** What `POST /v1/revoke` asks. */
export interface RevocationBody {
  readonly target: RevocationName
  readonly reason?: RevokeReason | undefined
  /** Since when the certificates have been invalid, if not since now. */
  readonly invalidityMs?: number | undefined
}

/** JSON text of a revocation. */
export function encodeRevocation({ target, reason, invalidityMs }: RevocationBody): string {
  return JSON.stringify({
    ...('serialNumber' in target && { serial: toHex(target.serialNumber) }),
    ...('nodeId' in target && { node_id: target.nodeId }),
    ...('operator' in target && { operator: target.operator }),
    reason,
    ...(invalidityMs !== undefined && { invalid_since: encodeTime(invalidityMs) }),
  })
}

type RevokeJson = {
  serial?: string
  node_id?: string
  operator?: string
  reason?: RevokeReason
  invalid_since?: string
}

/** @throws ENROLLMENT_REQUEST_MALFORMED, also when it names no target or several */
export function readRevocation(json: unknown): RevocationBody {
  const { serial, node_id: nodeId, operator, reason, invalid_since } = readBody<RevokeJson>('RevokeRequest', json)
  const targets: RevocationName[] = [
    ...(serial === undefined ? [] : [{ serialNumber: fromHex(serial) }]),
    ...(nodeId === undefined ? [] : [{ nodeId }]),
    ...(operator === undefined ? [] : [{ operator }]),
  ]
  const [target] = targets
  if (target === undefined || targets.length > 1) throw malformed('serial, node_id or operator')
  return { target, reason, invalidityMs: invalid_since === undefined ? undefined : requestTime(invalid_since) }
}

/** What a token is to be good for. */
export interface TokenBody {
  readonly nodeId?: string | undefined
  readonly roles?: readonly ('node' | 'validator')[] | undefined
  readonly uses?: number | undefined
  readonly lifetimeMs?: number | undefined
  readonly labels?: readonly string[] | undefined
  readonly attestation?: 'none' | 'required' | undefined
}

/** JSON text of a request for a token. */
export function encodeTokenRequest({ nodeId, lifetimeMs, ...same }: TokenBody): string {
  return JSON.stringify({ node_id: nodeId, lifetime_ms: lifetimeMs, ...same })
}

/** @throws ENROLLMENT_REQUEST_MALFORMED */
export function readTokenRequest(json: unknown): TokenBody {
  const { node_id: nodeId, lifetime_ms: lifetimeMs, ...same } = readBody<TokenJson>('TokenRequest', json)
  if (same.roles?.length === 0) throw malformed('roles')
  return { nodeId, lifetimeMs, ...same }
}

type TokenJson = Omit<TokenBody, 'nodeId' | 'lifetimeMs'> & { node_id?: string; lifetime_ms?: number }

/** A token as the CA shows it, once. */
export interface TokenAnswer {
  readonly token: string
  readonly expiresAtMs: number
}

/** JSON value of the answer. */
export function encodeTokenAnswer({ token, expiresAtMs }: TokenAnswer) {
  return { token, expires_at: new Date(expiresAtMs).toISOString() }
}

/** @throws ENROLLMENT_ANSWER_MALFORMED */
export function readTokenAnswer(text: string): TokenAnswer {
  return readingAnswer(() => {
    const body = parseAnswer<{ token: string; expires_at: string }>('TokenAnswer', text)
    return { token: body.token, expiresAtMs: decodeTime(body.expires_at) }
  })
}

/** JSON value of a policy. */
export function encodePolicyBody(policy: EnrollmentPolicy) {
  return {
    allow: policy.allow ?? null,
    max_nodes: policy.maxNodes ?? null,
    name_pattern: policy.namePattern ?? null,
    attestation: policy.attestation,
    revoke_on_removal: policy.revokeOnRemoval,
    leaf_lifetime_ms: policy.leafLifetimeMs,
    grace_ms: policy.graceMs,
    grace_count: policy.graceCount,
  }
}

type PolicyBody = ReturnType<typeof encodePolicyBody>

/** @throws ENROLLMENT_REQUEST_MALFORMED naming the member */
export function readPolicyBody(json: unknown): EnrollmentPolicy {
  return policyOf(readBody<PolicyBody>('Policy', json))
}

/** @throws ENROLLMENT_ANSWER_MALFORMED */
export function readPolicyAnswer(text: string): EnrollmentPolicy {
  return readingAnswer(() => policyOf(parseAnswer<PolicyBody>('Policy', text)))
}

function policyOf(body: PolicyBody): EnrollmentPolicy {
  return {
    allow: body.allow ?? undefined,
    maxNodes: body.max_nodes ?? undefined,
    namePattern: body.name_pattern ?? undefined,
    attestation: body.attestation,
    revokeOnRemoval: body.revoke_on_removal,
    leafLifetimeMs: body.leaf_lifetime_ms,
    graceMs: body.grace_ms,
    graceCount: body.grace_count,
  }
}

/** @throws ENROLLMENT_ANSWER_MALFORMED */
export function readPseudonymAnswer(text: string): PseudonymKey {
  return readingAnswer(() => readPseudonym(parseAnswer('Pseudonym', text)))
}

/** Who has approved a change of the root, and how many must. */
export interface ApprovalsAnswer {
  readonly approvedBy: readonly string[]
  readonly needed: number
}

/** JSON value of the answer. */
export function encodeApprovals({ approvedBy, needed }: ApprovalsAnswer) {
  return { approved_by: approvedBy, needed }
}

/** @throws ENROLLMENT_ANSWER_MALFORMED */
export function readApprovals(text: string): ApprovalsAnswer {
  return readingAnswer(() => {
    const body = parseAnswer<{ approved_by: readonly string[]; needed: number }>('RootApprovals', text)
    return { approvedBy: body.approved_by, needed: body.needed }
  })
}

function encodeTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.000Z$/, 'Z')
}

function decodeTime(text: string): number {
  const timeMs = Date.parse(text)
  if (Number.isNaN(timeMs)) throw new RangeError('time')
  return timeMs
}

/** From 1970 on, which is what the CA keeps. */
function requestTime(text: string): number {
  const timeMs = Date.parse(text)
  if (!(timeMs >= 0)) throw malformed('invalid_since')
  return timeMs
}

function malformed(detail: string) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_REQUEST_MALFORMED', { detail })
}
