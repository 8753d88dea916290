import type { Operation, Room } from '../../core/store/index.ts'
import type { OriginHead } from '../trust.ts'
import type { CheckedRecord, RecordType } from '../types.ts'
import { headKey, readHead, writeHead } from './entries.ts'

/** The newest record of each (origin, type), in memory. Kept when the record itself has expired. */
export class OriginHeads {
  readonly #room: Room
  readonly #heads = new Map<string, OriginHead>()
  /** Sequences given out by {@link next}. */
  readonly #given = new Map<string, number>()

  constructor(room: Room) {
    this.#room = room
  }

  get count(): number {
    return this.#heads.size
  }

  async load(): Promise<void> {
    for await (const [key, value] of this.#room.entries()) this.#heads.set(nameOf(key), readHead(value))
  }

  of(origin: string, type: RecordType): OriginHead | undefined {
    return this.#heads.get(nameOf(headKey(origin, type)))
  }

  /** The next free sequence; never the same twice, also when nothing is stored under it. */
  next(origin: string, type: RecordType): number {
    const name = nameOf(headKey(origin, type))
    const sequence = Math.max(this.#heads.get(name)?.sequence ?? -1, this.#given.get(name) ?? -1) + 1
    this.#given.set(name, sequence)
    return sequence
  }

  /** Takes note of a record that is about to be stored; the operations that belong in its batch. */
  advance({ origin, type, sequence, createdAtMs }: CheckedRecord): Operation[] {
    const key = headKey(origin, type)
    const name = nameOf(key)
    const head = this.#heads.get(name)
    if (head !== undefined && sequence <= head.sequence) return []
    this.#heads.set(name, { sequence, createdAtMs })
    return [this.#room.put(key, writeHead({ sequence, createdAtMs }))]
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}
