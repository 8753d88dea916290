import type { SignatureProvider } from '../../crypto/index.ts'
import {
  anchoredPath,
  checkAuthorities,
  checkKeysPresent,
  checkLinks,
  checkNames,
  checkRevocations,
  checkRoles,
  checkUsage,
  checkValidity,
} from './rules.ts'
import { type PathCache, verifySignatures } from './signatures.ts'
import type { Certificate, PathPolicy, RevocationView, ValidPath } from './types.ts'

export interface PathInput {
  /** Leaf first; the root may be left out when it is given as `root`. */
  readonly chain: readonly Certificate[]
  /** The caller's own trust anchor; its signatures of itself are not verified again. */
  readonly root?: Certificate | undefined
  /** The time at which the path must hold: now for links, the creation time for records. */
  readonly atMs: number
  readonly revocations: RevocationView
  readonly policy: PathPolicy
}

export interface PathDependencies {
  readonly provider: SignatureProvider
  /** Spares verifying the signatures of a path again. */
  readonly cache?: PathCache | undefined
}

/**
 * Decides whether a path holds at a time, and says who its leaf is. The one decision for links, records, the enrolment
 * API and kits. Cheapest rules first; a path that is both revoked and expired is reported as revoked.
 * @throws RECORDS_PATH_*, RECORDS_CERT_KEY
 */
export async function validatePath(input: PathInput, dependencies: PathDependencies): Promise<ValidPath> {
  const { policy, atMs } = input
  const path = anchoredPath(input, policy)
  checkLinks(path)
  checkAuthorities(path)
  checkUsage(path, policy.purpose)
  checkRoles(path.leaf, policy.purpose)
  const nodeId = checkNames(path, policy)
  checkKeysPresent(path, policy)
  checkRevocations(path, input.revocations, atMs)
  checkValidity(path, policy, atMs)
  const keys = await verifySignatures(path, dependencies)
  return {
    mesh: policy.mesh,
    nodeId,
    roles: path.leaf.roles,
    leaf: path.leaf,
    chain: path.chain,
    ...keys,
    overlayPublicKey: path.leaf.overlayKey?.publicKey,
  }
}

/** A view that knows of no revocation: for what is judged before any list can have arrived. */
export function noRevocations(): RevocationView {
  return { find: () => undefined }
}
