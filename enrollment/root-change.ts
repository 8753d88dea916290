import { ENROLLMENT_ERRORS } from './errors.ts'
import { ROOT_APPROVAL_MS } from './limits.ts'

/** Who must agree before the root of a mesh is changed: two operators, once there have been two. */
export interface RootChange {
  readonly approvals: readonly { readonly operator: string; readonly atMs: number }[]
  /** Operators with a live certificate. */
  readonly operators: ReadonlySet<string>
  /** How many there have ever been: the rule stays when certificates end or are revoked. */
  readonly everOperators: number
  readonly nowMs: number
}

const NEEDED = 2

/** The approvals that count now, and how many must. */
export function countApprovals(change: RootChange): { approvedBy: string[]; needed: number } {
  const { approvals, operators, everOperators, nowMs } = change
  const counts = (atMs: number) => atMs <= nowMs && nowMs < atMs + ROOT_APPROVAL_MS
  const counting = approvals.filter(({ operator, atMs }) => operators.has(operator) && counts(atMs))
  return {
    approvedBy: [...new Set(counting.map(({ operator }) => operator))],
    needed: everOperators < NEEDED ? 0 : NEEDED,
  }
}

/** @throws ENROLLMENT_ROOT_APPROVALS when too few operators have approved */
export function checkApprovals(change: RootChange): void {
  const { approvedBy, needed } = countApprovals(change)
  if (approvedBy.length >= needed) return
  throw ENROLLMENT_ERRORS.create('ENROLLMENT_ROOT_APPROVALS', { detail: `${approvedBy.length} of ${needed}` })
}
