import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AGENT_ERRORS } from '../errors.ts'
import { FINGERPRINT_BYTES, MAX_ROTATED_FILES, MAX_TSV_HEADER_BYTES } from '../limits.ts'
import { type FilePosition, matchesHead, positionAt } from './position.ts'
import { type Candidate, isRotatedName } from './sources.ts'
import { LineSplitter } from './splitters.ts'

/** What became of an open file since it was read. */
export type FileState = 'grown' | 'same' | 'truncated' | 'rotated'

const MAGICS: readonly (readonly number[])[] = [
  [0x1f, 0x8b],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0xfd, 0x37, 0x7a, 0x58],
  [0x42, 0x5a, 0x68],
]

const HASH = 0x23

/** One open log file: who it is, how it begins, and how far it was read. */
export class LogFile {
  readonly path: string
  readonly device: string
  readonly inode: string
  readonly #handle: FileHandle
  #head: Uint8Array
  #offset: number

  private constructor(path: string, opened: { handle: FileHandle; device: string; inode: string; head: Uint8Array }) {
    this.path = path
    this.device = opened.device
    this.inode = opened.inode
    this.#handle = opened.handle
    this.#head = opened.head
    this.#offset = 0
  }

  /**
   * Opens the regular file at `path`; undefined when there is none.
   * @throws AGENT_INPUT_READ, AGENT_INPUT_NOT_FILE, AGENT_INPUT_COMPRESSED
   */
  static async open(path: string): Promise<LogFile | undefined> {
    const found = await statFile(path)
    if (found === undefined) return undefined
    if (!found.isFile()) throw AGENT_ERRORS.create('AGENT_INPUT_NOT_FILE', { detail: path })
    const handle = await openFile(path)
    if (handle === undefined) return undefined
    try {
      const { dev, ino } = await handle.stat({ bigint: true })
      const head = await readBytes(handle, FINGERPRINT_BYTES)
      if (isCompressed(head)) throw AGENT_ERRORS.create('AGENT_INPUT_COMPRESSED', { detail: path })
      return new LogFile(path, { handle, device: String(dev), inode: String(ino), head })
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The first bytes of the file, as many as there were of {@link FINGERPRINT_BYTES}. */
  get head(): Uint8Array {
    return this.#head
  }

  /** Offset of the next byte to read. */
  get offset(): number {
    return this.#offset
  }

  seek(offset: number): void {
    this.#offset = offset
  }

  positionAt(offset: number): FilePosition {
    return positionAt(this, this.#head, offset)
  }

  /** Reads on into `chunk`: the part that was filled, empty at the end of the file. */
  async read(chunk: Uint8Array): Promise<Uint8Array> {
    const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, this.#offset)
    this.#offset += bytesRead
    if (this.#head.length < FINGERPRINT_BYTES) this.#head = await readBytes(this.#handle, FINGERPRINT_BYTES)
    return chunk.subarray(0, bytesRead)
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  /** Compares the file with what was read of it, and with what lies at its path now. */
  async inspect(): Promise<FileState> {
    const size = await this.size()
    const known = this.positionAt(this.#offset)
    if (size < this.#offset || !matchesHead(known, await readBytes(this.#handle, FINGERPRINT_BYTES))) return 'truncated'
    if (size > this.#offset) return 'grown'
    const current = await statFile(this.path)
    const replaced =
      current !== undefined && (String(current.ino) !== this.inode || String(current.dev) !== this.device)
    // An empty successor: the writer may not have moved to it yet.
    if (!replaced || current.size === 0n) return 'same'
    // What was written before the writer moved counts, also when it came after the first look.
    return (await this.size()) > this.#offset ? 'grown' : 'rotated'
  }

  /** The `#` lines at the beginning, when reading starts after them. */
  async headerLines(): Promise<Uint8Array[]> {
    if (this.#offset === 0 || this.#head[0] !== HASH) return []
    const bytes = await readBytes(this.#handle, Math.min(this.#offset, MAX_TSV_HEADER_BYTES))
    const lines: Uint8Array[] = []
    for (const { bytes: line } of new LineSplitter({ offset: 0, maxFrameBytes: MAX_TSV_HEADER_BYTES }).push(bytes)) {
      if (line?.[0] !== HASH) break
      lines.push(line)
    }
    return lines
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** The followed file and the newest files it was rotated to, compared with `position`; compressed ones are not looked at. */
export async function findCandidates(path: string, position: FilePosition): Promise<Candidate[]> {
  const current = await candidate(path, position, true)
  // The common case needs no look at the directory.
  if (current?.headMatches && current.inode === position.inode && current.size >= position.offset) return [current]
  const rotated = await Promise.all((await rotatedPaths(path)).map((name) => candidate(name, position, false)))
  return [current, ...rotated].filter((file) => file !== undefined)
}

/** The newest files that are called like rotated pieces of the log. */
async function rotatedPaths(path: string): Promise<string[]> {
  const directory = dirname(path)
  const names = await readdir(directory).catch(() => [])
  const rotated = names.filter((name) => isRotatedName(basename(path), name)).map((name) => join(directory, name))
  const dated = await Promise.all(
    rotated.map(async (name) => ({ name, modifiedMs: (await stat(name).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  dated.sort((a, b) => b.modifiedMs - a.modifiedMs)
  return dated.slice(0, MAX_ROTATED_FILES).map(({ name }) => name)
}

async function candidate(path: string, position: FilePosition, current: boolean): Promise<Candidate | undefined> {
  const found = await statFile(path)
  if (found === undefined || !found.isFile()) return undefined
  const handle = current ? await openFile(path) : await openFile(path).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const { ino, size, mtimeNs } = await handle.stat({ bigint: true })
    const head = await readBytes(handle, FINGERPRINT_BYTES)
    return {
      path,
      current,
      inode: String(ino),
      size: Number(size),
      modifiedNs: mtimeNs,
      headMatches: matchesHead(position, head),
    }
  } finally {
    await handle.close()
  }
}

async function statFile(path: string) {
  return notMissing(path, stat(path, { bigint: true }))
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  return notMissing(path, open(path, 'r'))
}

async function notMissing<Value>(path: string, pending: Promise<Value>): Promise<Value | undefined> {
  try {
    return await pending
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw AGENT_ERRORS.create('AGENT_INPUT_READ', { detail: path, cause })
  }
}

async function readBytes(handle: FileHandle, length: number): Promise<Uint8Array> {
  const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, 0)
  return buffer.subarray(0, bytesRead)
}

function isCompressed(head: Uint8Array): boolean {
  return MAGICS.some((magic) => magic.every((byte, at) => head[at] === byte))
}
