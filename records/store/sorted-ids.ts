import { compareBytes, concatBytes } from '../../core/index.ts'
import { ID_BYTES } from './entries.ts'

/** Most ids in one chunk; a full one is split. Inserting moves at most 16 KiB. */
const MAX_CHUNK_IDS = 512

const MIN_CHUNK_IDS = 4

/** Which ids to list. */
export interface IdPage {
  /** Only ids that begin with this byte. Default: all. */
  readonly prefix?: number | undefined
  /** Only ids above this one: the last of the page before. Default: from the first on. */
  readonly after?: Uint8Array | undefined
  /** Most ids. */
  readonly limit: number
}

interface Chunk {
  /** Sorted ids, one after the other; may have room for more. */
  ids: Uint8Array
  count: number
}

/**
 * A sorted set of 32-byte ids in chunks of typed arrays: 32 bytes an id and the slack of half-full chunks, about 45 in
 * practice, where a `Set` of strings takes some 110.
 */
export class SortedIds {
  readonly #chunks: Chunk[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  has(id: Uint8Array): boolean {
    return this.#locate(id).found
  }

  /** Adds `id`; false when it was there. */
  add(id: Uint8Array): boolean {
    const { found, chunk, at } = this.#locate(id)
    if (found) return false
    const target = this.#chunks[chunk]
    if (target === undefined) this.#chunks.push(newChunk(id))
    else if (target.count < MAX_CHUNK_IDS) insert(target, at, id)
    else {
      this.#split(chunk)
      return this.add(id)
    }
    this.#count += 1
    return true
  }

  /** Removes `id`; false when it was not there. */
  delete(id: Uint8Array): boolean {
    const { found, chunk, at } = this.#locate(id)
    const target = this.#chunks[chunk]
    if (!found || target === undefined) return false
    target.ids.copyWithin(at * ID_BYTES, (at + 1) * ID_BYTES, target.count * ID_BYTES)
    target.count -= 1
    if (target.count === 0) this.#chunks.splice(chunk, 1)
    this.#count -= 1
    return true
  }

  /** All ids in order, one after the other; with `prefix` those that begin with this byte. A copy. */
  bytes(prefix?: number): Uint8Array {
    if (prefix === undefined) return concatBytes(...this.#chunks.map(idsOf))
    const parts: Uint8Array[] = []
    for (let at = this.#locate(lowest(prefix)).chunk; at < this.#chunks.length; at += 1) {
      const chunk = this.#chunks[at]
      if (chunk === undefined || (chunk.ids[0] ?? 0) > prefix) break
      parts.push(withPrefix(idsOf(chunk), prefix))
    }
    return concatBytes(...parts)
  }

  /** Ids in order, copied. Takes time for the page, not for the set. */
  page({ prefix, after, limit }: IdPage): Uint8Array[] {
    const page: Uint8Array[] = []
    const first = lowest(prefix ?? 0)
    const from = after !== undefined && compareBytes(after, first) > 0 ? after : first
    for (const id of this.#from(from)) {
      if (page.length >= limit || (prefix !== undefined && id[0] !== prefix)) break
      if (after === undefined || page.length > 0 || compareBytes(id, after) > 0) page.push(id.slice())
    }
    return page
  }

  /** Views of the ids from `id` on, that one included. */
  *#from(id: Uint8Array): Generator<Uint8Array, void, undefined> {
    let { chunk, at } = this.#locate(id)
    for (; chunk < this.#chunks.length; chunk += 1, at = 0) {
      const { ids, count } = this.#chunks[chunk] ?? { ids: new Uint8Array(), count: 0 }
      for (; at < count; at += 1) yield ids.subarray(at * ID_BYTES, (at + 1) * ID_BYTES)
    }
  }

  #split(at: number): void {
    const chunk = this.#chunks[at]
    if (chunk === undefined) return
    const half = chunk.count >>> 1
    const upper = { ids: chunk.ids.slice(half * ID_BYTES, chunk.count * ID_BYTES), count: chunk.count - half }
    chunk.ids = chunk.ids.slice(0, half * ID_BYTES)
    chunk.count = half
    this.#chunks.splice(at + 1, 0, upper)
  }

  #locate(id: Uint8Array): { found: boolean; chunk: number; at: number } {
    const above = lowerBound(this.#chunks.length, (index) => compareAt(this.#chunks[index]?.ids, 0, id) > 0)
    const chunk = Math.max(0, above - 1)
    const { ids, count } = this.#chunks[chunk] ?? { ids: undefined, count: 0 }
    const at = lowerBound(count, (index) => compareAt(ids, index, id) >= 0)
    return { found: at < count && compareAt(ids, at, id) === 0, chunk, at }
  }
}

/** The lowest id that begins with `prefix`. */
function lowest(prefix: number): Uint8Array {
  const id = new Uint8Array(ID_BYTES)
  id[0] = prefix
  return id
}

function idsOf({ ids, count }: Chunk): Uint8Array {
  return ids.subarray(0, count * ID_BYTES)
}

function newChunk(id: Uint8Array): Chunk {
  const ids = new Uint8Array(MIN_CHUNK_IDS * ID_BYTES)
  ids.set(id)
  return { ids, count: 1 }
}

function insert(chunk: Chunk, at: number, id: Uint8Array): void {
  if ((chunk.count + 1) * ID_BYTES > chunk.ids.length) {
    const grown = new Uint8Array(Math.min(MAX_CHUNK_IDS, Math.ceil(chunk.count * 1.5)) * ID_BYTES)
    grown.set(chunk.ids)
    chunk.ids = grown
  }
  chunk.ids.copyWithin((at + 1) * ID_BYTES, at * ID_BYTES, chunk.count * ID_BYTES)
  chunk.ids.set(id, at * ID_BYTES)
  chunk.count += 1
}

/** First index below `count` for which `isAbove` holds, or `count`. */
function lowerBound(count: number, isAbove: (index: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isAbove(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Order of the id at `index` of `ids` and `id`. */
function compareAt(ids: Uint8Array | undefined, index: number, id: Uint8Array): number {
  for (let byte = 0; byte < ID_BYTES; byte += 1) {
    const difference = (ids?.[index * ID_BYTES + byte] ?? 0) - (id[byte] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Those of sorted `ids` that begin with the byte `prefix`; a view. */
function withPrefix(ids: Uint8Array, prefix: number): Uint8Array {
  const count = ids.length / ID_BYTES
  const from = lowerBound(count, (index) => (ids[index * ID_BYTES] ?? 0) >= prefix)
  const to = lowerBound(count, (index) => (ids[index * ID_BYTES] ?? 0) > prefix)
  return ids.subarray(from * ID_BYTES, to * ID_BYTES)
}
