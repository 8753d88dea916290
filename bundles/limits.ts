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

/** Longest node id that a peer may give on a TCPCLv4 session, in bytes. */
export const MAX_LINK_NODE_ID_BYTES = 1024

/** Longest list of TCPCLv4 extension items, in bytes. */
export const MAX_LINK_EXTENSION_BYTES = 4096

/** Messages out of place that are answered with MSG_REJECT before a TCPCLv4 session ends. */
export const MAX_LINK_REJECTS = 16

/** Bundles of one peer that wait to be stored; it is not read from while there are as many. */
export const LINK_WINDOW_BUNDLES = 256

/** Bytes of such bundles. The one that reaches it may be longer. */
export const LINK_WINDOW_BYTES = 4 * 1024 * 1024

/** Data in one TCPCLv4 segment that is sent, in bytes, where the peer takes as much. */
export const LINK_SEGMENT_BYTES = 128 * 1024

/** Bytes handed to a socket before it has to take them. */
export const LINK_OUTPUT_BYTES = 256 * 1024

/** Connections to one listener for bundles at once, unless the options say less. */
export const MAX_LINK_SESSIONS = 256

/** The same, from one address. */
export const MAX_LINK_SESSIONS_PER_ADDRESS = 16

/** Bytes that must come in each stall timeout while a message or a bundle is under way; a peer that drips is ended. */
export const MIN_LINK_PROGRESS_BYTES = 1024

/** Certificates in a chain that a peer of a bundle link may show. */
export const MAX_LINK_CHAIN = 5

/** Bundle files that one look into a directory takes. */
export const MAX_DIRECTORY_BATCH = 256

/** Names in a directory that one look reads; what lies behind them waits until they are gone. */
export const MAX_DIRECTORY_NAMES = 100_000
