import { DELTA_LIST_LIFETIME_MS, FULL_LIST_LIFETIME_MS, MAX_CRL_SKEW_MS, REVOCATION_SKEW_MS } from './limits.ts'

/**
 * When a CA issues revocation lists. A revocation is followed by a full list and a delta of one number; without one, each is
 * issued anew at half the time that it promised, or when the clock turns out to have been ahead. All deltas since a full list that was issued on schedule go on from that
 * one, so a node that has missed some needs the newest only.
 */

/** When the lists of an authority were issued. */
export interface IssuedLists {
  readonly fullAtMs: number
  /** Undefined when there is no delta. */
  readonly deltaAtMs: number | undefined
  /** Whether deltas have a full list to go on from. */
  readonly hasBase: boolean
}

/** What to issue now. */
export interface ListPlan {
  readonly full: boolean
  readonly delta: boolean
  /** Later deltas go on from the full list that is issued now. */
  readonly rebase: boolean
}

const NOTHING: ListPlan = { full: false, delta: false, rebase: false }

/** @param revoked whether there are revocations that the lists do not have */
export function planLists(issued: IssuedLists | undefined, revoked: boolean, nowMs: number): ListPlan {
  if (issued === undefined) return { full: true, delta: false, rebase: true }
  const { fullAtMs, deltaAtMs, hasBase } = issued
  if (isUnseen(Math.max(fullAtMs, deltaAtMs ?? 0), nowMs)) return { full: true, delta: false, rebase: true }
  const scheduled = nowMs >= fullAtMs + FULL_LIST_LIFETIME_MS / 2
  if (scheduled || revoked) return { full: true, delta: hasBase, rebase: scheduled || !hasBase }
  return nowMs >= deltaDueMs(issued) ? { full: false, delta: true, rebase: false } : NOTHING
}

/** When {@link planLists} next has something to issue though nothing is revoked. */
export function nextIssueMs(issued: IssuedLists): number {
  return Math.min(issued.fullAtMs + FULL_LIST_LIFETIME_MS / 2, deltaDueMs(issued))
}

function deltaDueMs({ fullAtMs, deltaAtMs, hasBase }: IssuedLists): number {
  if (!hasBase) return Number.POSITIVE_INFINITY
  return Math.max(fullAtMs, deltaAtMs ?? 0) + DELTA_LIST_LIFETIME_MS / 2
}

/** Whether a list is of a time so far in the future that no node can have taken it: the clock was ahead. */
function isUnseen(thisUpdateMs: number, nowMs: number): boolean {
  return thisUpdateMs > nowMs + MAX_CRL_SKEW_MS
}

/** Longest that a CA waits for the next second before it takes its clock for one that was set back. */
const LONGEST_WAIT_MS = 2000

/**
 * thisUpdate of the next list after one of `lastMs`: never the same second twice. `waitMs`: how long until it may be signed.
 * After the clock was set back the time goes on from that of the last list; from now again when that one was so far in the
 * future that no node can have taken it.
 */
export function timeOfNextList(lastMs: number | undefined, nowMs: number): { atMs: number; waitMs: number } {
  const second = Math.floor(nowMs / 1000) * 1000
  if (lastMs === undefined || second > lastMs || isUnseen(lastMs, nowMs)) return { atMs: second, waitMs: 0 }
  const nextMs = lastMs + 1000
  return { atMs: nextMs, waitMs: nextMs - nowMs <= LONGEST_WAIT_MS ? nextMs - nowMs : 0 }
}

/** Until when a revocation is listed: as long as its certificate could be renewed, and clocks may differ. */
export function listedUntilMs(notAfterMs: number, graceMs: number): number {
  return notAfterMs + graceMs + REVOCATION_SKEW_MS
}
