import { concatBytes } from '../../core/index.ts'
import { ID_BYTES } from './entries.ts'

/** Most ids in one chunk; a full one is split. Inserting moves at most 16 KiB. */
const MAX_CHUNK_IDS = 512

const MIN_CHUNK_IDS = 4

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
    const parts = this.#chunks.map(({ ids, count }) => ids.subarray(0, count * ID_BYTES))
    return concatBytes(...(prefix === undefined ? parts : parts.map((part) => withPrefix(part, prefix))))
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
export function withPrefix(ids: Uint8Array, prefix: number): Uint8Array {
  const count = ids.length / ID_BYTES
  const from = lowerBound(count, (index) => (ids[index * ID_BYTES] ?? 0) >= prefix)
  const to = lowerBound(count, (index) => (ids[index * ID_BYTES] ?? 0) > prefix)
  return ids.subarray(from * ID_BYTES, to * ID_BYTES)
}
