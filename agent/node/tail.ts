import type { CheckedRecord, DecodedRecord } from '../../records/index.ts'
import type { RecordFilter, RecordSummary } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_TAIL_BACKLOG } from '../limits.ts'
import { anomaliesOf, summarize } from './views.ts'

/** Where records come from as they are stored; the answered function ends it. */
export type RecordFeed = (listener: (record: CheckedRecord) => void) => () => void

/**
 * Records that pass `filter`, as they are stored, until `signal` aborts. A reader that falls behind by more than
 * MAX_TAIL_BACKLOG of them is cut off rather than kept in memory.
 * @throws AGENT_CONTROL_TOO_SLOW
 */
export async function* tailRecords(
  feed: RecordFeed,
  filter: RecordFilter,
  signal: AbortSignal,
): AsyncGenerator<RecordSummary, void> {
  let waiting: CheckedRecord[] = []
  let tooSlow = false
  let wake = () => {}
  const end = () => wake()
  const forget = feed((record) => {
    if (tooSlow || !isAskedFor(record, filter)) return
    waiting.push(record)
    if (waiting.length > MAX_TAIL_BACKLOG) {
      tooSlow = true
      waiting = []
    }
    wake()
  })
  signal.addEventListener('abort', end)
  try {
    while (!signal.aborted) {
      if (tooSlow) throw AGENT_ERRORS.create('AGENT_CONTROL_TOO_SLOW')
      const record = waiting.shift()
      if (record !== undefined) yield summarize(record)
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    signal.removeEventListener('abort', end)
    forget()
  }
}

function isAskedFor(record: DecodedRecord, filter: RecordFilter): boolean {
  const { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, origin = record.origin, kind, minSeverity = 0 } = filter
  if (record.createdAtMs < sinceMs || record.createdAtMs > untilMs || record.origin !== origin) return false
  if (kind === undefined && minSeverity === 0) return true
  return anomaliesOf(record).some(
    (anomaly) => anomaly.severity >= minSeverity && (kind ?? anomaly.kind) === anomaly.kind,
  )
}
