import { resolve } from 'node:path'
import { MAX_CONFIG_LIST } from '../limits.ts'
import { describeValues, isList, type OptionSpec } from './options.ts'

/** A value as it comes out of YAML, a flag or a variable. */
export type RawValue = string | number | boolean | null | readonly RawValue[]

/** A value of the right type and within bounds. */
export type OptionValue = string | number | boolean | readonly string[]

/** A value that is not allowed, and what would be. */
export interface BadValue {
  readonly expected: string
}

/** Checks `raw` against `spec`; text is read as numbers and booleans are written. Paths are resolved against `base`. */
export function checkValue(spec: OptionSpec, raw: RawValue, base: string): { value: OptionValue } | BadValue {
  const value = isList(spec) ? checkList(spec, raw, base) : checkItem(spec, raw, base)
  return value === undefined ? { expected: describeValues(spec) } : { value }
}

function checkList(spec: OptionSpec, raw: RawValue, base: string): readonly string[] | undefined {
  const items = Array.isArray(raw) ? raw : [raw]
  if (items.length > MAX_CONFIG_LIST) return undefined
  const values = items.map((item) => checkItem(spec, item, base))
  return values.every((value) => typeof value === 'string') ? values : undefined
}

function checkItem(spec: OptionSpec, raw: RawValue, base: string): string | number | boolean | undefined {
  switch (spec.type) {
    case 'integer':
      return checkInteger(spec, raw)
    case 'boolean':
      return checkBoolean(raw)
    case 'choice':
      return spec.choices?.find((choice) => choice === raw)
    case 'path':
    case 'path-list':
      return isText(raw) && !raw.includes('\0') ? resolve(base, raw) : undefined
    case 'multiaddr-list':
      return isText(raw) && /^(?:\/[\w.:-]+)+$/.test(raw) ? raw : undefined
    case 'address':
      return isText(raw) && parseListenAddress(raw) !== undefined ? raw : undefined
    default:
      return isText(raw) && (spec.pattern?.test(raw) ?? true) ? raw : undefined
  }
}

function isText(raw: RawValue): raw is string {
  return typeof raw === 'string' && raw.length > 0
}

function checkInteger(spec: OptionSpec, raw: RawValue): number | undefined {
  const value = typeof raw === 'string' && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return undefined
  return value >= (spec.min ?? 0) && value <= (spec.max ?? Number.MAX_SAFE_INTEGER) ? value : undefined
}

function checkBoolean(raw: RawValue): boolean | undefined {
  if (raw === true || raw === 'true') return true
  return raw === false || raw === 'false' ? false : undefined
}

/** Host and port of `127.0.0.1:9464` or `[::1]:9464`, or undefined. */
export function parseListenAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host !== undefined && port <= 65_535 ? { host, port } : undefined
}
