import { sha256 } from '../../crypto/index.ts'
import { ID_BYTES } from './entries.ts'
import { type IdPage, SortedIds } from './sorted-ids.ts'

const BUCKET_MS = 3_600_000

/** SHA-256 over the sorted ids of the records created in one hour. */
export interface BucketDigest {
  /** createdAtMs divided by 3,600,000, rounded down. */
  readonly bucket: number
  readonly count: number
  readonly digest: Uint8Array
}

/** SHA-256 over the sorted ids of one bucket that begin with one byte. */
export interface PrefixDigest {
  /** First byte of the record id. */
  readonly prefix: number
  readonly count: number
  readonly digest: Uint8Array
}

type Digest = Pick<BucketDigest, 'count' | 'digest'>

interface Bucket {
  readonly ids: SortedIds
  whole: Digest | undefined
  readonly prefixes: Map<number, Digest>
}

/**
 * Ids of held records by hour of creation, in memory: what is a duplicate, and what catch-up compares. Digests are made
 * when asked for and kept until their bucket or prefix changes.
 */
export class BucketIndex {
  readonly #buckets = new Map<number, Bucket>()

  has(id: Uint8Array, createdAtMs: number): boolean {
    return this.#buckets.get(bucketOf(createdAtMs))?.ids.has(id) ?? false
  }

  add(id: Uint8Array, createdAtMs: number): void {
    const number = bucketOf(createdAtMs)
    const bucket = this.#buckets.get(number) ?? { ids: new SortedIds(), whole: undefined, prefixes: new Map() }
    this.#buckets.set(number, bucket)
    if (bucket.ids.add(id)) forget(bucket, id)
  }

  /** Removes an id; false when it was not there. */
  delete(id: Uint8Array, createdAtMs: number): boolean {
    const number = bucketOf(createdAtMs)
    const bucket = this.#buckets.get(number)
    if (bucket === undefined || !bucket.ids.delete(id)) return false
    forget(bucket, id)
    if (bucket.ids.count === 0) this.#buckets.delete(number)
    return true
  }

  /** Digests of all buckets, by time. */
  buckets(): BucketDigest[] {
    const numbers = [...this.#buckets.entries()].sort(([a], [b]) => a - b)
    return numbers.map(([number, bucket]) => {
      bucket.whole ??= digestOf(bucket.ids.bytes())
      return { bucket: number, ...bucket.whole }
    })
  }

  /** Digests inside one bucket, by first byte; prefixes without records are left out. */
  prefixes(number: number): PrefixDigest[] {
    const bucket = this.#buckets.get(number)
    if (bucket === undefined) return []
    const all = Array.from({ length: 256 }, (_, prefix) => {
      const digest = bucket.prefixes.get(prefix) ?? digestOf(bucket.ids.bytes(prefix))
      bucket.prefixes.set(prefix, digest)
      return { prefix, ...digest }
    })
    return all.filter(({ count }) => count > 0)
  }

  /** Ids in one bucket, sorted. Takes time for the page, not for the bucket. */
  ids(number: number, page: IdPage): Uint8Array[] {
    return this.#buckets.get(number)?.ids.page(page) ?? []
  }
}

/** The bucket of a record: its hour of creation since the Unix epoch. */
export function bucketOf(createdAtMs: number): number {
  return Math.floor(createdAtMs / BUCKET_MS)
}

function forget(bucket: Bucket, id: Uint8Array): void {
  bucket.whole = undefined
  bucket.prefixes.delete(id[0] ?? 0)
}

function digestOf(ids: Uint8Array): Digest {
  return { count: ids.length / ID_BYTES, digest: sha256(ids) }
}
