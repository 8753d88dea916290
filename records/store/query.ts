import { checkOptionKeys, checkWholeNumber } from '../../core/index.ts'
import type { Range } from '../../core/store/index.ts'
import type { RecordType, Severity } from '../types.ts'
import { type RecordFacts, timeKey } from './entries.ts'

/** Which records to list. Everything asked for must hold; an empty query lists all. */
export interface RecordQuery {
  /** Created at this time or later. */
  readonly fromMs?: number | undefined
  /** Created before this time. */
  readonly toMs?: number | undefined
  readonly origin?: string | undefined
  readonly type?: RecordType | undefined
  /** Anomaly records with a signature of this kind. */
  readonly kind?: string | undefined
  /** Anomaly records with a signature (of `kind`, if that is given) of at least this severity. */
  readonly minSeverity?: Severity | undefined
  /** Most records. Default: all. */
  readonly limit?: number | undefined
  /** Newest first. Default: oldest first. */
  readonly reverse?: boolean | undefined
}

const KEYS = ['fromMs', 'toMs', 'origin', 'type', 'kind', 'minSeverity', 'limit', 'reverse']

/** @throws {TypeError} when a key is unknown or a number is not whole */
export function checkQuery(query: RecordQuery): void {
  checkOptionKeys('record query', query, KEYS)
  for (const name of ['fromMs', 'toMs', 'limit'] as const) {
    const value = query[name]
    if (value !== undefined) checkWholeNumber(name, value, { min: 0, max: Number.MAX_SAFE_INTEGER })
  }
}

/** The part of the index by time that a query looks at. */
export function rangeOf({ fromMs, toMs, reverse }: RecordQuery): Range {
  const none = new Uint8Array()
  return {
    ...(fromMs !== undefined && { gte: timeKey(fromMs, none) }),
    ...(toMs !== undefined && { lt: timeKey(toMs, none) }),
    reverse: reverse ?? false,
  }
}

/** True when a record with these facts is asked for. */
export function matches(query: RecordQuery, facts: RecordFacts): boolean {
  if (query.origin !== undefined && query.origin !== facts.origin) return false
  if (query.type !== undefined && query.type !== facts.type) return false
  if (query.kind === undefined && query.minSeverity === undefined) return true
  const least = query.minSeverity ?? 1
  if (query.kind !== undefined) return (facts.severities.get(query.kind) ?? 0) >= least
  return [...facts.severities.values()].some((severity) => severity >= least)
}
