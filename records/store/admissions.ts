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

/** Brings records to the disk, each once, and into the indexes in memory when they are there. */
export class Admissions {
  readonly #deps: AdmissionDependencies
  /** Records on their way to the disk, by hexadecimal id; each promise resolves when that has ended, well or not. */
  readonly #inFlight = new Map<string, Promise<void>>()

  constructor(dependencies: AdmissionDependencies) {
    this.#deps = dependencies
  }

  /** What storing `record` takes; undefined when it is held or on its way. */
  stage(record: CheckedRecord, receivedAtMs: number): Admission | undefined {
    const { buckets, counters, heads } = this.#deps
    const name = toHex(record.id)
    if (buckets.has(record.id, record.createdAtMs) || this.#inFlight.has(name)) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#inFlight.set(name, promise)
    const end = () => {
      this.#inFlight.delete(name)
      resolve()
    }
    return {
      operations: [
        ...this.#entries(record, receivedAtMs),
        ...heads.advance(record),
        counters.change(1, record.bytes.length),
      ],
      committed: () => {
        this.#index(record)
        end()
      },
      failed: () => {
        counters.undo(1, record.bytes.length)
        end()
      },
    }
  }

  /** Stores `record`; resolves when it is on disk: true when it came there now, false when it already was. */
  async admit(record: CheckedRecord, receivedAtMs: number): Promise<boolean> {
    const name = toHex(record.id)
    for (let other = this.#inFlight.get(name); other !== undefined; other = this.#inFlight.get(name)) await other
    const admission = this.stage(record, receivedAtMs)
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

  #entries(record: CheckedRecord, receivedAtMs: number): Operation[] {
    const { records, byTime, byExpiry } = this.#deps.rooms
    const { id, createdAtMs, bytes } = record
    const expiresAtMs = expiryOf(record)
    const operations = [
      records.put(id, writeRecord(bytes, receivedAtMs)),
      byTime.put(timeKey(createdAtMs, id), writeFacts(factsOf(record))),
    ]
    if (expiresAtMs !== undefined) {
      operations.push(byExpiry.put(timeKey(expiresAtMs, id), writeExpiry(createdAtMs, bytes.length)))
    }
    return operations
  }

  #index(record: CheckedRecord): void {
    const expiresAtMs = expiryOf(record)
    this.#deps.buckets.add(record.id, record.createdAtMs)
    if (expiresAtMs !== undefined) this.#deps.expiry.schedule(expiresAtMs)
  }
}
