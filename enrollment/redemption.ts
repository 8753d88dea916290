import { equalBytes, isDnsLabel } from '../core/index.ts'
import type { PublicKey, SuiteName } from '../crypto/index.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import type { EnrollmentRequest, TokenTerms } from './types.ts'

/** What the CA knows of a token when somebody presents it. */
export interface TokenState extends TokenTerms {
  readonly used: number
}

/** Label of the CA's own server in the names of its certificate; no node may have it. */
export const CA_LABEL = 'ca'

/**
 * The node_id of a request under a token.
 * @throws ENROLLMENT_NODE_ID_MISSING, ENROLLMENT_NODE_ID_MISMATCH, ENROLLMENT_NODE_ID_TAKEN for the CA's own label,
 * ENROLLMENT_REQUEST_MALFORMED when it is no DNS label
 */
export function decideNodeId(terms: Pick<TokenTerms, 'nodeId'>, asked: Pick<EnrollmentRequest, 'nodeId'>): string {
  const nodeId = terms.nodeId ?? asked.nodeId
  if (nodeId === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_NODE_ID_MISSING')
  if (asked.nodeId !== undefined && asked.nodeId !== nodeId) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_NODE_ID_MISMATCH')
  }
  if (!isDnsLabel(nodeId)) throw ENROLLMENT_ERRORS.create('ENROLLMENT_REQUEST_MALFORMED', { detail: 'node_id' })
  if (nodeId === CA_LABEL) throw ENROLLMENT_ERRORS.create('ENROLLMENT_NODE_ID_TAKEN')
  return nodeId
}

/**
 * Whether a token may be redeemed by a key that has not redeemed it before.
 * @throws ENROLLMENT_TOKEN_EXPIRED, ENROLLMENT_TOKEN_USED
 */
export function checkRedeemable(token: TokenState, nowMs: number): void {
  if (nowMs >= token.expiresAtMs) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_EXPIRED')
  if (token.used >= token.uses) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_USED')
}

/**
 * Whether an identity key is of the suite of its mesh: another one could enrol, but not link.
 * @throws ENROLLMENT_CSR_SUITE
 */
export function checkSuite(identityKey: PublicKey, suite: SuiteName): void {
  if (identityKey.suite.name !== suite) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_SUITE')
}

/** Who has a node_id already. */
export interface NameClaim {
  /** Key that owns the name; undefined: nobody. */
  readonly owner: Uint8Array | undefined
  /** When the owner's newest certificate was revoked; undefined: it is not. */
  readonly revokedAtMs: number | undefined
}

/**
 * Whether a node_id is free for an identity key: a name stays with the key that first had it. After that key was revoked,
 * a token that was made for the name since gives it to another.
 * @throws ENROLLMENT_NODE_ID_TAKEN
 */
export function checkNameFree(
  { owner, revokedAtMs }: NameClaim,
  identityKeyId: Uint8Array,
  terms: Pick<TokenTerms, 'nodeId' | 'createdAtMs'>,
): void {
  if (owner === undefined || equalBytes(owner, identityKeyId)) return
  const released = revokedAtMs !== undefined && terms.nodeId !== undefined && terms.createdAtMs >= revokedAtMs
  if (!released) throw ENROLLMENT_ERRORS.create('ENROLLMENT_NODE_ID_TAKEN')
}
