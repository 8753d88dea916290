import { ClassicLevel } from 'classic-level'
import { uintBytes, uintFromBytes, utf8 } from '../bytes.ts'
import { CORE_ERRORS } from '../errors.ts'
import { MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS } from '../limits.ts'
import { checkOptionKeys, checkWholeNumber } from '../options.ts'
import { makeDirectory } from './files.ts'
import { Reserve } from './reserve.ts'
import { type Level, LevelRoom, type Operation, type Room } from './room.ts'
import { ROOM, type RoomPrefix } from './rooms.ts'

/** A node's one database: many rooms, one writer. */
export interface Database {
  room(prefix: RoomPrefix): Room
  /**
   * Writes all `operations` or none, and resolves when they are on disk (synced). Commits that wait together share
   * one synced write; their order is kept. After CORE_STORE_WRITE the outcome is open until the next write succeeds:
   * the operations may have reached the disk all the same, so a retry must write the same keys.
   * @throws CORE_STORE_WRITE when the disk refused; CORE_STORE_CLOSED after close
   */
  commit(operations: readonly Operation[]): Promise<void>
  /** Gives back the disk space of what was deleted between two rooms, both included. Takes its time; writes go on meanwhile. */
  compact(from: RoomPrefix, to: RoomPrefix): Promise<void>
  /** Commits that are waiting or being written. */
  readonly pendingCommits: number
  /** Writes what was committed, then closes. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  /**
   * Disk space in bytes held back for recovery after the disk was full; commits fail until it is whole again.
   * Default 0: none. {@link RESERVE_BYTES} is enough for LevelDB's largest log.
   */
  reserveBytes?: number
}

/** Reserve that recovery can always work with: twice LevelDB's write buffer of 4 MiB. */
export const RESERVE_BYTES = 8 * 1024 * 1024

/** Version of the layout that this release writes. An older one is migrated, a newer one refused. */
export const SCHEMA_VERSION = 1

const SCHEMA_KEY = utf8('schema')

/**
 * Opens (or makes) the database in directory `path`.
 * @throws CORE_STORE_OPEN, CORE_STORE_NEWER; CORE_STORE_WRITE when a new one cannot be begun
 */
export async function openDatabase(path: string, options: DatabaseOptions = {}): Promise<Database> {
  checkOptionKeys('database', options, ['reserveBytes'])
  checkWholeNumber('reserveBytes', options.reserveBytes ?? 0, { min: 0, max: 2 ** 30 })
  const database = new LevelDatabase(path, new Reserve(path, options.reserveBytes ?? 0))
  await database.open()
  return database
}

interface Waiting {
  operations: readonly Operation[]
  resolve: () => void
  reject: (error: unknown) => void
}

class LevelDatabase implements Database {
  readonly #path: string
  readonly #reserve: Reserve
  #level: Level | undefined
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #reopening: Promise<void> | undefined
  #inFlight = 0
  #mustReopen = false
  #closed = false

  constructor(path: string, reserve: Reserve) {
    this.#path = path
    this.#reserve = reserve
  }

  async open(): Promise<void> {
    await this.#openLevel()
    try {
      await this.#checkSchema()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async #checkSchema(): Promise<void> {
    const meta = this.room(ROOM.meta)
    const stored = await meta.get(SCHEMA_KEY)
    if (stored === undefined) {
      await this.commit([meta.put(SCHEMA_KEY, uintBytes(SCHEMA_VERSION, 4))])
      return
    }
    const found = uintFromBytes(stored)
    if (found > SCHEMA_VERSION)
      throw CORE_ERRORS.create('CORE_STORE_NEWER', { metadata: { found, known: SCHEMA_VERSION } })
  }

  room(prefix: RoomPrefix): Room {
    return new LevelRoom(prefix, async () => {
      await this.#reopening
      return this.#open()
    })
  }

  #open(): Level {
    if (this.#level === undefined) throw CORE_ERRORS.create('CORE_STORE_CLOSED')
    return this.#level
  }

  async compact(from: RoomPrefix, to: RoomPrefix): Promise<void> {
    await this.#reopening
    await this.#open().compactRange(Uint8Array.of(from), Uint8Array.of(to + 1))
  }

  get pendingCommits(): number {
    return this.#waiting.length + this.#inFlight
  }

  commit(operations: readonly Operation[]): Promise<void> {
    if (this.#closed) return Promise.reject(CORE_ERRORS.create('CORE_STORE_CLOSED'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    await undefined // lets commits of the same turn join the first group
    while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup())
    this.#writing = undefined
  }

  #takeGroup(): Waiting[] {
    let operations = 0
    let bytes = 0
    let count = 0
    for (const waiting of this.#waiting) {
      operations += waiting.operations.length
      for (const operation of waiting.operations) bytes += operation.type === 'put' ? operation.value.length : 0
      if (count > 0 && (operations > MAX_COMMIT_OPERATIONS || bytes > MAX_COMMIT_BYTES)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  async #writeGroup(group: Waiting[]): Promise<void> {
    this.#inFlight = group.length
    try {
      if (this.#mustReopen) await this.#reopen()
      await this.#reserve.fill()
      await this.#write(group.flatMap((waiting) => waiting.operations))
      for (const waiting of group) waiting.resolve()
    } catch (cause) {
      for (const waiting of group) waiting.reject(CORE_ERRORS.create('CORE_STORE_WRITE', { cause }))
    } finally {
      this.#inFlight = 0
    }
  }

  async #write(operations: Operation[]): Promise<void> {
    try {
      await this.#open().batch(operations, { sync: true })
    } catch (error) {
      // After one failed write LevelDB fails every later one on the same handle, also when space has returned.
      this.#mustReopen = true
      throw error
    }
  }

  async #reopen(): Promise<void> {
    const reopened = this.#open()
      .close()
      .then(() => this.#openLevel())
    this.#reopening = reopened.catch(() => {}) // readers only wait; the writer reports
    try {
      await reopened
      this.#mustReopen = false
    } finally {
      this.#reopening = undefined
    }
  }

  /** On a full disk LevelDB cannot even open, so the reserve goes first; {@link Reserve.fill} restores it. */
  async #openLevel(): Promise<void> {
    try {
      this.#level = await openLevel(this.#path)
    } catch (error) {
      if (!saysDiskFull(error)) throw error
      await this.#reserve.release()
      this.#level = await openLevel(this.#path)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing
    const level = this.#level
    this.#level = undefined
    await level?.close()
  }
}

/** LevelDB passes on only the text of the system's error. */
function saysDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.message.includes('No space left on device') || saysDiskFull(error.cause)
}

/** The innermost text, which is what the system said. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'LEVEL_LOCKED') return 'another process has it open'
  return error.cause === undefined ? error.message : reasonOf(error.cause)
}

async function openLevel(path: string): Promise<Level> {
  try {
    await makeDirectory(path)
    const level: Level = new ClassicLevel(path, { keyEncoding: 'view', valueEncoding: 'view' })
    await level.open()
    return level
  } catch (cause) {
    throw CORE_ERRORS.create('CORE_STORE_OPEN', { cause, detail: reasonOf(cause), metadata: { path } })
  }
}
