import { isObject } from '../ingest/json-line.ts'
import { MAX_LISTED_RECORDS, MAX_NOTE_CHARACTERS } from '../limits.ts'
import type { MethodName, StreamName } from './messages.ts'

/** True for a value that a parameter may have. */
type Check = (value: unknown) => boolean

interface Shape {
  readonly required: Readonly<Record<string, Check>>
  readonly optional: Readonly<Record<string, Check>>
}

const whole =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max

const text =
  (maxLength: number): Check =>
  (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= maxLength && value.isWellFormed()

const TIME = whole(0, Number.MAX_SAFE_INTEGER)
const NOTHING: Shape = { required: {}, optional: {} }

const FILTER: Shape = {
  required: {},
  optional: {
    sinceMs: TIME,
    untilMs: TIME,
    origin: text(63),
    kind: text(64),
    minSeverity: whole(1, 5),
    limit: whole(1, MAX_LISTED_RECORDS),
  },
}

const PUBLISH: Shape = {
  required: { indicator: text(128), kind: text(64), severity: whole(1, 5) },
  optional: { score: whole(0, 1000), source: text(64), destination: text(64), note: text(MAX_NOTE_CHARACTERS) },
}

const RECORD_ID: Check = (value) => typeof value === 'string' && /^[0-9a-f]{4,64}$/.test(value)

/** What each request takes. */
const SHAPES: Readonly<Record<MethodName | StreamName, Shape>> = {
  status: NOTHING,
  'records.list': FILTER,
  'records.tail': FILTER,
  'records.show': { required: { id: RECORD_ID }, optional: {} },
  'records.publish': PUBLISH,
  'records.inventory': NOTHING,
  'nodes.list': NOTHING,
  'ledger.check': NOTHING,
  'ca.status': NOTHING,
  'ca.token': { required: { validForMs: whole(1, Number.MAX_SAFE_INTEGER) }, optional: { nodeId: text(63) } },
}

/** True for the name of a request. */
export function isMethod(method: string): method is MethodName | StreamName {
  return Object.hasOwn(SHAPES, method)
}

/** The parameter at fault, or undefined when `params` are what `method` takes. */
export function badParameter(method: MethodName | StreamName, params: unknown): string | undefined {
  if (!isObject(params)) return 'params'
  const { required, optional } = SHAPES[method]
  const checks: Shape['required'] = { ...required, ...optional }
  const missing = Object.keys(required).find((name) => !Object.hasOwn(params, name))
  return missing ?? Object.keys(params).find((name) => !(Object.hasOwn(checks, name) && checks[name]?.(params[name])))
}
