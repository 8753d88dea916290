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
}

/**
 * Records whose commit failed, by hexadecimal id. Their entries may have reached the disk all the same, where nobody
 * accepted them: the next commit of a record removes them first.
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

  /** All of them, which the caller now removes; to be added again when that fails. */
  take(): ReadonlyMap<string, RecordPlace> {
    const taken = new Map(this.#places)
    this.#places.clear()
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
