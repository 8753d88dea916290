import { type Clock, type Logger, type Timer, uintFromBytes } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import { refusesContent } from '../errors.ts'
import { MAX_REFUSAL_MS, MAX_REFUSED_IDS, REFUSAL_BATCH, REFUSAL_WRITE_DELAY_MS } from '../limits.ts'
import { readRefusal, writeRefusal } from './entries.ts'

export interface RefusalsOptions {
  readonly maxIds?: number | undefined
  /** Nothing is written. */
  readonly readOnly?: boolean | undefined
}

export interface RefusalsDependencies {
  readonly database: Database
  readonly clock: Clock
  readonly logger: Logger
}

interface Refusal {
  code: string
  untilMs: number
  /** Where its key lies in the list of all. */
  slot: number
  /** True when it may have an entry on disk. */
  stored: boolean
}

/**
 * Ids of refused records, each until a time, so that catch-up does not fetch them again. At most an hour by the present
 * clock, also when a clock that was ahead has said otherwise.
 *
 * Whoever sends junk causes refusals, so they cost little: they live in memory and are written together, seconds later.
 * A crash forgets the newest, which are then fetched and refused once more. When there is no more room, a new one takes
 * the place of any other: to drive a certain one out takes about as many as there are places.
 */
export class Refusals {
  readonly #maxIds: number
  readonly #deps: RefusalsDependencies
  readonly #room: Room
  /** By id in latin1. */
  readonly #refusals = new Map<string, Refusal>()
  readonly #keys: string[] = []
  readonly #unsaved = new Set<string>()
  /** Entries on disk that are to be removed. */
  readonly #dropped = new Set<string>()
  #timer: Timer | undefined
  #writing: Promise<boolean> | undefined
  /** Read only, or closed. */
  #silent: boolean

  constructor({ maxIds = MAX_REFUSED_IDS, readOnly = false }: RefusalsOptions, dependencies: RefusalsDependencies) {
    this.#maxIds = maxIds
    this.#silent = readOnly
    this.#deps = dependencies
    this.#room = dependencies.database.room(ROOM.recordsRefused)
  }

  get count(): number {
    return this.#refusals.size
  }

  /** Reads what was remembered before; entries that hold no longer are removed with the next writing. */
  async load(): Promise<void> {
    const nowMs = this.#deps.clock.now()
    for await (const [id, value] of this.#room.entries()) {
      const { code, untilMs } = readRefusal(value)
      const holds = untilMs > nowMs && refusesContent(code) && this.#refusals.size < this.#maxIds
      if (!holds) {
        this.#dropped.add(keyOf(id))
        continue
      }
      const latestMs = nowMs + MAX_REFUSAL_MS
      this.#insert(keyOf(id), { code, untilMs: Math.min(untilMs, latestMs), stored: true })
      if (untilMs > latestMs) this.#unsaved.add(keyOf(id))
    }
    this.#arm()
  }

  has(id: Uint8Array): boolean {
    const refusal = this.#refusals.get(keyOf(id))
    if (refusal === undefined) return false
    const nowMs = this.#deps.clock.now()
    refusal.untilMs = Math.min(refusal.untilMs, nowMs + MAX_REFUSAL_MS)
    return refusal.untilMs > nowMs
  }

  /** Remembers `id` until `untilMs`, at most {@link MAX_REFUSAL_MS} from now. */
  add(id: Uint8Array, { code, untilMs }: { code: string; untilMs: number }): void {
    const key = keyOf(id)
    const known = this.#refusals.get(key)
    const latestMs = Math.min(untilMs, this.#deps.clock.now() + MAX_REFUSAL_MS)
    if (known?.untilMs === latestMs) return
    if (known !== undefined) Object.assign(known, { code, untilMs: latestMs })
    else {
      if (this.#keys.length >= this.#maxIds)
        this.#drop(this.#keys[uintFromBytes(id.subarray(0, 4)) % this.#keys.length])
      this.#insert(key, { code, untilMs: latestMs, stored: this.#dropped.delete(key) })
    }
    this.#unsaved.add(key)
    this.#arm()
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    if (this.#silent) return
    this.#silent = true
    this.#timer?.cancel()
    await this.#writing
    while (this.#hasWork() && (await this.#write()));
  }

  #insert(key: string, refusal: Omit<Refusal, 'slot'>): void {
    this.#refusals.set(key, { ...refusal, slot: this.#keys.length })
    this.#keys.push(key)
  }

  #drop(key: string | undefined): void {
    const refusal = key === undefined ? undefined : this.#refusals.get(key)
    if (key === undefined || refusal === undefined) return
    const last = this.#keys.pop()
    const moved = last === undefined || last === key ? undefined : this.#refusals.get(last)
    if (last !== undefined && moved !== undefined) {
      moved.slot = refusal.slot
      this.#keys[refusal.slot] = last
    }
    this.#refusals.delete(key)
    this.#unsaved.delete(key)
    if (refusal.stored) this.#dropped.add(key)
  }

  #hasWork(): boolean {
    return this.#unsaved.size + this.#dropped.size > 0
  }

  #arm(): void {
    if (this.#silent || this.#timer !== undefined || !this.#hasWork()) return
    this.#timer = this.#deps.clock.setTimer(REFUSAL_WRITE_DELAY_MS, () => void this.#wake(), { unref: true })
  }

  async #wake(): Promise<void> {
    this.#writing = this.#write()
    await this.#writing
    this.#writing = undefined
    this.#timer = undefined
    this.#arm()
  }

  /** One commit with a part of what is to be written; false when it failed. */
  async #write(): Promise<boolean> {
    this.#forgetPast()
    const dropped = [...this.#dropped].slice(0, REFUSAL_BATCH)
    const saved = [...this.#unsaved].slice(0, REFUSAL_BATCH - dropped.length)
    const operations = dropped.map((key) => this.#room.delete(idOf(key)))
    for (const key of saved) {
      const refusal = this.#refusals.get(key)
      this.#unsaved.delete(key)
      if (refusal === undefined) continue
      refusal.stored = true // also when the commit fails: it may reach the disk all the same
      operations.push(this.#room.put(idOf(key), writeRefusal(refusal.code, refusal.untilMs)))
    }
    try {
      if (operations.length > 0) await this.#deps.database.commit(operations)
    } catch (error) {
      this.#deps.logger.debug({ err: error }, 'Refused ids could not be written; will try again.')
      for (const key of saved) if (this.#refusals.has(key)) this.#unsaved.add(key)
      return false
    }
    for (const key of dropped) this.#dropped.delete(key)
    return true
  }

  #forgetPast(): void {
    const nowMs = this.#deps.clock.now()
    for (const [key, { untilMs }] of this.#refusals) if (untilMs <= nowMs) this.#drop(key)
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}

function idOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'))
}
