import type { Operation } from '../../core/store/index.ts'
import { MAX_STRAY_RECORDS } from '../limits.ts'
import { timeKey } from './entries.ts'
import type { RecordRooms } from './rooms.ts'

/** Where the entries of a record lie. */
export interface RecordPlace {
  readonly id: Uint8Array
  readonly createdAtMs: number
  /** Undefined for a record that never expires. */
  readonly expiresAtMs: number | undefined
  /** Its commit had entries of others, too, which may be on disk with it. */
  readonly joint?: boolean
}

/**
 * Records whose commit failed, by hexadecimal id. Their entries may have reached the disk all the same, where nobody
 * accepted them: the next commit of a record removes them first. One of a joint commit goes with the next joint commit, whose
 * other entries replace those beside it: until then they stay together, so that a crash leaves all of them or none.
 */
export class Strays {
  readonly #rooms: RecordRooms
  readonly #places = new Map<string, RecordPlace>()

  constructor(rooms: RecordRooms) {
    this.#rooms = rooms
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  add(name: string, place: RecordPlace): void {
    this.#places.set(name, place)
    const oldest = this.#places.keys().next().value
    if (this.#places.size > MAX_STRAY_RECORDS && oldest !== undefined) this.#places.delete(oldest)
  }

  /** The record is stored after all. */
  delete(name: string): void {
    this.#places.delete(name)
  }

  /** Those that a commit, joint or not, removes now; to be added again when that fails. */
  take(joint: boolean): ReadonlyMap<string, RecordPlace> {
    const taken = new Map([...this.#places].filter(([, place]) => joint || !place.joint))
    for (const name of taken.keys()) this.#places.delete(name)
    return taken
  }

  removal(places: ReadonlyMap<string, RecordPlace>): Operation[] {
    const { records, byTime, byExpiry } = this.#rooms
    return [...places.values()].flatMap(({ id, createdAtMs, expiresAtMs }) => [
      records.delete(id),
      byTime.delete(timeKey(createdAtMs, id)),
      ...(expiresAtMs === undefined ? [] : [byExpiry.delete(timeKey(expiresAtMs, id))]),
    ])
  }
}
