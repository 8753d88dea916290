/** CRLReason (RFC 5280 §5.3.1) by name. `unspecified` is what an entry without a reason has, and is never written. */
export const REASON_CODES = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const

export type RevocationReason = keyof typeof REASON_CODES

/** Reasons that a revocation may be given; holds and unspecified ones are not made. */
export const REVOKE_REASONS = [
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'aACompromise',
] as const satisfies readonly RevocationReason[]

export type RevokeReason = (typeof REVOKE_REASONS)[number]

/** Name of a CRLReason; undefined for a number that is none. */
export function reasonName(code: number): RevocationReason | undefined {
  return NAMES.get(code)
}

/** True when the reason means that the key is in other hands: its word counts at no time. */
export function compromisesKey(code: number): boolean {
  return code === REASON_CODES.keyCompromise || code === REASON_CODES.cACompromise || code === REASON_CODES.aACompromise
}

const NAMES: ReadonlyMap<number, RevocationReason> = new Map(
  Object.entries(REASON_CODES).map(([name, code]) => [code, name as RevocationReason]),
)
