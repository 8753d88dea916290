import { MAX_LINE_BYTES, MAX_TSV_FIELDS } from '../limits.ts'
import { decodeUtf8, isBlank } from './json-line.ts'
import type { LineOutcome } from './types.ts'
import { readZeekFields, type ZeekLog } from './zeek.ts'

/** What the `#` lines of a Zeek TSV log say about the lines after them. */
export interface ZeekTsvHeader {
  readonly separator: string
  readonly setSeparator: string
  readonly emptyField: string
  readonly unsetField: string
  readonly path: string | undefined
  readonly fields: readonly string[]
  readonly types: readonly string[]
}

/** Zeek's defaults, for a log whose header has not been seen. */
export const DEFAULT_TSV_HEADER: ZeekTsvHeader = {
  separator: '\t',
  setSeparator: ',',
  emptyField: '(empty)',
  unsetField: '-',
  path: undefined,
  fields: [],
  types: [],
}

/**
 * The header after one more `#` line. `#separator` begins a new header; `#open`, `#close` and unknown names change
 * nothing. Undefined when the line is malformed.
 */
export function readTsvHeader(header: ZeekTsvHeader, line: Uint8Array): ZeekTsvHeader | undefined {
  const text = line.length > MAX_LINE_BYTES ? undefined : decodeUtf8(line)
  if (text === undefined) return undefined
  if (text.startsWith('#separator ')) return startHeader(text.slice('#separator '.length))
  const [name, ...values] = text.split(header.separator)
  const [value = ''] = values
  switch (name) {
    case '#set_separator':
      return { ...header, setSeparator: unescapeText(value) }
    case '#empty_field':
      return { ...header, emptyField: unescapeText(value) }
    case '#unset_field':
      return { ...header, unsetField: unescapeText(value) }
    case '#path':
      return { ...header, path: value }
    case '#fields':
      return fitsCap(values) ? { ...header, fields: values } : undefined
    case '#types':
      return fitsCap(values) ? { ...header, types: values } : undefined
    default:
      return header
  }
}

function startHeader(separator: string): ZeekTsvHeader | undefined {
  const plain = unescapeText(separator)
  return plain.length === 1 ? { ...DEFAULT_TSV_HEADER, separator: plain } : undefined
}

function fitsCap(values: readonly string[]): boolean {
  return values.length > 0 && values.length <= MAX_TSV_FIELDS
}

/** Reads one line of a Zeek TSV log under `header`; events as {@link readZeekFields} makes them. Never throws. */
export function parseZeekTsv(line: Uint8Array, header: ZeekTsvHeader, hint?: ZeekLog): LineOutcome {
  if (line.length > MAX_LINE_BYTES) return { status: 'rejected', code: 'AGENT_LINE_TOO_LONG' }
  if (isBlank(line)) return { status: 'ignored' }
  const log = header.path ?? hint
  if (log !== 'notice' && log !== 'weird') return { status: 'ignored' }
  const text = decodeUtf8(line)
  if (text === undefined) return { status: 'rejected', code: 'AGENT_LINE_NOT_UTF8' }
  const values = text.split(header.separator, MAX_TSV_FIELDS + 1)
  if (header.fields.length === 0 || values.length !== header.fields.length) {
    return { status: 'rejected', code: 'AGENT_LINE_COLUMNS' }
  }
  return readZeekFields(typedFields(values, header), log)
}

function typedFields(values: readonly string[], header: ZeekTsvHeader): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.create(null)
  for (const [index, name] of header.fields.entries()) {
    const value = values[index]
    if (value !== undefined && value !== header.unsetField) fields[name] = typedValue(value, header, index)
  }
  return fields
}

function typedValue(value: string, header: ZeekTsvHeader, index: number): unknown {
  if (value === header.emptyField) return ''
  switch (header.types[index]) {
    case 'time':
    case 'interval':
    case 'double':
    case 'count':
    case 'int':
    case 'port':
      return /^-?\d{1,20}(?:\.\d{1,20})?$/.test(value) ? Number(value) : undefined
    case 'bool':
      return value === 'T'
    default:
      return unescapeText(value)
  }
}

/** Undoes Zeek's `\xNN` and `\\` escapes; consecutive escapes may form one UTF-8 character. */
export function unescapeText(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/(?:\\x[0-9a-fA-F]{2})+|\\\\/g, (escaped) =>
    escaped === '\\\\' ? '\\' : Buffer.from(escaped.replaceAll('\\x', ''), 'hex').toString('utf8'),
  )
}
