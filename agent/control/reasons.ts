import type { RevokeReason } from '../../enrollment/store/index.ts'

/** Why certificates may be revoked. */
export const REVOKE_REASONS: readonly RevokeReason[] = [
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'aACompromise',
]
