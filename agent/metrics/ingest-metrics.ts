import type { IngestCounters, RejectionCode } from '../ingest/types.ts'
import type { MetricDefinition } from './registry.ts'

/** What the ingest metrics are read from. */
export interface IngestSnapshots {
  counters(): IngestCounters
  malformedByCode(): ReadonlyMap<RejectionCode, number>
}

const OUTCOMES = ['kept', 'folded', 'shed', 'malformed', 'ignored'] as const

/** Lines read and what became of them. */
export function ingestMetrics(ingest: IngestSnapshots): MetricDefinition[] {
  return [
    {
      name: 'gapmesh_ingest_lines_total',
      help: 'Lines read from sensor logs by what became of them.',
      type: 'counter',
      labels: ['outcome'],
      read: () => {
        const counters = ingest.counters()
        return OUTCOMES.map((outcome) => ({ labels: { outcome }, value: counters[outcome] }))
      },
    },
    {
      name: 'gapmesh_ingest_malformed_total',
      help: 'Malformed lines by reason.',
      type: 'counter',
      labels: ['code'],
      read: () => [...ingest.malformedByCode()].map(([code, value]) => ({ labels: { code }, value })),
    },
    {
      name: 'gapmesh_ingest_pending_events',
      help: 'Events read but not accepted yet.',
      type: 'gauge',
      read: () => ingest.counters().pending,
    },
    {
      name: 'gapmesh_ingest_gaps_total',
      help: 'Times that part of a log may have been rotated away unread.',
      type: 'counter',
      read: () => ingest.counters().gaps,
    },
  ]
}
