import { parseEve } from './eve.ts'
import type { LineOutcome } from './types.ts'
import { parseZeekJson, zeekLogOfFile } from './zeek.ts'
import { DEFAULT_TSV_HEADER, parseZeekTsv, readTsvHeader } from './zeek-tsv.ts'

/** Which sensor writes an input. */
export type InputFormat = 'eve' | 'zeek'

/** Reads the lines of one input in order; keeps the Zeek TSV header it has seen, nothing else. */
export interface LineParser {
  /** @param line without its line end; undefined stands for a line above the cap */
  parse(line: Uint8Array | undefined): LineOutcome
}

const HASH = 0x23
const OPEN_BRACE = 0x7b
const BYTE_ORDER_MARK = 0xef

/** @param fileName tells a Zeek log apart that does not say which one it is */
export function createLineParser(format: InputFormat, fileName: string): LineParser {
  return format === 'eve'
    ? { parse: (line) => (line === undefined ? tooLong() : parseEve(line)) }
    : new ZeekParser(fileName)
}

function tooLong(): LineOutcome {
  return { status: 'rejected', code: 'AGENT_LINE_TOO_LONG' }
}

class ZeekParser implements LineParser {
  readonly #hint
  #header = DEFAULT_TSV_HEADER

  constructor(fileName: string) {
    this.#hint = zeekLogOfFile(fileName)
  }

  parse(line: Uint8Array | undefined): LineOutcome {
    if (line === undefined) return tooLong()
    if (line[0] === HASH) return this.#readHeader(line)
    const json = line[0] === OPEN_BRACE || line[0] === BYTE_ORDER_MARK || this.#header.fields.length === 0
    return json ? parseZeekJson(line, this.#hint) : parseZeekTsv(line, this.#header, this.#hint)
  }

  #readHeader(line: Uint8Array): LineOutcome {
    const header = readTsvHeader(this.#header, line)
    if (header === undefined) return { status: 'rejected', code: 'AGENT_LINE_HEADER' }
    this.#header = header
    return { status: 'ignored' }
  }
}
