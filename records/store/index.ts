/**
 * Where verified records lie: on the node's database, with indexes by time, expiry and origin, the certificates they need,
 * and the ids of refused ones.
 *
 * In: a {@link CheckedRecord}, alone through `admit`, or as operations of a commit that also holds other rooms' entries;
 * validated chains; refused ids. Out: records by query, digests and ids for catch-up, certificates, figures. The ids of
 * all held records are in memory, about 45 bytes each; everything else is read when asked for.
 */
export type { Admission } from './admissions.ts'
export { type BucketDigest, bucketOf, type PrefixDigest } from './buckets.ts'
export type { CheckReport } from './check.ts'
export type { RecordQuery } from './query.ts'
export {
  openRecordStore,
  type RecordCounts,
  RecordStore,
  type RecordStoreDependencies,
  type RecordStoreOptions,
  type StoredRecord,
} from './record-store.ts'
export type { IdPage } from './sorted-ids.ts'
