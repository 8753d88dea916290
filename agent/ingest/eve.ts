import type { Severity } from '../../records/index.ts'
import {
  addressField,
  badField,
  type Fields,
  field,
  isRejection,
  keepFields,
  parseTimestamp,
  scoreOf,
} from './fields.ts'
import { isBlank, isObject, parseJsonLine } from './json-line.ts'
import type { DetectedEvent, LineOutcome, Rejection } from './types.ts'

const EVENT_FIELDS = [
  'timestamp',
  'flow_id',
  'in_iface',
  'src_ip',
  'src_port',
  'dest_ip',
  'dest_port',
  'proto',
  'app_proto',
  'community_id',
  'host',
] as const

const ALERT_FIELDS = ['action', 'gid', 'signature_id', 'rev', 'signature', 'category', 'severity'] as const

/** The generator of text rules, which EVE may leave out. */
const DEFAULT_GENERATOR = 1

/** Rule ids and revisions are 32-bit in Suricata. */
const MAX_RULE_NUMBER = 2 ** 32 - 1

/**
 * Reads one event of Suricata's EVE JSON log; only `event_type: alert` becomes an event. Never throws.
 *
 * | Suricata `severity` | here | score |
 * |---|---|---|
 * | 1 and `metadata.signature_severity` names `Critical` | 5 critical | 950 |
 * | 1 | 4 high | 800 |
 * | 2 | 3 medium | 500 |
 * | 3 | 2 low | 250 |
 * | 4 to 255 | 1 info | 100 |
 */
export function parseEve(line: Uint8Array): LineOutcome {
  if (isBlank(line)) return { status: 'ignored' }
  const parsed = parseJsonLine(line)
  if (isRejection(parsed)) return parsed
  const { fields } = parsed
  const eventType = field(fields, 'event_type')
  if (typeof eventType !== 'string') return badField('event_type')
  if (eventType !== 'alert') return { status: 'ignored' }
  const event = readAlert(fields)
  return isRejection(event) ? event : { status: 'event', event }
}

function readAlert(fields: Fields): DetectedEvent | Rejection {
  const alert = field(fields, 'alert')
  if (!isObject(alert)) return badField('alert')
  const timestamp = field(fields, 'timestamp')
  const seenMs = typeof timestamp === 'string' ? parseTimestamp(timestamp) : undefined
  if (seenMs === undefined) return badField('timestamp')
  const generator = field(alert, 'gid') ?? DEFAULT_GENERATOR
  if (!isRuleNumber(generator)) return badField('alert.gid')
  const rule = field(alert, 'signature_id')
  if (!isRuleNumber(rule)) return badField('alert.signature_id')
  const severity = alertSeverity(alert)
  if (severity === undefined) return badField('alert.severity')
  const sourceAddress = addressField(fields, 'src_ip')
  if (isRejection(sourceAddress)) return sourceAddress
  const destinationAddress = addressField(fields, 'dest_ip')
  if (isRejection(destinationAddress)) return destinationAddress
  return {
    source: 'suricata',
    eventType: 'ids_alert',
    kind: 'ids_alert',
    indicator: `suricata:${generator}:${rule}`,
    severity,
    score: scoreOf(severity),
    seenMs,
    sourceAddress,
    destinationAddress,
    details: keepFields(fields, EVENT_FIELDS).set('alert', keepFields(alert, ALERT_FIELDS)),
  }
}

function isRuleNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_RULE_NUMBER
}

function alertSeverity(alert: Fields): Severity | undefined {
  const given = field(alert, 'severity')
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 1 || given > 255) return undefined
  if (given === 1) return isCritical(alert) ? 5 : 4
  if (given === 2) return 3
  return given === 3 ? 2 : 1
}

function isCritical(alert: Fields): boolean {
  const metadata = field(alert, 'metadata')
  const severities = isObject(metadata) ? field(metadata, 'signature_severity') : undefined
  return Array.isArray(severities) && severities.includes('Critical')
}
