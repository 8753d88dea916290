import { ENROLLMENT_ERRORS } from './errors.ts'
import { MAX_GRACE_MS, REVOCATION_SKEW_MS } from './limits.ts'
import type { EnrollmentPolicy } from './policy.ts'

/** A certificate that has expired, and what its holder has made of that before. */
export interface GraceInput {
  readonly notAfterMs: number
  readonly nowMs: number
  /** Renewals of that node after expiry so far. */
  readonly used: number
  /** Whether the node has no later certificate. */
  readonly isNewest: boolean
}

/** When a certificate has ended so long ago that it cannot be renewed under any policy: the CA may forget it then. */
export function forgottenAfterMs(notAfterMs: number): number {
  return notAfterMs + MAX_GRACE_MS + REVOCATION_SKEW_MS
}

/** How often a node has come back after expiry, and how often it still may. */
export interface Grace {
  readonly used: number
  readonly left: number
}

/**
 * Whether a node may renew a certificate, and at what cost: nothing while the certificate is valid; after that its grace,
 * for a time and a number of times.
 * @throws ENROLLMENT_GRACE_OVER, also for a certificate after which the node has had another; ENROLLMENT_GRACE_USED
 */
export function decideGrace(
  policy: Pick<EnrollmentPolicy, 'graceMs' | 'graceCount'>,
  { notAfterMs, nowMs, used, isNewest }: GraceInput,
): Grace | undefined {
  if (nowMs <= notAfterMs) return undefined
  if (!isNewest || nowMs > notAfterMs + policy.graceMs) throw ENROLLMENT_ERRORS.create('ENROLLMENT_GRACE_OVER')
  if (used >= policy.graceCount) throw ENROLLMENT_ERRORS.create('ENROLLMENT_GRACE_USED')
  return { used: used + 1, left: policy.graceCount - used - 1 }
}
