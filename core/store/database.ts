import { mkdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { uintBytes, uintFromBytes, utf8 } from '../bytes.ts'
import { CORE_ERRORS } from '../errors.ts'
import { MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS } from '../limits.ts'
import { ROOM, type RoomPrefix } from './rooms.ts'

/** One change, made by a {@link Room} and carried out by {@link Database.commit}. */
export type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

/** Part of a room, by key: bounds as in abstract-level, keys without the room's prefix. */
export interface Range {
  gt?: Uint8Array
  gte?: Uint8Array
  lt?: Uint8Array
  lte?: Uint8Array
  reverse?: boolean
  /** Most entries. Default: no limit. */
  limit?: number
}

/** A prefix of the database: reads at once, writes as operations for a commit. */
export interface Room {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  has(key: Uint8Array): Promise<boolean>
  /** Entries in key order. Each iterator sees the database as it was when iteration began. */
  entries(range?: Range): AsyncIterable<[key: Uint8Array, value: Uint8Array]>
  keys(range?: Range): AsyncIterable<Uint8Array>
  put(key: Uint8Array, value: Uint8Array): Operation
  delete(key: Uint8Array): Operation
}

/** A node's one database: many rooms, one writer. */
export interface Database {
  room(prefix: RoomPrefix): Room
  /**
   * Writes all `operations` or none, and resolves when they are on disk (synced). Commits that wait together share
   * one synced write; their order is kept.
   * @throws CORE_STORE_WRITE when the disk refused; CORE_STORE_CLOSED after close
   */
  commit(operations: readonly Operation[]): Promise<void>
  /** Commits that are waiting or being written. */
  readonly pendingCommits: number
  /** Writes what was committed, then closes. */
  close(): Promise<void>
}

/** Version of the layout that this release writes. An older one is migrated, a newer one refused. */
export const SCHEMA_VERSION = 1

const SCHEMA_KEY = utf8('schema')

type Level = ClassicLevel<Uint8Array, Uint8Array>

/**
 * Opens (or makes) the database in directory `path`.
 * @throws CORE_STORE_OPEN, CORE_STORE_NEWER
 */
export async function openDatabase(path: string): Promise<Database> {
  const database = new LevelDatabase(path)
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
  #level: Level | undefined
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #inFlight = 0
  #mustReopen = false
  #closed = false

  constructor(path: string) {
    this.#path = path
  }

  async open(): Promise<void> {
    this.#level = await openLevel(this.#path)
    try {
      await this.#checkSchema()
    } catch (error) {
      await this.#level.close()
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
    return new LevelRoom(prefix, () => this.#open())
  }

  #open(): Level {
    if (this.#level === undefined) throw CORE_ERRORS.create('CORE_STORE_CLOSED')
    return this.#level
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
      await this.#open().batch(
        group.flatMap((waiting) => waiting.operations),
        { sync: true },
      )
      for (const waiting of group) waiting.resolve()
    } catch (cause) {
      // After one failed write LevelDB fails every later one on the same handle, also when space has returned.
      this.#mustReopen = true
      for (const waiting of group) waiting.reject(CORE_ERRORS.create('CORE_STORE_WRITE', { cause }))
    } finally {
      this.#inFlight = 0
    }
  }

  async #reopen(): Promise<void> {
    await this.#open().close()
    this.#level = await openLevel(this.#path)
    this.#mustReopen = false
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing
    const level = this.#level
    this.#level = undefined
    await level?.close()
  }
}

async function openLevel(path: string): Promise<Level> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const level: Level = new ClassicLevel(path, { keyEncoding: 'view', valueEncoding: 'view' })
    await level.open()
    return level
  } catch (cause) {
    throw CORE_ERRORS.create('CORE_STORE_OPEN', { cause, metadata: { path } })
  }
}

class LevelRoom implements Room {
  readonly #prefix: RoomPrefix
  readonly #level: () => Level

  constructor(prefix: RoomPrefix, level: () => Level) {
    this.#prefix = prefix
    this.#level = level
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#level().get(this.#full(key))
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#level().getMany(keys.map((key) => this.#full(key)))
  }

  has(key: Uint8Array): Promise<boolean> {
    return this.#level().has(this.#full(key))
  }

  async *entries(range: Range = {}): AsyncIterable<[Uint8Array, Uint8Array]> {
    for await (const [key, value] of this.#level().iterator(this.#bounds(range))) yield [key.subarray(1), value]
  }

  async *keys(range: Range = {}): AsyncIterable<Uint8Array> {
    for await (const key of this.#level().keys(this.#bounds(range))) yield key.subarray(1)
  }

  put(key: Uint8Array, value: Uint8Array): Operation {
    return { type: 'put', key: this.#full(key), value }
  }

  delete(key: Uint8Array): Operation {
    return { type: 'del', key: this.#full(key) }
  }

  #full(key: Uint8Array): Uint8Array {
    const full = new Uint8Array(key.length + 1)
    full[0] = this.#prefix
    full.set(key, 1)
    return full
  }

  #bounds(range: Range): {
    gt?: Uint8Array
    gte?: Uint8Array
    lt?: Uint8Array
    lte?: Uint8Array
    reverse: boolean
    limit: number
  } {
    const lower = range.gt ? { gt: this.#full(range.gt) } : { gte: this.#full(range.gte ?? new Uint8Array()) }
    const upper = range.lt
      ? { lt: this.#full(range.lt) }
      : range.lte
        ? { lte: this.#full(range.lte) }
        : { lt: Uint8Array.of(this.#prefix + 1) }
    return { ...lower, ...upper, reverse: range.reverse ?? false, limit: range.limit ?? -1 }
  }
}
