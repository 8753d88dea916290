/**
 * What follows when the newest list of a CA has run out, for peers of one role.
 * `fresh`: they become stale at once. `tolerated`: they stay trusted for `days` more, then become stale.
 * `fail-closed`: they are refused at once.
 */
export type StalenessPolicy =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'tolerated'; readonly days: number }
  | { readonly kind: 'fail-closed' }

/** How old a list is, and what that makes of peers that nothing else speaks against. */
export interface Staleness {
  /** `tolerated`: past nextUpdate, but within the days of the policy. */
  readonly state: 'fresh' | 'tolerated' | 'expired'
  readonly verdict: 'trusted' | 'stale' | 'untrusted'
  /** Time until nextUpdate; negative when it has passed. */
  readonly expiresInMs: number
  /** Time until peers are trusted no longer; 0 when they are not. */
  readonly trustedForMs: number
}

const DAY_MS = 86_400_000
const MAX_TOLERATED_DAYS = 3650

/**
 * Judges the age of a list at a time. A list is fresh up to and including its nextUpdate. A node that has never had a list
 * gives, as nextUpdate, the time from which it should have had one.
 */
export function listStaleness(
  list: { readonly nextUpdateMs: number },
  policy: StalenessPolicy,
  nowMs: number,
): Staleness {
  const toleratedMs = policy.kind === 'tolerated' ? policy.days * DAY_MS : 0
  const expiresInMs = list.nextUpdateMs - nowMs
  const trustedForMs = Math.max(0, expiresInMs + toleratedMs)
  if (expiresInMs >= 0) return { state: 'fresh', verdict: 'trusted', expiresInMs, trustedForMs }
  if (trustedForMs > 0) return { state: 'tolerated', verdict: 'trusted', expiresInMs, trustedForMs }
  const verdict = policy.kind === 'fail-closed' ? 'untrusted' : 'stale'
  return { state: 'expired', verdict, expiresInMs, trustedForMs }
}

/** The policy of a text: `fresh`, `tolerated:<days>` with 1 to 3,650 days, or `fail-closed`; undefined for any other. */
export function parseStalenessPolicy(text: string): StalenessPolicy | undefined {
  if (text === 'fresh' || text === 'fail-closed') return { kind: text }
  const days = Number(/^tolerated:([1-9][0-9]{0,3})$/.exec(text)?.[1])
  return days <= MAX_TOLERATED_DAYS ? { kind: 'tolerated', days } : undefined
}
