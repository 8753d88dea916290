import { toHex } from '../../core/index.ts'
import type { Database, Operation } from '../../core/store/index.ts'
import { expiryOf } from '../record.ts'
import type { CheckedRecord } from '../types.ts'
import type { BucketIndex } from './buckets.ts'
import type { Counters } from './counters.ts'
import { factsOf, timeKey, writeExpiry, writeFacts, writeRecord } from './entries.ts'
import type { Expiry } from './expiry.ts'
import type { OriginHeads } from './heads.ts'
import type { RecordRooms } from './rooms.ts'
import { type RecordPlace, Strays } from './strays.ts'

/** A record about to be stored: its part of a commit, and what to call after. */
export interface Admission {
  /** To be handed to `Database.commit`, alone or with others, before the current turn ends. */
  readonly operations: readonly Operation[]
  /** The commit succeeded. */
  committed(): void
  /** The commit failed, or never happens. */
  failed(): void
}

export interface AdmissionDependencies {
  readonly database: Database
  readonly rooms: RecordRooms
  readonly buckets: BucketIndex
  readonly counters: Counters
  readonly heads: OriginHeads
  readonly expiry: Expiry
}

/**
 * Brings records to the disk, each once, and into the indexes in memory when they are there. A commit that failed may
 * have reached the disk; what it may have left there is removed by the next one.
 */
export class Admissions {
  readonly #deps: AdmissionDependencies
  /** Records on their way to the disk, by hexadecimal id; each promise resolves when that has ended, well or not. */
  readonly #inFlight = new Map<string, Promise<void>>()
  readonly #strays: Strays

  constructor(dependencies: AdmissionDependencies) {
    this.#deps = dependencies
    this.#strays = new Strays(dependencies.rooms)
  }

  /** What storing `record` takes, `joint` with other entries or alone; undefined when it is held or on its way. */
  stage(record: CheckedRecord, receivedAtMs: number, joint: boolean): Admission | undefined {
    const { buckets, counters, heads } = this.#deps
    const name = toHex(record.id)
    if (buckets.has(record.id, record.createdAtMs) || this.#inFlight.has(name)) return undefined
    const entries = this.#entries(record, receivedAtMs)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#inFlight.set(name, promise)
    const end = () => {
      this.#inFlight.delete(name)
      resolve()
    }
    this.#strays.delete(name)
    const strays = this.#strays.take(joint)
    const head = heads.stage(record)
    return {
      operations: [
        ...this.#strays.removal(strays),
        ...entries,
        ...head.operations,
        counters.adding(record.bytes.length),
      ],
      committed: () => {
        head.committed()
        counters.added(record.bytes.length)
        this.#index(record)
        end()
      },
      failed: () => {
        head.failed()
        counters.failed()
        this.#remember(strays)
        this.#strays.add(name, { ...placeOf(record), joint })
        end()
      },
    }
  }

  /** Stores `record`; resolves when it is on disk: true when it came there now, false when it already was. */
  async admit(record: CheckedRecord, receivedAtMs: number): Promise<boolean> {
    const name = toHex(record.id)
    for (let other = this.#inFlight.get(name); other !== undefined; other = this.#inFlight.get(name)) await other
    const admission = this.stage(record, receivedAtMs, false)
    if (admission === undefined) return false
    try {
      await this.#deps.database.commit(admission.operations)
    } catch (error) {
      admission.failed()
      throw error
    }
    admission.committed()
    return true
  }

  /** True when the commit of this record failed: what is on disk of it does not count. */
  isStray(id: Uint8Array): boolean {
    return this.#strays.has(toHex(id))
  }

  /** Operations that put right what failed commits may have left on disk. */
  mend(): Operation[] {
    return [...this.#strays.removal(this.#strays.take(false)), ...this.#deps.heads.mend()]
  }

  /** Strays that were not removed; but one may have been stored in a later commit, which must not be undone. */
  #remember(strays: ReadonlyMap<string, RecordPlace>): void {
    for (const [name, place] of strays) {
      const isWanted = this.#inFlight.has(name) || this.#deps.buckets.has(place.id, place.createdAtMs)
      if (!isWanted) this.#strays.add(name, place)
    }
  }

  #entries(record: CheckedRecord, receivedAtMs: number): Operation[] {
    const { records, byTime, byExpiry } = this.#deps.rooms
    const { id, createdAtMs, expiresAtMs } = placeOf(record)
    const operations = [
      records.put(id, writeRecord(record.bytes, receivedAtMs)),
      byTime.put(timeKey(createdAtMs, id), writeFacts(factsOf(record))),
    ]
    if (expiresAtMs !== undefined) {
      operations.push(byExpiry.put(timeKey(expiresAtMs, id), writeExpiry(createdAtMs, record.bytes.length)))
    }
    return operations
  }

  #index(record: CheckedRecord): void {
    const expiresAtMs = expiryOf(record)
    this.#deps.buckets.add(record.id, record.createdAtMs)
    if (expiresAtMs !== undefined) this.#deps.expiry.schedule(expiresAtMs)
  }
}

function placeOf(record: CheckedRecord): RecordPlace {
  return { id: record.id, createdAtMs: record.createdAtMs, expiresAtMs: expiryOf(record) }
}
