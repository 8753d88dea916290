import { type Actor, auditEntry, POLICY_ACTOR } from '../audit.ts'
import { checkedPolicy, type EnrollmentPolicy, encodePolicy } from '../policy.ts'
import type { CaParts } from './ca-parts.ts'
import type { IssuedSummary } from './ca-types.ts'
import type { Execution, Revoker } from './revoker.ts'

const NOTHING: Execution = { changes: [], audit: [], revoked: [] }

/** Changes who may be in the mesh, and revokes those who no longer may where the policy says so. */
export class PolicyDesk {
  readonly #parts: CaParts
  readonly #revoker: Revoker

  constructor(parts: CaParts, revoker: Revoker) {
    this.#parts = parts
    this.#revoker = revoker
  }

  /** @throws ENROLLMENT_POLICY_MALFORMED */
  async set(given: EnrollmentPolicy, actor: Actor): Promise<readonly IssuedSummary[]> {
    const policy = checkedPolicy(given)
    const { store, dependencies } = this.#parts
    return store.locked('all', async () => {
      const atMs = dependencies.clock.now()
      const { changes, audit, revoked } = await this.#removals(policy)
      const value = encodePolicy(policy)
      const entry = auditEntry({ atMs, event: 'policy-changed', actor, detail: summary(policy) })
      await store.commit([{ kind: 'fact', name: 'policy', value }, ...changes], [entry, ...audit])
      return revoked
    })
  }

  async #removals({ allow, revokeOnRemoval }: EnrollmentPolicy): Promise<Execution> {
    if (allow === undefined || !revokeOnRemoval) return NOTHING
    const allowed = new Set(allow)
    const removed = new Set<string>()
    // Those whose certificates have ended too: they may be in grace.
    for await (const { name, revoked } of this.#parts.store.heldCertificates('node')) {
      if (!revoked && !allowed.has(name)) removed.add(name)
    }
    return this.#revoker.nodesExecution(removed, { reason: 'affiliationChanged', actor: POLICY_ACTOR })
  }
}

/** A policy in one line. */
function summary(policy: EnrollmentPolicy): string {
  const { allow, maxNodes = 'any', namePattern = 'any', attestation, revokeOnRemoval } = policy
  const { leafLifetimeMs, graceMs, graceCount } = policy
  const admits = `allow ${allow?.length ?? 'any'}, maxNodes ${maxNodes}, namePattern ${namePattern}`
  const rest = `attestation ${attestation}, revokeOnRemoval ${revokeOnRemoval}`
  return `${admits}, ${rest}, leafLifetimeMs ${leafLifetimeMs}, graceMs ${graceMs}, graceCount ${graceCount}`
}
