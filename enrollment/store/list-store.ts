import { concatBytes, equalBytes, type GapmeshError, isGapmeshError, toHex, uintBytes } from '../../core/index.ts'
import { type Database, type Operation, ROOM, type Room } from '../../core/store/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { type KeptList, type ListFacts, parseCrl, type RevocationList, RevocationState } from '../crl/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { LIST_CHUNK_BYTES, MAX_CRL_BYTES } from '../limits.ts'
import { decodeListState, encodeListState, type ListState, type StoredList } from './list-format.ts'

/**
 * The revocation lists of a node, so that a restart forgets neither a revocation nor the highest number applied. Lists
 * lie in chunks under their hash; a state names the lists of one CA. Signatures were verified before a list came here.
 */
export interface ListStore {
  /**
   * What was saved, read and hashed again. After damage, {@link reset} the CA that the error names and load again.
   * @throws ENROLLMENT_LISTS_DAMAGED with `authorityKeyId` (hexadecimal) in its metadata
   */
  load(): Promise<RevocationState[]>
  /**
   * Saves a state, and drops the lists that its CA no longer needs, in one synced batch. One save at a time.
   * @param lists those of the state's lists that no save before this one has been given
   * @throws CORE_STORE_WRITE; the same lists must be given again then
   * @throws {TypeError} when a list of the state is missing
   */
  save(state: RevocationState, lists: readonly Pick<RevocationList, 'hash' | 'der'>[]): Promise<void>
  /**
   * At most `maxBytes` of a list's DER from `offset` on; undefined when the list is not here or ends before.
   */
  read(hash: Uint8Array, offset: number, maxBytes: number): Promise<Uint8Array | undefined>
  /** Drops the lists of a CA, such as damaged ones; of its state only the number stays, if it can be read. */
  reset(authorityKeyId: Uint8Array): Promise<RevocationState>
}

/** The revocation lists in an open database; nothing is read before it is asked for. */
export function openListStore(database: Database): ListStore {
  return new LevelListStore(database)
}

class LevelListStore implements ListStore {
  readonly #database: Database
  readonly #states: Room
  readonly #chunks: Room

  constructor(database: Database) {
    this.#database = database
    this.#states = database.room(ROOM.listStates)
    this.#chunks = database.room(ROOM.listChunks)
  }

  async load(): Promise<RevocationState[]> {
    const states: RevocationState[] = []
    for await (const [authorityKeyId, value] of this.#states.entries()) {
      states.push(await this.#restore(authorityKeyId, value))
    }
    return states
  }

  async #restore(authorityKeyId: Uint8Array, value: Uint8Array): Promise<RevocationState> {
    try {
      const { number, lists } = decodeListState(value)
      const read: { role: StoredList['role']; list: KeptList }[] = []
      for (const { role, hash, sizeBytes } of lists) read.push({ role, list: await this.#list(hash, sizeBytes) })
      const ofRole = (role: StoredList['role']) => read.filter((one) => one.role === role).map(({ list }) => list)
      if (read.some(({ list }) => !equalBytes(list.authorityKeyId, authorityKeyId))) throw damaged()
      const [full] = ofRole('full')
      return RevocationState.restore({ authorityKeyId, number, full, deltas: ofRole('delta'), held: ofRole('held') })
    } catch (cause) {
      if (isGapmeshError(cause) && cause.code.startsWith('CORE_STORE_')) throw cause
      throw damaged(authorityKeyId, cause)
    }
  }

  async #list(hash: Uint8Array, sizeBytes: number): Promise<RevocationList> {
    const der = await this.read(hash, 0, sizeBytes)
    if (der === undefined || !equalBytes(sha256(der), hash)) throw damaged()
    return parseCrl(der)
  }

  async save(state: RevocationState, lists: readonly Pick<RevocationList, 'hash' | 'der'>[]): Promise<void> {
    const before = await this.#stored(state.authorityKeyId)
    const kept = state.lists.map((list) => storedList(state, list))
    const operations: Operation[] = [
      this.#states.put(state.authorityKeyId, encodeListState({ number: state.number, lists: kept })),
    ]
    for (const { hash } of kept.filter((list) => !isAmong(before, list))) {
      const given = lists.find((list) => equalBytes(list.hash, hash))
      if (given === undefined) throw new TypeError('a list of the state was neither saved before nor given')
      operations.push(...this.#putChunks(given))
    }
    for (const gone of before.filter((list) => !isAmong(kept, list))) operations.push(...this.#deleteChunks(gone))
    await this.#database.commit(operations)
  }

  async read(hash: Uint8Array, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    const limit = Math.min(offset + maxBytes, MAX_CRL_BYTES)
    if (offset >= limit) return undefined
    const first = Math.floor(offset / LIST_CHUNK_BYTES)
    const last = Math.floor((limit - 1) / LIST_CHUNK_BYTES)
    const keys = Array.from({ length: last - first + 1 }, (_, at) => chunkKey(hash, first + at))
    const found = await this.#chunks.getMany(keys)
    const end = found.indexOf(undefined)
    const chunks = (end === -1 ? found : found.slice(0, end)) as Uint8Array[]
    const start = offset - first * LIST_CHUNK_BYTES
    const bytes = concatBytes(...chunks).subarray(start, start + maxBytes)
    return bytes.length === 0 ? undefined : bytes
  }

  async reset(authorityKeyId: Uint8Array): Promise<RevocationState> {
    const value = await this.#states.get(authorityKeyId)
    const { number, lists } = readable(value)
    const state = RevocationState.after({ authorityKeyId, number })
    await this.#database.commit([
      number === undefined
        ? this.#states.delete(authorityKeyId)
        : this.#states.put(authorityKeyId, encodeListState({ number, lists: [] })),
      ...lists.flatMap((list) => this.#deleteChunks(list)),
    ])
    return state
  }

  async #stored(authorityKeyId: Uint8Array): Promise<readonly StoredList[]> {
    const value = await this.#states.get(authorityKeyId)
    return value === undefined ? [] : decodeListState(value).lists
  }

  #putChunks({ hash, der }: Pick<RevocationList, 'hash' | 'der'>): Operation[] {
    return chunkNumbers(der.length).map((at) =>
      this.#chunks.put(chunkKey(hash, at), der.subarray(at * LIST_CHUNK_BYTES, (at + 1) * LIST_CHUNK_BYTES)),
    )
  }

  #deleteChunks({ hash, sizeBytes }: StoredList): Operation[] {
    return chunkNumbers(sizeBytes).map((at) => this.#chunks.delete(chunkKey(hash, at)))
  }
}

function storedList(state: RevocationState, { hash, sizeBytes }: ListFacts): StoredList {
  const isFull = state.full !== undefined && equalBytes(state.full.hash, hash)
  const isHeld = state.held.some((list) => equalBytes(list.hash, hash))
  return { role: isFull ? 'full' : isHeld ? 'held' : 'delta', hash, sizeBytes }
}

function isAmong(lists: readonly StoredList[], { hash }: StoredList): boolean {
  return lists.some((list) => equalBytes(list.hash, hash))
}

function readable(value: Uint8Array | undefined): ListState {
  try {
    if (value !== undefined) return decodeListState(value)
  } catch (error) {
    if (!ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_LISTS_DAMAGED')) throw error
  }
  return { number: undefined, lists: [] }
}

function chunkNumbers(sizeBytes: number): number[] {
  return Array.from({ length: Math.ceil(sizeBytes / LIST_CHUNK_BYTES) }, (_, at) => at)
}

function chunkKey(hash: Uint8Array, at: number): Uint8Array {
  return concatBytes(hash, uintBytes(at, 2))
}

function damaged(authorityKeyId?: Uint8Array, cause?: unknown): GapmeshError {
  const metadata = authorityKeyId === undefined ? {} : { authorityKeyId: toHex(authorityKeyId) }
  return ENROLLMENT_ERRORS.create('ENROLLMENT_LISTS_DAMAGED', { metadata, cause })
}
