import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7

/** LevelDB's write-ahead log files in `directory`, oldest first. */
export function logFiles(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.log'))
  return names.sort().map((name) => join(directory, name))
}

/** Number of writes in a log: records of type FULL or FIRST (LevelDB's doc/log_format.md). One batch is one record. */
export function countWrites(file: string): number {
  const bytes = readFileSync(file)
  let writes = 0
  let at = 0
  while (at + HEADER_BYTES <= bytes.length) {
    const leftInBlock = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (leftInBlock < HEADER_BYTES) {
      at += leftInBlock
      continue
    }
    const type = bytes[at + 6]
    if (type === 0) break
    if (type === 1 || type === 2) writes += 1
    at += HEADER_BYTES + bytes.readUInt16LE(at + 4)
  }
  return writes
}

/** Cuts a file as a power failure would. */
export function truncate(file: string, length: number): void {
  writeFileSync(file, readFileSync(file).subarray(0, length))
}
