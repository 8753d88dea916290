import type { Severity } from '../../records/index.ts'

/** What stays and what goes, each in its old order. */
export interface Shed<Entry> {
  readonly kept: readonly Entry[]
  readonly dropped: readonly Entry[]
}

/**
 * Brings a backlog down to `bound` entries: the lowest severity goes first, within one severity the newest. No entry is
 * dropped while one of lower severity stays.
 */
export function shed<Entry extends { readonly severity: Severity }>(
  backlog: readonly Entry[],
  bound: number,
): Shed<Entry> {
  const excess = Math.max(0, backlog.length - bound)
  const order = backlog.map((entry, at) => ({ severity: entry.severity, at }))
  order.sort((a, b) => a.severity - b.severity || b.at - a.at)
  const doomed = new Set(order.slice(0, excess).map(({ at }) => at))
  return {
    kept: backlog.filter((_, at) => !doomed.has(at)),
    dropped: backlog.filter((_, at) => doomed.has(at)),
  }
}
