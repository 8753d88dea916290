import type { AnomalyView, RecordDetail, RecordSummary } from '../control/index.ts'
import { pairs, severityText, shortId, table, timeText } from './text.ts'

/** Titles of {@link recordLine}. */
export function recordTitles(): string[] {
  return ['CREATED', 'ORIGIN', 'SEVERITY', 'KIND', 'EVENTS', 'INDICATOR', 'ID']
}

/** A record as cells of a table. */
export function recordLine(record: RecordSummary): string[] {
  return [
    timeText(record.createdAtMs),
    record.origin,
    severityText(record.severity),
    record.kinds.join(',') || record.type,
    String(record.events),
    record.anomalies > 1 ? `${record.indicator} +${record.anomalies - 1}` : record.indicator,
    shortId(record.id),
  ]
}

/** A record in full. */
export function recordText(record: RecordDetail): string {
  const facts = pairs([
    ['id', record.id],
    ['type', record.type],
    ['origin', record.origin],
    ['sequence', String(record.sequence)],
    ['created', timeText(record.createdAtMs)],
    ['expires', timeText(record.expiresAtMs)],
    ['size', `${record.bytes} bytes`],
    ['certificate', `serial ${record.author.serialNumber}, issuer key ${record.author.issuerKeyId}`],
    ...record.signatures.map(({ algorithm, keyId }): [string, string] => [
      'signature',
      `COSE algorithm ${algorithm}, key ${keyId}`,
    ]),
  ])
  if (record.anomalySignatures.length === 0) return facts
  const titles = ['SEVERITY', 'SCORE', 'KIND', 'INDICATOR', 'COUNT', 'FIRST SEEN', 'LAST SEEN', 'BLOCK', 'STATE']
  return `${facts}\n\n${table(titles, record.anomalySignatures.map(anomalyLine))}`
}

function anomalyLine(anomaly: AnomalyView): string[] {
  return [
    severityText(anomaly.severity),
    String(anomaly.score),
    anomaly.kind,
    anomaly.indicator,
    String(anomaly.count),
    timeText(anomaly.firstSeenMs),
    timeText(anomaly.lastSeenMs),
    shortId(anomaly.blockId),
    anomaly.blockState,
  ]
}
