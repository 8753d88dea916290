import type { ClassicLevel } from 'classic-level'
import { CORE_ERRORS } from '../errors.ts'
import type { RoomPrefix } from './rooms.ts'

/** One change, made by a {@link Room} and carried out by a commit. */
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

/** A prefix of the database: reads at once, writes as operations for a commit. Reads fail with CORE_STORE_READ. */
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

export type Level = ClassicLevel<Uint8Array, Uint8Array>

/** The handle to read from; waits while the database is being reopened. */
export type ReadableLevel = () => Promise<Level>

/** The {@link Room} of `prefix`. */
export class LevelRoom implements Room {
  readonly #prefix: RoomPrefix
  readonly #level: ReadableLevel

  constructor(prefix: RoomPrefix, level: ReadableLevel) {
    this.#prefix = prefix
    this.#level = level
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read(async (level) => plain(await level.get(this.#full(key))))
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read(async (level) => (await level.getMany(keys.map((key) => this.#full(key)))).map(plain))
  }

  has(key: Uint8Array): Promise<boolean> {
    return this.#read((level) => level.has(this.#full(key)))
  }

  async *entries(range: Range = {}): AsyncIterable<[Uint8Array, Uint8Array]> {
    const level = await this.#level()
    try {
      for await (const [key, value] of level.iterator(this.#bounds(range))) yield [plain(key).subarray(1), plain(value)]
    } catch (error) {
      throw readFailure(error)
    }
  }

  async *keys(range: Range = {}): AsyncIterable<Uint8Array> {
    const level = await this.#level()
    try {
      for await (const key of level.keys(this.#bounds(range))) yield plain(key).subarray(1)
    } catch (error) {
      throw readFailure(error)
    }
  }

  put(key: Uint8Array, value: Uint8Array): Operation {
    return { type: 'put', key: this.#full(key), value }
  }

  delete(key: Uint8Array): Operation {
    return { type: 'del', key: this.#full(key) }
  }

  async #read<Result>(action: (level: Level) => Promise<Result>): Promise<Result> {
    const level = await this.#level()
    try {
      return await action(level)
    } catch (error) {
      throw readFailure(error)
    }
  }

  #full(key: Uint8Array): Uint8Array {
    // From Node's pool: LevelDB's binding would give every short array on V8's heap memory of its own first.
    const full = Buffer.allocUnsafe(key.length + 1)
    full[0] = this.#prefix
    full.set(key, 1)
    return full
  }

  #bounds(range: Range): Range & { reverse: boolean; limit: number } {
    const lower = range.gt ? { gt: this.#full(range.gt) } : { gte: this.#full(range.gte ?? new Uint8Array()) }
    const upper = range.lt
      ? { lt: this.#full(range.lt) }
      : range.lte
        ? { lte: this.#full(range.lte) }
        : { lt: Uint8Array.of(this.#prefix + 1) }
    return { ...lower, ...upper, reverse: range.reverse ?? false, limit: range.limit ?? -1 }
  }
}

/** The same memory as a plain Uint8Array: classic-level answers with Buffers, whose slice() shares memory. */
function plain<Bytes extends Uint8Array | undefined>(bytes: Bytes): Bytes | Uint8Array {
  return bytes === undefined ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** LevelDB's errors carry a code that starts with LEVEL_; anything else came from the consumer of an iterator. */
function readFailure(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('LEVEL_') ? CORE_ERRORS.create('CORE_STORE_READ', { cause: error }) : error
}
