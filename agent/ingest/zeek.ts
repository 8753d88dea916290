import type { Severity } from '../../records/index.ts'
import {
  addressField,
  badField,
  type Fields,
  field,
  isRejection,
  isRuleName,
  keepFields,
  parseTimestamp,
  scoreOf,
  seenMs,
} from './fields.ts'
import { isBlank, parseJsonLine } from './json-line.ts'
import type { DetectedEvent, LineOutcome, Rejection } from './types.ts'

/** Zeek logs that are read. */
export type ZeekLog = 'notice' | 'weird'

const CONNECTION_FIELDS = ['ts', 'uid', 'id.orig_h', 'id.orig_p', 'id.resp_h', 'id.resp_p', 'proto'] as const
const NOTICE_FIELDS = [
  ...CONNECTION_FIELDS,
  'fuid',
  'note',
  'msg',
  'sub',
  'src',
  'dst',
  'p',
  'n',
  'peer_descr',
] as const
const WEIRD_FIELDS = [...CONNECTION_FIELDS, 'name', 'addl', 'notice', 'peer', 'source'] as const

/** First match counts; Zeek itself grades nothing. */
const NOTICE_SEVERITIES: readonly (readonly [prefix: string, severity: Severity])[] = [
  ['Intel::', 4],
  ['Heartbleed::', 4],
  ['SSH::Password_Guessing', 4],
  ['SSH::Login_By_Password_Guesser', 5],
  ['FTP::Bruteforcing', 4],
  ['HTTP::SQL_Injection', 4],
  ['TeamCymruMalwareHashRegistry::', 4],
  ['SSL::', 2],
  ['CaptureLoss::', 1],
  ['PacketFilter::', 1],
]

const DEFAULT_NOTICE_SEVERITY: Severity = 3

/** Above this, a number in `ts` counts milliseconds (Zeek's JSON::TS_MILLIS), not seconds. */
const SECONDS_END = 1e11

/**
 * Reads one line of a Zeek log in JSON: `notice` and `weird` become events, other logs are ignored. The log is told by
 * `_path`, else by the fields themselves, else by `hint` (from the file's name). Never throws.
 *
 * | Zeek | here | score |
 * |---|---|---|
 * | notice `SSH::Login_By_Password_Guesser` | 5 critical | 950 |
 * | notice `Intel::*`, `Heartbleed::*`, `SSH::Password_Guessing`, `FTP::Bruteforcing`, `HTTP::SQL_Injection*`, `TeamCymruMalwareHashRegistry::*` | 4 high | 800 |
 * | any other notice | 3 medium | 500 |
 * | notice `SSL::*`; weird with `notice: true` | 2 low | 250 |
 * | notice `CaptureLoss::*`, `PacketFilter::*`; any other weird | 1 info | 100 |
 */
export function parseZeekJson(line: Uint8Array, hint?: ZeekLog): LineOutcome {
  if (isBlank(line)) return { status: 'ignored' }
  const parsed = parseJsonLine(line)
  if (isRejection(parsed)) return parsed
  return readZeekFields(parsed.fields, field(parsed.fields, '_path') ?? deduceLog(parsed.fields) ?? hint)
}

/** The event in the fields of one line of `log`, whichever form the line had. */
export function readZeekFields(fields: Fields, log: unknown): LineOutcome {
  if (log !== 'notice' && log !== 'weird') return { status: 'ignored' }
  const event = readEvent(fields, log)
  return isRejection(event) ? event : { status: 'event', event }
}

/** The log that a file holds by its name (`notice.log`, `notice.2026-01-01-00.log`, `weird.json`), or undefined. */
export function zeekLogOfFile(fileName: string): ZeekLog | undefined {
  const match = /(?:^|[^a-z])(notice|weird)(?:[^a-z]|$)/.exec(fileName)
  return match?.[1] as ZeekLog | undefined
}

function deduceLog(fields: Fields): ZeekLog | undefined {
  if (Object.hasOwn(fields, 'note') && Object.hasOwn(fields, 'actions')) return 'notice'
  return Object.hasOwn(fields, 'name') && Object.hasOwn(fields, 'notice') ? 'weird' : undefined
}

function readEvent(fields: Fields, log: ZeekLog): DetectedEvent | Rejection {
  const nameField = log === 'notice' ? 'note' : 'name'
  const name = field(fields, nameField)
  if (!isRuleName(name)) return badField(nameField)
  const at = readTime(field(fields, 'ts'))
  if (at === undefined) return badField('ts')
  const sourceAddress = firstAddress(fields, ['id.orig_h', 'src'])
  if (isRejection(sourceAddress)) return sourceAddress
  const destinationAddress = firstAddress(fields, ['id.resp_h', 'dst'])
  if (isRejection(destinationAddress)) return destinationAddress
  const severity = log === 'notice' ? noticeSeverity(name) : weirdSeverity(fields)
  return {
    source: 'zeek',
    eventType: 'ids_alert',
    kind: `zeek_${log}`,
    indicator: `zeek:${log}:${name}`,
    severity,
    score: scoreOf(severity),
    seenMs: at,
    sourceAddress,
    destinationAddress,
    details: keepFields(withTime(fields, at), log === 'notice' ? NOTICE_FIELDS : WEIRD_FIELDS).set('log', log),
  }
}

/** Seconds with a fraction do not fit deterministic CBOR: the payload carries the time as ISO text. */
function withTime(fields: Fields, at: number): Fields {
  return typeof field(fields, 'ts') === 'string' ? fields : { ...fields, ts: new Date(at).toISOString() }
}

function readTime(value: unknown): number | undefined {
  if (typeof value === 'string') return parseTimestamp(value)
  if (typeof value !== 'number') return undefined
  return seenMs(value < SECONDS_END ? Math.round(value * 1e6) / 1e3 : value)
}

function firstAddress(fields: Fields, names: readonly string[]): string | undefined | Rejection {
  for (const name of names) {
    const address = addressField(fields, name)
    if (address !== undefined) return address
  }
  return undefined
}

function noticeSeverity(note: string): Severity {
  return NOTICE_SEVERITIES.find(([prefix]) => note.startsWith(prefix))?.[1] ?? DEFAULT_NOTICE_SEVERITY
}

function weirdSeverity(fields: Fields): Severity {
  return field(fields, 'notice') === true ? 2 : 1
}
