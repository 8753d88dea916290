import { checkPolicy, type EnrollmentPolicy } from '../policy.ts'
import type { CaStore } from './ca-store.ts'
import { policyOf } from './facts.ts'

/** Names of the lock under which members are counted. */
const MEMBERS_LOCK = 'members'

/** The locks that a decision on a new member needs besides its own: none where nobody counts. */
export async function memberLocks(store: CaStore): Promise<string[]> {
  return (await policyOf(store)).maxNodes === undefined ? [] : [MEMBERS_LOCK]
}

/**
 * The policy, if it admits a node.
 * @param attestation `required`: the node must prove its device whatever the policy says
 * @throws ENROLLMENT_POLICY
 */
export async function admit(
  store: CaStore,
  node: { nodeId: string; attested: boolean; attestation: 'none' | 'required'; nowMs: number },
): Promise<EnrollmentPolicy> {
  const { nodeId, attested, nowMs } = node
  const policy = await policyOf(store)
  const members = policy.maxNodes === undefined ? new Set<string>() : await store.liveHolders('node', nowMs)
  const attestation = node.attestation === 'required' ? 'required' : policy.attestation
  checkPolicy({ ...policy, attestation }, { nodeId, attested, isMember: members.has(nodeId), members: members.size })
  return policy
}
