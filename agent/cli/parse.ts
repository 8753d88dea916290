import { InvalidArgumentError } from 'commander'
import { isDnsLabel } from '../../core/index.ts'

const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/
const DAY_MS = 86_400_000
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS }
const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical']
const ISO_TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/

/** A point in time as written: fixed, or so many milliseconds before now. */
export type TimeArgument = { readonly atMs: number } | { readonly agoMs: number }

/**
 * Milliseconds of `90s`, `15m`, `1h`, `7d`.
 * @throws {InvalidArgumentError}
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text)
  const unit = UNIT_MS[match?.[2] ?? '']
  if (match === null || unit === undefined)
    throw new InvalidArgumentError('Use a number with a unit: 90s, 15m, 1h, 7d.')
  return Number(match[1]) * unit
}

/**
 * `2026-01-01`, `2026-01-01T12:00:00Z`, or a duration before now such as `1h`.
 * @throws {InvalidArgumentError}
 */
export function parseTime(text: string): TimeArgument {
  if (DURATION.test(text)) return { agoMs: parseDuration(text) }
  const atMs = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(atMs)) {
    throw new InvalidArgumentError('Use a time such as 2026-01-01T12:00:00Z, or a duration before now such as 1h.')
  }
  return { atMs }
}

/** Milliseconds since the Unix epoch. */
export function resolveTime(time: TimeArgument, nowMs: number): number {
  return 'atMs' in time ? time.atMs : Math.max(0, nowMs - time.agoMs)
}

/**
 * 1 to 5 of a severity's number or name.
 * @throws {InvalidArgumentError}
 */
export function parseSeverity(text: string): number {
  const severity = /^[1-5]$/.test(text) ? Number(text) : SEVERITIES.indexOf(text) + 1
  if (severity === 0) throw new InvalidArgumentError(`Use 1 to 5, or ${SEVERITIES.join(', ')}.`)
  return severity
}

/**
 * A parser of whole numbers within bounds (both ends allowed).
 * @throws {InvalidArgumentError} from the parser
 */
export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Use a whole number from ${min} to ${max}.`)
    return value
  }
}

/**
 * Lower-case hexadecimal, at least `minDigits` long: an id or the beginning of one.
 * @throws {InvalidArgumentError} from the parser
 */
export function parseHex(minDigits: number): (text: string) => string {
  return (text) => {
    const hex = text.toLowerCase()
    if (!/^[0-9a-f]{1,64}$/.test(hex) || hex.length < minDigits) {
      throw new InvalidArgumentError(`Use ${minDigits} to 64 hexadecimal digits.`)
    }
    return hex
  }
}

/**
 * The name of a mesh or a node.
 * @throws {InvalidArgumentError}
 */
export function parseLabel(text: string): string {
  if (!isDnsLabel(text)) throw new InvalidArgumentError('Use a DNS label: a to z, 0 to 9 and -, at most 63 characters.')
  return text
}

/**
 * A duration of a millisecond to `maxMs`.
 * @throws {InvalidArgumentError} from the parser
 */
export function parseDurationUpTo(maxMs: number): (text: string) => number {
  return (text) => {
    const durationMs = parseDuration(text)
    if (durationMs >= 1 && durationMs <= maxMs) return durationMs
    throw new InvalidArgumentError(`Use at most ${Math.floor(maxMs / DAY_MS)}d, and more than nothing.`)
  }
}

/** Adds one more value of a repeatable option. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
