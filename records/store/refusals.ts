import type { Clock } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import { MAX_REFUSED_IDS } from '../limits.ts'
import { readRefusal, writeRefusal } from './entries.ts'

/** Ids of refused records, each until a time, so that catch-up does not fetch them again. Bounded: the oldest go first. */
export class Refusals {
  readonly #maxIds: number
  readonly #database: Database
  readonly #room: Room
  readonly #clock: Clock
  /** Time of forgetting by id in latin1, oldest memory first. */
  readonly #untilMs = new Map<string, number>()

  constructor(
    { maxIds = MAX_REFUSED_IDS }: { maxIds?: number | undefined },
    dependencies: { database: Database; clock: Clock },
  ) {
    this.#maxIds = maxIds
    this.#database = dependencies.database
    this.#clock = dependencies.clock
    this.#room = dependencies.database.room(ROOM.recordsRefused)
  }

  get count(): number {
    return this.#untilMs.size
  }

  /** Reads what was remembered before and drops what is past. */
  async load(): Promise<void> {
    const entries: [key: string, untilMs: number][] = []
    for await (const [id, value] of this.#room.entries()) entries.push([keyOf(id), readRefusal(value).untilMs])
    entries.sort(([, a], [, b]) => a - b)
    const now = this.#clock.now()
    const past = entries.filter(([, untilMs]) => untilMs <= now)
    for (const [key, untilMs] of entries.slice(past.length)) this.#untilMs.set(key, untilMs)
    if (past.length > 0) await this.#database.commit(past.map(([key]) => this.#room.delete(idOf(key))))
  }

  has(id: Uint8Array): boolean {
    return (this.#untilMs.get(keyOf(id)) ?? 0) > this.#clock.now()
  }

  /** Remembers `id` until `untilMs`; resolves when that is on disk. */
  async add(id: Uint8Array, { code, untilMs }: { code: string; untilMs: number }): Promise<void> {
    const key = keyOf(id)
    if (this.#untilMs.get(key) === untilMs) return
    this.#untilMs.delete(key)
    this.#untilMs.set(key, untilMs)
    const operations = [this.#room.put(id, writeRefusal(code, untilMs))]
    const oldest = this.#untilMs.keys().next().value
    if (this.#untilMs.size > this.#maxIds && oldest !== undefined) {
      this.#untilMs.delete(oldest)
      operations.push(this.#room.delete(idOf(oldest)))
    }
    await this.#database.commit(operations)
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}

function idOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'))
}
