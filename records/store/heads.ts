import type { Operation, Room } from '../../core/store/index.ts'
import type { OriginHead } from '../trust.ts'
import type { CheckedRecord, RecordType } from '../types.ts'
import { headKey, readHead, writeHead } from './entries.ts'

/** The part that heads have in the commit of a record. */
export interface StagedHead {
  readonly operations: readonly Operation[]
  committed(): void
  failed(): void
}

/**
 * The newest record of each (origin, type), in memory. Kept when the record itself has expired. There are as many as
 * certified node ids times types: an origin is proven by its certificate before its record comes here.
 */
export class OriginHeads {
  readonly #room: Room
  /** Of records that are on disk. */
  readonly #heads = new Map<string, OriginHead>()
  /** Of records on their way there. */
  readonly #staged = new Map<string, Set<OriginHead>>()
  /** Names whose entry on disk may be wrong because a commit failed; the next commit writes them again. */
  readonly #unsure = new Set<string>()
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

  /** What the commit of `record` writes. Memory follows when that has succeeded. */
  stage({ origin, type, sequence, createdAtMs }: CheckedRecord): StagedHead {
    const name = nameOf(headKey(origin, type))
    const head: OriginHead = { sequence, createdAtMs }
    const names = new Set(this.#unsure)
    this.#unsure.clear()
    if (isAbove(head, this.#newest(name))) names.add(name)
    const staged = this.#staged.get(name) ?? new Set()
    this.#staged.set(name, staged.add(head))
    const end = () => {
      staged.delete(head)
      if (staged.size === 0) this.#staged.delete(name)
    }
    return {
      operations: this.#write(names),
      committed: () => {
        end()
        if (isAbove(head, this.#heads.get(name))) this.#heads.set(name, head)
      },
      failed: () => {
        end()
        for (const wrong of names) this.#unsure.add(wrong)
      },
    }
  }

  /** Operations that put right what failed commits may have left on disk. */
  mend(): Operation[] {
    return this.#write(this.#unsure)
  }

  #write(names: Iterable<string>): Operation[] {
    return Array.from(names, (name) => {
      const key = new Uint8Array(Buffer.from(name, 'latin1'))
      const head = this.#newest(name)
      return head === undefined ? this.#room.delete(key) : this.#room.put(key, writeHead(head))
    })
  }

  /** Of the records on disk and those before or in the next commit. */
  #newest(name: string): OriginHead | undefined {
    let newest = this.#heads.get(name)
    for (const head of this.#staged.get(name) ?? []) if (isAbove(head, newest)) newest = head
    return newest
  }
}

function isAbove(head: OriginHead, other: OriginHead | undefined): boolean {
  return other === undefined || head.sequence > other.sequence
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}
