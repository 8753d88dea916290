import { concatBytes, Locks, uintBytes, utf8 } from '../../core/index.ts'
import { type Database, type Operation, ROOM } from '../../core/store/index.ts'
import type { AuditEntry } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_WAITING_REDEMPTIONS } from '../limits.ts'
import type { TokenState } from '../redemption.ts'
import { AuditWriter } from './audit-writer.ts'
import type { CaChange, CaFact, CaStore } from './ca-store.ts'
import type { HolderKind } from './ca-types.ts'
import { decodeTokenState } from './formats.ts'
import {
  decodeHeld,
  decodeIssued,
  decodeNameOwner,
  decodeRevocation,
  type HeldCertificate,
  type IssuedCertificate,
  type NameOwner,
  type StoredRevocation,
} from './issued-format.ts'
import { indexOperations, operationsOf } from './level-changes.ts'
import { CaMemory } from './level-memory.ts'
import { type CaRooms, caRooms, chunkRange, HOLDER_KINDS, holderKey, LAST_KEY_ID, LIST_PART } from './level-rooms.ts'
import { decodeListRecord, type ListRecord } from './list-record.ts'

const INDEXED_KEY = utf8('indexed')
/** Certificates that are indexed in one write. */
const INDEX_BATCH = 256

/** The store of a CA in a database. @throws CORE_STORE_READ, CORE_STORE_WRITE, ENROLLMENT_CA_DAMAGED */
export async function openCaStore(database: Database): Promise<CaStore> {
  const writer = await AuditWriter.open(database, database.room(ROOM.caAudit))
  const store = new LevelCaStore(database, writer)
  await store.index()
  return store
}

class LevelCaStore implements CaStore {
  readonly #database: Database
  readonly #writer: AuditWriter
  readonly #locks = new Locks(MAX_WAITING_REDEMPTIONS, () => ENROLLMENT_ERRORS.create('ENROLLMENT_BUSY'))
  readonly #rooms: CaRooms
  /** What the database has; undefined while a write that failed leaves that open. */
  #memory: CaMemory | undefined
  /** Beginnings and ends of writes. */
  #writes = 0

  constructor(database: Database, writer: AuditWriter) {
    this.#database = database
    this.#writer = writer
    this.#rooms = caRooms(database)
  }

  /** Indexes certificates that an earlier release issued, which had no index. */
  async index(): Promise<void> {
    const { certificates, facts } = this.#rooms
    if (await facts.has(INDEXED_KEY)) return
    let operations: Operation[] = []
    for await (const [serialNumber, value] of certificates.entries()) {
      operations.push(...indexOperations(this.#rooms, decodeIssued(value, serialNumber)))
      if (operations.length < INDEX_BATCH) continue
      await this.#database.commit(operations)
      operations = []
    }
    await this.#database.commit([...operations, facts.put(INDEXED_KEY, new Uint8Array())])
  }

  locked<T>(names: readonly string[] | 'all', task: () => Promise<T>): Promise<T> {
    return this.#locks.run(names, async () => {
      await this.#writer.settle()
      return task()
    })
  }

  async commit(changes: readonly CaChange[], audit: readonly AuditEntry[]): Promise<void> {
    const operations: Operation[] = []
    for (const change of changes) operations.push(...(await operationsOf(this.#rooms, change)))
    this.#writes += 1
    try {
      await this.#writer.write(operations, audit)
      this.#memory?.apply(changes)
    } catch (error) {
      this.#memory = undefined
      throw error
    } finally {
      this.#writes += 1
    }
  }

  /** Read from the disk as long as no write is under way and none is open. */
  async #remembered(): Promise<CaMemory> {
    if (this.#memory !== undefined) return this.#memory
    const [writes, settled] = [this.#writes, this.#writer.settled]
    const memory = await CaMemory.load(this.#rooms)
    if (settled && writes === this.#writes) this.#memory ??= memory
    return memory
  }

  async fact(name: CaFact): Promise<Uint8Array | undefined> {
    return (await this.#remembered()).fact(name)
  }

  async token(tokenId: Uint8Array): Promise<TokenState | undefined> {
    return read(await this.#rooms.tokens.get(tokenId), decodeTokenState)
  }

  async *tokens(): AsyncIterable<readonly [Uint8Array, TokenState]> {
    for await (const [tokenId, value] of this.#rooms.tokens.entries()) yield [tokenId, decodeTokenState(value)]
  }

  redemption(tokenId: Uint8Array, identityKeyId: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#rooms.redemptions.get(concatBytes(tokenId, identityKeyId))
  }

  async certificate(serialNumber: Uint8Array): Promise<IssuedCertificate | undefined> {
    return read(await this.#rooms.certificates.get(serialNumber), (value) => decodeIssued(value, serialNumber))
  }

  async *certificates(): AsyncIterable<IssuedCertificate> {
    for await (const [serialNumber, value] of this.#rooms.certificates.entries()) {
      yield decodeIssued(value, serialNumber)
    }
  }

  async countCertificates(): Promise<number> {
    let count = 0
    for await (const _ of this.#rooms.certificates.keys()) count += 1
    return count
  }

  async certificatesOf(kind: HolderKind, name: string): Promise<HeldCertificate[]> {
    const held: HeldCertificate[] = []
    const prefix = holderKey(kind, name)
    const range = { gt: prefix, lt: concatBytes(prefix, LAST_KEY_ID) }
    for await (const [key, value] of this.#rooms.holders.entries(range)) {
      held.push(decodeHeld(value, key.slice(prefix.length)))
    }
    return held
  }

  async certificatesOver(identityKeyId: Uint8Array): Promise<Uint8Array[]> {
    const serialNumbers: Uint8Array[] = []
    const range = { gte: identityKeyId, lte: concatBytes(identityKeyId, LAST_KEY_ID) }
    for await (const key of this.#rooms.keys.keys(range)) serialNumbers.push(key.slice(identityKeyId.length))
    return serialNumbers
  }

  async *heldCertificates(kind: HolderKind): AsyncIterable<HeldCertificate & { name: string }> {
    const first = HOLDER_KINDS.indexOf(kind)
    const range = { gte: Uint8Array.of(first), lt: Uint8Array.of(first + 1) }
    for await (const [key, value] of this.#rooms.holders.entries(range)) {
      const end = key.indexOf(0, 1)
      yield { ...decodeHeld(value, key.slice(end + 1)), name: Buffer.from(key.subarray(1, end)).toString() }
    }
  }

  async liveHolders(kind: HolderKind, nowMs: number): Promise<Set<string>> {
    if (kind === 'issuing') return (await this.#remembered()).liveIssuing(nowMs)
    const names = new Set<string>()
    for await (const { name, revoked, notAfterMs } of this.heldCertificates(kind)) {
      if (!revoked && notAfterMs >= nowMs) names.add(name)
    }
    return names
  }

  async revocation(serialNumber: Uint8Array): Promise<StoredRevocation | undefined> {
    return read(await this.#rooms.revoked.get(serialNumber), decodeRevocation)
  }

  async *revocations(after: number): AsyncIterable<StoredRevocation> {
    for await (const [, value] of this.#rooms.revocations.entries({ gt: uintBytes(after) })) {
      yield decodeRevocation(value)
    }
  }

  async owner(nodeId: string): Promise<NameOwner | undefined> {
    return read(await this.#rooms.owners.get(utf8(nodeId)), decodeNameOwner)
  }

  async peerAddresses(exceptNodeId: string): Promise<string[]> {
    return (await this.#remembered()).peerAddresses(exceptNodeId)
  }

  async listRecords(): Promise<ListRecord[]> {
    const records: ListRecord[] = []
    const range = { lt: Uint8Array.of(LIST_PART.record + 1) }
    for await (const [, value] of this.#rooms.lists.entries(range)) records.push(decodeListRecord(value))
    return records
  }

  async list(authorityKeyId: Uint8Array, kind: 'full' | 'delta'): Promise<Uint8Array | undefined> {
    const chunks: Uint8Array[] = []
    for await (const [, chunk] of this.#rooms.lists.entries(chunkRange(authorityKeyId, kind, 0))) chunks.push(chunk)
    return chunks.length === 0 ? undefined : concatBytes(...chunks)
  }

  async *audit(order: 'oldest-first' | 'newest-first'): AsyncIterable<Uint8Array> {
    for await (const [, value] of this.#rooms.audit.entries({ reverse: order === 'newest-first' })) yield value
  }

  async close(): Promise<void> {
    await this.#locks.idle()
    await this.#database.close()
  }
}

function read<T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T): T | undefined {
  return bytes === undefined ? undefined : decode(bytes)
}
