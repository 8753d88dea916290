/** Longest bundle that is decoded, in bytes. */
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024

/** Most blocks in a bundle, primary block included. */
export const MAX_BLOCKS = 64

/** Longest primary block in bytes: three endpoint ids of the longest kind and the rest. */
export const MAX_PRIMARY_BLOCK_BYTES = 4096

/** Longest endpoint id as text, in bytes. */
export const MAX_ENDPOINT_BYTES = 1024

/** Longest data of an extension block that is looked into, in bytes. */
export const MAX_EXTENSION_BYTES = 64 * 1024

/** Most targets of one security block. */
export const MAX_SECURITY_TARGETS = 64

/** Longest administrative record that is read, in bytes. */
export const MAX_ADMINISTRATIVE_RECORD_BYTES = 64 * 1024

/** Most fragments of one bundle that are kept until it is whole. */
export const MAX_FRAGMENTS = 16_384

/** Longest beginning of a streamed bundle, up to its payload, in bytes. */
export const MAX_BUNDLE_HEAD_BYTES = 1024 * 1024

/** Longest payload that is put together from fragments or streamed, in bytes: 1 GiB. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024 * 1024

/** Longest bundle that is queued, in bytes: larger values slow LevelDB's compaction for everything else. */
export const MAX_QUEUED_BUNDLE_BYTES = 64 * 1024 + 4096

/** Bundles queued at once, unless the options say less. */
export const DEFAULT_MAX_BUNDLES = 100_000

/** Bytes queued at once, unless the options say less. */
export const DEFAULT_MAX_QUEUE_BYTES = 1024 * 1024 * 1024

/** Bundle ids remembered after the bundle is gone, so that a duplicate is known; the soonest to expire goes first. */
export const MAX_REMEMBERED_BUNDLES = 1_000_000

/** Most bundles handed out by one look into the queue. */
export const MAX_PEEK = 256

/** Expired entries removed in one commit. */
export const EXPIRY_BATCH = 256

/** Time until expired entries are tried again after the disk refused, in milliseconds. */
export const EXPIRY_RETRY_MS = 60_000

/** Problems listed by a check; the rest are only counted. */
export const MAX_PROBLEMS = 1000
