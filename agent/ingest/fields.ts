import type { CborMap, CborValue } from '../../core/index.ts'
import { encodeCbor } from '../../core/index.ts'
import { parseAddress, type Severity } from '../../records/index.ts'
import { MAX_EVENT_TEXT_BYTES, MAX_RULE_NAME_CHARACTERS } from '../limits.ts'
import type { DetectedEvent, Rejection } from './types.ts'

/** A sensor's event as read: own properties only, values of any JSON type. */
export type Fields = Readonly<Record<string, unknown>>

/** Risk in per mille for each severity, 1 info to 5 critical. */
const SCORES: Readonly<Record<Severity, number>> = { 1: 100, 2: 250, 3: 500, 4: 800, 5: 950 }

const RULE_NAME = /^[\x21-\x7e]+$/
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/
const MAX_SEEN_MS = Date.UTC(10_000, 0)

/** Deterministic CBOR of what is kept of an event: its payload, stored on the node. */
export function payloadOf(event: DetectedEvent): Uint8Array {
  return encodeCbor(event.details)
}

/** Risk in per mille that stands for a severity when the sensor gives none. */
export function scoreOf(severity: Severity): number {
  return SCORES[severity]
}

/** A rejection that names the field at fault. */
export function badField(field: string): Rejection {
  return { status: 'rejected', code: 'AGENT_LINE_FIELD', field }
}

/** True when a parser's step ended in a rejection. Never asked of a sensor's own object. */
export function isRejection<Value extends object>(value: Value | string | undefined | Rejection): value is Rejection {
  return typeof value === 'object' && 'status' in value && value.status === 'rejected'
}

/** The own property `name`, so that `__proto__` and `constructor` are names like any other. */
export function field(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

/** A rule name that may stand in an indicator: printable ASCII without spaces, bounded. */
export function isRuleName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_RULE_NAME_CHARACTERS && RULE_NAME.test(value)
}

/** The address in field `name`: undefined where the sensor gave none. */
export function addressField(fields: Fields, name: string): string | undefined | Rejection {
  const value = field(fields, name)
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' && isAddress(value) ? value : badField(name)
}

/** Judged by what will hash it, so that nothing read here can fail there. */
function isAddress(text: string): boolean {
  try {
    parseAddress(text)
    return true
  } catch {
    return false
  }
}

/**
 * Milliseconds since the Unix epoch of an ISO 8601 time with `Z`, `+hh:mm` or Suricata's `+hhmm`; finer digits are cut.
 * Undefined for anything else, dates that do not exist and times before 1970 included.
 */
export function parseTimestamp(text: string): number | undefined {
  const match = TIMESTAMP.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const utcMs = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds)
  const exists = new Date(utcMs).toISOString().startsWith(text.slice(0, 19))
  return exists ? seenMs(utcMs - offsetMs(match[8] ?? 'Z')) : undefined
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

/** Whole milliseconds when `value` is a time from 1970 to 9999, else undefined. */
export function seenMs(value: number): number | undefined {
  return value >= 0 && value < MAX_SEEN_MS ? Math.floor(Math.abs(value)) : undefined
}

/**
 * The named fields as a CBOR map. Text is made well-formed and cut at its cap; whole numbers and booleans are kept,
 * anything else (floats, numbers beyond 2^53, lists, objects) is left out.
 */
export function keepFields(fields: Fields, names: readonly string[]): CborMap {
  const kept: CborMap = new Map()
  for (const name of names) {
    const value = keepValue(field(fields, name))
    if (value !== undefined) kept.set(name, value)
  }
  return kept
}

function keepValue(value: unknown): CborValue | undefined {
  if (typeof value === 'string') return cutText(value.toWellFormed(), MAX_EVENT_TEXT_BYTES)
  if (typeof value === 'boolean') return value
  return typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0) ? value : undefined
}

/** At most `maxBytes` bytes of UTF-8 from the beginning of well-formed text, no character split. */
export function cutText(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text
  const bytes = Buffer.from(text)
  let end = maxBytes
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
