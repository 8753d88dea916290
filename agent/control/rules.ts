import { isDnsLabel } from '../../core/index.ts'
import { isObject } from '../ingest/json-line.ts'

/** What a parameter may be. */
export interface Rule {
  readonly allows: (value: unknown) => boolean
  /** For people, after "must be". */
  readonly expected: string
}

/** What a request takes. */
export interface Shape {
  readonly required: Readonly<Record<string, Rule>>
  readonly optional: Readonly<Record<string, Rule>>
}

/** No parameters. */
export const NOTHING: Shape = { required: {}, optional: {} }

/** A whole number within bounds, both ends allowed. */
export const whole = (min: number, max: number): Rule => ({
  allows: (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max,
  expected: `a whole number from ${min} to ${max}`,
})

/** Text that is not empty. */
export const text = (maxLength: number): Rule => ({
  allows: (value) => isText(value) && value.length <= maxLength && value.isWellFormed(),
  expected: `text of 1 to ${maxLength} characters`,
})

/** Text that fits a pattern. */
export const matching = (pattern: RegExp, expected: string): Rule => ({
  allows: (value) => isText(value) && pattern.test(value),
  expected,
})

/** One of some words. */
export const oneOf = (...words: readonly string[]): Rule => ({
  allows: (value) => isText(value) && words.includes(value),
  expected: words.join(', '),
})

/** A list in which every item fits a rule. */
export const listOf = (rule: Rule, max: number): Rule => ({
  allows: (value) => Array.isArray(value) && value.length <= max && value.every((item) => rule.allows(item)),
  expected: `a list of at most ${max}, each ${rule.expected}`,
})

/** An object with exactly these members. */
export const exactly = (members: Readonly<Record<string, Rule>>): Rule => ({
  allows: (value) => flawOf({ required: members, optional: {} }, value) === undefined,
  expected: `an object of ${Object.keys(members).join(', ')}`,
})

/** Null, or what fits a rule. */
export const orNull = (rule: Rule): Rule => ({
  allows: (value) => value === null || rule.allows(value),
  expected: `${rule.expected}, or null`,
})

/** Base64 of at most so many bytes. */
export const base64 = (maxBytes: number): Rule => ({
  allows: (value) =>
    isText(value) && value.length <= Math.ceil(maxBytes / 3) * 4 && /^[A-Za-z0-9+/]+={0,2}$/.test(value),
  expected: `base64 of at most ${maxBytes} bytes`,
})

export const TIME: Rule = whole(0, Number.MAX_SAFE_INTEGER)

export const LABEL: Rule = {
  allows: (value) => isText(value) && isDnsLabel(value),
  expected: 'a DNS label: a to z, 0 to 9 and -, at most 63',
}

export const TRUTH: Rule = { allows: (value) => typeof value === 'boolean', expected: 'true or false' }

/** What is wrong with `params`, in words, or undefined when they have the shape. */
export function flawOf({ required, optional }: Shape, params: unknown): string | undefined {
  if (!isObject(params)) return 'params must be an object'
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

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}
