import { createHash } from 'node:crypto'
import { equalBytes, uintBytes } from '../../core/index.ts'
import type { BucketDigest, PrefixDigest } from '../ports.ts'

/** Hours in an era: the step above buckets, so that years of history compare in a few hundred digests. */
export const BUCKETS_PER_ERA = 256

/** SHA-256 over the buckets of one era. */
export interface EraDigest {
  /** Bucket divided by {@link BUCKETS_PER_ERA}, rounded down. */
  readonly era: number
  readonly digest: Uint8Array
}

/** The fixed hash tree over live records, from the top: one root, eras, buckets (which hold prefixes and ids). */
export interface Summary {
  readonly root: Uint8Array
  readonly eras: readonly EraDigest[]
}

/** Root and eras over `buckets` in rising order; an era's digest is SHA-256 over [bucket u64, digest] of its buckets. */
export function summarize(buckets: readonly BucketDigest[]): Summary {
  const hashes = new Map<number, ReturnType<typeof createHash>>()
  for (const { bucket, digest } of inOrder(buckets)) {
    const era = eraOf(bucket)
    const hash = hashes.get(era) ?? createHash('sha256')
    hash.update(uintBytes(bucket)).update(digest)
    hashes.set(era, hash)
  }
  const eras = [...hashes].map(([era, hash]) => ({ era, digest: new Uint8Array(hash.digest()) }))
  const root = createHash('sha256')
  for (const { era, digest } of eras) root.update(uintBytes(era)).update(digest)
  return { root: new Uint8Array(root.digest()), eras }
}

/** The era of a bucket. */
export function eraOf(bucket: number): number {
  return Math.floor(bucket / BUCKETS_PER_ERA)
}

/** `buckets` in rising order. */
export function inOrder(buckets: readonly BucketDigest[]): BucketDigest[] {
  return [...buckets].sort((a, b) => a.bucket - b.bucket)
}

/** Eras of `theirs` that differ from `mine` or that only they have. */
export function differingEras(mine: readonly EraDigest[], theirs: readonly EraDigest[]): number[] {
  return differing(mine, theirs, (era) => era.era).map((era) => era.era)
}

/** Buckets of `theirs` that differ from `mine` or that only they have. */
export function differingBuckets(mine: readonly BucketDigest[], theirs: readonly BucketDigest[]): BucketDigest[] {
  return differing(mine, theirs, (bucket) => bucket.bucket)
}

/** First bytes of ids under which `theirs` differs from `mine` or that only they have. */
export function differingPrefixes(mine: readonly PrefixDigest[], theirs: readonly PrefixDigest[]): number[] {
  return differing(mine, theirs, (prefix) => prefix.prefix).map((prefix) => prefix.prefix)
}

function differing<Item extends { readonly digest: Uint8Array }>(
  mine: readonly Item[],
  theirs: readonly Item[],
  keyOf: (item: Item) => number,
): Item[] {
  const known = new Map(mine.map((item) => [keyOf(item), item.digest]))
  return theirs.filter((item) => {
    const digest = known.get(keyOf(item))
    return digest === undefined || !equalBytes(digest, item.digest)
  })
}
