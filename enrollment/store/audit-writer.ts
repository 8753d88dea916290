import { uintBytes, uintFromBytes } from '../../core/index.ts'
import type { Database, Operation, Room } from '../../core/store/index.ts'
import { AUDIT_START, type AuditEntry, auditHash, encodeAudit } from '../audit.ts'

interface Waiting {
  readonly operations: readonly Operation[]
  readonly audit: readonly AuditEntry[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Where a chain ends. */
interface Head {
  readonly sequence: number
  readonly hash: Uint8Array
}

/**
 * Writes changes with their entries in the audit. Those that wait together share one synced write; entries are chained
 * as they are written, so a write that failed leaves no gap: it is made again before any other.
 */
export class AuditWriter {
  readonly #database: Database
  readonly #room: Room
  #head: Head
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  /** What a write that failed may or may not have put on the disk, and the chain's end after it. */
  #unsettled: { operations: readonly Operation[]; head: Head } | undefined
  #failed = false

  /** The writer of the chain in `room`. */
  static async open(database: Database, room: Room): Promise<AuditWriter> {
    for await (const [key, value] of room.entries({ reverse: true, limit: 1 })) {
      return new AuditWriter(database, room, { sequence: uintFromBytes(key), hash: auditHash(value) })
    }
    return new AuditWriter(database, room, { sequence: 0, hash: AUDIT_START })
  }

  private constructor(database: Database, room: Room, head: Head) {
    this.#database = database
    this.#room = room
    this.#head = head
  }

  /** @throws CORE_STORE_WRITE */
  write(operations: readonly Operation[], audit: readonly AuditEntry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, audit, resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /** Whether nothing that failed has still to be made again. */
  get settled(): boolean {
    return !this.#failed
  }

  /**
   * Makes a failed write again, so that what is read is what will stay.
   * @throws CORE_STORE_WRITE
   */
  async settle(): Promise<void> {
    if (this.#failed) await this.write([], [])
  }

  async #writeAll(): Promise<void> {
    await undefined // lets changes of the same turn join the first group
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP)
      try {
        await this.#writeGroup(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        this.#failed = true
        for (const { reject } of group) reject(error)
      }
    }
    this.#writing = undefined
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#unsettled !== undefined) {
      await this.#database.commit(this.#unsettled.operations)
      this.#head = this.#unsettled.head
      this.#unsettled = undefined
    }
    this.#failed = false
    const operations = group.flatMap((waiting) => waiting.operations)
    let head = this.#head
    for (const entry of group.flatMap(({ audit }) => audit)) {
      const bytes = encodeAudit(entry, head.hash)
      head = { sequence: head.sequence + 1, hash: auditHash(bytes) }
      operations.push(this.#room.put(uintBytes(head.sequence), bytes))
    }
    if (operations.length === 0) return
    this.#unsettled = { operations, head }
    await this.#database.commit(operations)
    this.#unsettled = undefined
    this.#head = head
  }
}

/** Changes in one write; more wait for the next. */
const MAX_GROUP = 64
