import { type Clock, checkOptionKeys, concatBytes, type Logger, toHex } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import { refusesContent } from '../errors.ts'
import type { Certificate } from '../path/index.ts'
import { decodeRecord } from '../record.ts'
import type { OriginHead } from '../trust.ts'
import type { CheckedRecord, DecodedRecord, RecordType } from '../types.ts'
import { type Admission, Admissions } from './admissions.ts'
import { type BucketDigest, BucketIndex, type PrefixDigest } from './buckets.ts'
import { Chains } from './chains.ts'
import { type CheckReport, checkRooms } from './check.ts'
import { Counters } from './counters.ts'
import { readFacts, readRecord, readSize, readTimeKey } from './entries.ts'
import { Expiry } from './expiry.ts'
import { OriginHeads } from './heads.ts'
import { checkQuery, matches, type RecordQuery, rangeOf } from './query.ts'
import { Refusals } from './refusals.ts'
import { type RecordRooms, recordRooms } from './rooms.ts'
import type { IdPage } from './sorted-ids.ts'

/** Most records that a query or a reading reads at once. */
const READ_BATCH = 64

export interface RecordStoreOptions {
  /** Most refused ids that are remembered. Default {@link MAX_REFUSED_IDS}. */
  readonly maxRefusedIds?: number
  /**
   * Nothing is written, so nothing expires and nothing can be admitted: for looking at a store with a clock that may be
   * wrong. Default false.
   */
  readonly readOnly?: boolean
  /**
   * A wall clock beyond this time, in milliseconds since the Unix epoch, is wrong: nothing is removed by it. Default: none is.
   */
  readonly clockEndMs?: () => number
}

export interface RecordStoreDependencies {
  readonly database: Database
  readonly clock: Clock
  readonly logger: Logger
}

/** A held record. */
export interface StoredRecord {
  readonly record: DecodedRecord
  readonly receivedAtMs: number
}

/** Figures of a store. */
export interface RecordCounts {
  readonly records: number
  readonly bytes: number
  /** Records that were stored once and were lost with a batch that the disk lost, less those that came since. */
  readonly missing: number
  /** Ids remembered as refused. */
  readonly refused: number
  /** Pairs of origin and type that were ever seen. */
  readonly heads: number
  /** Records removed at the end of their lifetime since the store was opened. */
  readonly expired: number
  /** True while none are removed because the clock may be wrong. */
  readonly expirySuspended: boolean
}

/**
 * Opens the record store in a node's database: reads the index by time into memory (about 45 bytes a record), compares
 * the number of records with the one that was last written, and starts to remove what expires. One store per database.
 * @throws {TypeError} when an option is unknown
 */
export async function openRecordStore(
  options: RecordStoreOptions,
  dependencies: RecordStoreDependencies,
): Promise<RecordStore> {
  checkOptionKeys('record store', options, ['maxRefusedIds', 'readOnly', 'clockEndMs'])
  const store = new RecordStore(options, dependencies)
  await store.load()
  return store
}

/** Verified records, their certificates and the ids of refused ones. Made by {@link openRecordStore}. */
export class RecordStore {
  readonly #database: Database
  readonly #logger: Logger
  readonly #readOnly: boolean
  readonly #rooms: RecordRooms
  readonly #buckets = new BucketIndex()
  readonly #counters: Counters
  readonly #heads: OriginHeads
  readonly #refusals: Refusals
  readonly #chains: Chains
  readonly #expiry: Expiry
  readonly #admissions: Admissions

  constructor(options: RecordStoreOptions, { database, clock, logger }: RecordStoreDependencies) {
    const { maxRefusedIds, readOnly = false, clockEndMs } = options
    this.#readOnly = readOnly
    this.#database = database
    this.#logger = logger
    this.#rooms = recordRooms(database)
    this.#counters = new Counters(this.#rooms.records)
    this.#heads = new OriginHeads(this.#rooms.origins)
    this.#refusals = new Refusals({ maxIds: maxRefusedIds, readOnly }, { database, clock, logger })
    this.#chains = new Chains({}, { database })
    const shared = { database, rooms: this.#rooms, buckets: this.#buckets, counters: this.#counters }
    this.#expiry = new Expiry({ clockEndMs }, { ...shared, clock, logger })
    this.#admissions = new Admissions({ ...shared, heads: this.#heads, expiry: this.#expiry })
  }

  /** Called once, by {@link openRecordStore}. */
  async load(): Promise<void> {
    const found = { records: 0, bytes: 0 }
    for await (const [key, value] of this.#rooms.byTime.entries()) {
      const { timeMs, id } = readTimeKey(key)
      this.#buckets.add(id, timeMs)
      found.records += 1
      found.bytes += readSize(value)
    }
    await Promise.all([this.#counters.load(found), this.#heads.load(), this.#refusals.load()])
    const { missing } = this.#counters.counts
    if (missing > 0) this.#logger.warn({ missing }, 'Records are missing from the store. Run: gapmesh doctor')
    if (!this.#readOnly) await this.#expiry.scheduleNext()
  }

  /**
   * What storing `record` takes, for a commit together with other entries; undefined when it is held or on its way. The
   * caller commits in the same turn and then calls `committed` or `failed`.
   * @throws {TypeError} when the store is read-only
   */
  admitOperations(record: CheckedRecord, receivedAtMs: number): Admission | undefined {
    this.#checkWritable()
    return this.#admissions.stage(record, receivedAtMs, true)
  }

  /**
   * Stores `record`; resolves when it is on disk: true when it came there now, false when it already was.
   * @throws CORE_STORE_WRITE, CORE_STORE_CLOSED; {TypeError} when the store is read-only
   */
  async admit(record: CheckedRecord, receivedAtMs: number): Promise<boolean> {
    this.#checkWritable()
    return this.#admissions.admit(record, receivedAtMs)
  }

  /** True when a record with this id and creation time is on disk. Asks memory only. */
  isDuplicate(id: Uint8Array, createdAtMs: number): boolean {
    return this.#buckets.has(id, createdAtMs)
  }

  has(id: Uint8Array): Promise<boolean> {
    return this.#rooms.records.has(id)
  }

  async get(id: Uint8Array): Promise<StoredRecord | undefined> {
    const value = await this.#rooms.records.get(id)
    return value === undefined ? undefined : stored(value)
  }

  /** The record with the highest sequence of an origin and type, also when it has expired since. Asks memory only. */
  headOf(origin: string, type: RecordType): OriginHead | undefined {
    return this.#heads.of(origin, type)
  }

  /** The next free sequence, from 0 on; never given out twice while the store is open. For the node's own records. */
  nextSequence(origin: string, type: RecordType): number {
    return this.#heads.next(origin, type)
  }

  /**
   * Records in order of creation, by index, a few at a time: nothing that is not asked for is read.
   * @throws {TypeError} when the query has an unknown key or a number that is not whole
   */
  async *list(query: RecordQuery = {}): AsyncGenerator<StoredRecord, void, undefined> {
    checkQuery(query)
    let left = query.limit ?? Number.POSITIVE_INFINITY
    let ids: Uint8Array[] = []
    for await (const [key, value] of this.#rooms.byTime.entries(rangeOf(query))) {
      if (ids.length >= left) break
      if (!matches(query, readFacts(value))) continue
      ids.push(readTimeKey(key).id)
      if (ids.length < Math.min(READ_BATCH, left)) continue
      const records = await this.#load(ids)
      yield* records
      left -= records.length
      ids = []
    }
    yield* await this.#load(ids)
  }

  /**
   * Remembers that the record with this id was refused, until `untilMs` and at most an hour; in memory at once, on disk
   * some seconds later. Does nothing where {@link refusesContent} says no.
   */
  refuse(id: Uint8Array, code: string, untilMs: number): void {
    if (refusesContent(code)) this.#refusals.add(id, { code, untilMs })
  }

  isRefused(id: Uint8Array): boolean {
    return this.#refusals.has(id)
  }

  /** Digests of held records by hour of creation. */
  buckets(): readonly BucketDigest[] {
    return this.#buckets.buckets()
  }

  /** Digests inside one bucket by first byte of the id. */
  prefixes(bucket: number): readonly PrefixDigest[] {
    return this.#buckets.prefixes(bucket)
  }

  /** Ids in one bucket, sorted, a page at a time: takes time for the page, not for the bucket. */
  ids(bucket: number, page: IdPage): readonly Uint8Array[] {
    return this.#buckets.ids(bucket, page)
  }

  /** Of `ids`, those that are neither held nor remembered as refused. */
  async missing(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const onDisk = await Promise.all(ids.map((id) => this.#rooms.records.has(id)))
    return ids.filter((id, at) => (!onDisk[at] || this.#admissions.isStray(id)) && !this.#refusals.has(id))
  }

  /** Bytes of the held records among `ids`, in that order. */
  async read(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const values = await this.#rooms.records.getMany(ids)
    return values.filter((value) => value !== undefined).map((value) => readRecord(value).bytes)
  }

  /** Chains (leaf first, DER) that the held records among `ids` need, each once. */
  async chainsFor(ids: readonly Uint8Array[]): Promise<readonly (readonly Uint8Array[])[]> {
    const leaves = new Map<string, DecodedRecord>()
    for (const bytes of await this.read(ids)) {
      const record = decodeRecord(bytes)
      leaves.set(toHex(concatBytes(record.issuerKeyId, record.serialNumber)), record)
    }
    const chains = await Promise.all(
      [...leaves.values()].map((leaf) => this.chain(leaf.issuerKeyId, leaf.serialNumber)),
    )
    return chains.filter((chain) => chain !== undefined).map((chain) => chain.map(({ der }) => der))
  }

  /**
   * Keeps a chain, leaf first, whose path the caller has validated. The root may be left out. Nothing but that validation
   * bounds how many there are: one per issuer and serial number, as many as the CAs of the mesh have issued.
   * @throws CORE_STORE_WRITE, CORE_STORE_CLOSED; {TypeError} when the store is read-only
   */
  async putChain(chain: readonly Certificate[]): Promise<void> {
    this.#checkWritable()
    return this.#chains.put(chain)
  }

  /** The chain of a certificate, leaf first, as it was put. */
  chain(issuerKeyId: Uint8Array, serialNumber: Uint8Array): Promise<readonly Certificate[] | undefined> {
    return this.#chains.get(issuerKeyId, serialNumber)
  }

  /** Every kept certificate, in no particular order. */
  certificates(): AsyncIterable<Certificate> {
    return this.#chains.all()
  }

  counts(): RecordCounts {
    const { removed: expired, suspended: expirySuspended } = this.#expiry
    const [refused, heads] = [this.#refusals.count, this.#heads.count]
    return { ...this.#counters.counts, refused, heads, expired, expirySuspended }
  }

  /** Reads the whole store and tells what is wrong with it. For a person who asks; takes its time. */
  check(): Promise<CheckReport> {
    return checkRooms(this.#rooms, this.#counters.counts.missing)
  }

  /** Stops the timers, lets a removal end and writes what waited for the next commit. The database stays open. */
  async close(): Promise<void> {
    await this.#expiry.close()
    await this.#refusals.close()
    if (!this.#readOnly) await this.#settle()
  }

  /** Puts the disk right after failed commits. No record is lost when this fails, too. */
  async #settle(): Promise<void> {
    const operations = this.#admissions.mend()
    if (this.#counters.stale) operations.push(this.#counters.write())
    if (operations.length === 0) return
    try {
      await this.#database.commit(operations)
    } catch (error) {
      this.#logger.warn({ err: error }, 'The record store could not be settled.')
    }
  }

  #checkWritable(): void {
    if (this.#readOnly) throw new TypeError('the record store was opened to be read only')
  }

  async #load(ids: readonly Uint8Array[]): Promise<StoredRecord[]> {
    const values = await this.#rooms.records.getMany(ids)
    return values.filter((value) => value !== undefined).map(stored)
  }
}

function stored(value: Uint8Array): StoredRecord {
  const { bytes, receivedAtMs } = readRecord(value)
  return { record: decodeRecord(bytes), receivedAtMs }
}
