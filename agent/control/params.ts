import { isIP } from 'node:net'
import { isDnsLabel } from '../../core/index.ts'
import { isObject } from '../ingest/json-line.ts'
import { MAX_LISTED_RECORDS, MAX_NOTE_CHARACTERS, MAX_TOKEN_VALID_MS } from '../limits.ts'
import type { MethodName, StreamName } from './messages.ts'

/** What a parameter may be. */
interface Rule {
  readonly allows: (value: unknown) => boolean
  /** For people, after "must be". */
  readonly expected: string
}

interface Shape {
  readonly required: Readonly<Record<string, Rule>>
  readonly optional: Readonly<Record<string, Rule>>
}

const whole = (min: number, max: number): Rule => ({
  allows: (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max,
  expected: `a whole number from ${min} to ${max}`,
})

const text = (maxLength: number): Rule => ({
  allows: (value) => isText(value) && value.length <= maxLength && value.isWellFormed(),
  expected: `text of 1 to ${maxLength} characters`,
})

const matching = (pattern: RegExp, expected: string): Rule => ({
  allows: (value) => isText(value) && pattern.test(value),
  expected,
})

const TIME = whole(0, Number.MAX_SAFE_INTEGER)
const LABEL: Rule = {
  allows: (value) => isText(value) && isDnsLabel(value),
  expected: 'a DNS label: a to z, 0 to 9 and -, at most 63',
}
// Kind and indicator as the body of an anomaly record takes them.
const KIND = matching(
  /^(?=.{1,32}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/,
  'lower-case words joined by _, at most 32 characters',
)
const INDICATOR = matching(/^[\x20-\x7e]{1,128}$/, '1 to 128 printable ASCII characters')
const ADDRESS: Rule = {
  allows: (value) => isText(value) && value.length <= 64 && isIP(value) !== 0,
  expected: 'an IPv4 or IPv6 address',
}
const RECORD_ID = matching(/^[0-9a-f]{4,64}$/, '4 to 64 hexadecimal digits')

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
  required: { indicator: INDICATOR, kind: KIND, severity: whole(1, 5) },
  optional: { score: whole(0, 1000), source: ADDRESS, destination: ADDRESS, note: text(MAX_NOTE_CHARACTERS) },
}

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
  'ca.token': { required: { validForMs: whole(1, MAX_TOKEN_VALID_MS) }, optional: { nodeId: LABEL } },
}

/** True for the name of a request. */
export function isMethod(method: string): method is MethodName | StreamName {
  return Object.hasOwn(SHAPES, method)
}

/** What is wrong with `params`, in words, or undefined when they are what `method` takes. */
export function badParameter(method: MethodName | StreamName, params: unknown): string | undefined {
  if (!isObject(params)) return 'params must be an object'
  const { required, optional } = SHAPES[method]
  const missing = Object.keys(required).find((name) => !Object.hasOwn(params, name))
  if (missing !== undefined) return `${missing} is missing`
  const rules: Shape['required'] = { ...required, ...optional }
  for (const [name, value] of Object.entries(params)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) return `${name} is not a parameter of it`
    if (!rule.allows(value)) return `${name} must be ${rule.expected}`
  }
  return undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}
