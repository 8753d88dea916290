import { MAX_JSON_DEPTH, MAX_LINE_BYTES } from '../limits.ts'
import type { Fields } from './fields.ts'
import type { Rejection } from './types.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** The object is wrapped, so that nothing a sensor writes can look like a rejection. */
export interface JsonLine {
  readonly fields: Fields
}

/** The JSON object on one line, or why there is none: length, encoding and nesting are judged before parsing. */
export function parseJsonLine(line: Uint8Array): JsonLine | Rejection {
  if (line.length > MAX_LINE_BYTES) return rejected('AGENT_LINE_TOO_LONG')
  if (nestsTooDeeply(line)) return rejected('AGENT_LINE_TOO_DEEP')
  const text = decodeUtf8(line)
  if (text === undefined) return rejected('AGENT_LINE_NOT_UTF8')
  const value = parseJson(text)
  return isObject(value) ? { fields: value } : rejected('AGENT_LINE_NOT_JSON')
}

/** The text of strict UTF-8 (a leading byte order mark is dropped), or undefined. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** True for a line that holds nothing but white space. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A JSON object: not a list, not null. */
export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function rejected(code: Rejection['code']): Rejection {
  return { status: 'rejected', code }
}

function nestsTooDeeply(line: Uint8Array): boolean {
  let depth = 0
  let inText = false
  for (let at = 0; at < line.length; at += 1) {
    const byte = line[at]
    if (inText) {
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1
      if (depth > MAX_JSON_DEPTH) return true
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1
  }
  return false
}
