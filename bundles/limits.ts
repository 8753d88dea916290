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

/** Most copies of one bundle that its handling block allows. */
export const MAX_COPIES = 1024

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

/** Longest bundle that is queued in LevelDB, in bytes: larger values slow its compaction; they lie in files. */
export const MAX_INLINE_BUNDLE_BYTES = 64 * 1024 + 4096

/** Bundles queued at once, unless the options say less. */
export const DEFAULT_MAX_BUNDLES = 100_000

/** Bytes queued at once, unless the options say less. */
export const DEFAULT_MAX_QUEUE_BYTES = 1024 * 1024 * 1024

/** Per cent of a queue that only control bundles may use, unless the options say otherwise. */
export const DEFAULT_CONTROL_PERCENT = 5

/** Per cent of a queue that bundles of one peer may use, unless the options say otherwise. */
export const DEFAULT_PEER_PERCENT = 50

/** Free bytes of the disk below which only control bundles are taken, unless the options say otherwise. */
export const DEFAULT_MIN_FREE_BYTES = 64 * 1024 * 1024

/** How often the disk is asked for its free bytes at most, in milliseconds. */
export const DISK_CHECK_MS = 1000

/** How often what must leave for a newcomer is chosen again before it is refused. */
export const MAX_EVICTION_TRIES = 8

/** Changes to a queue that are under way or wait for each other; one more is refused. */
export const MAX_WAITING_TASKS = 4096

/** How often the queue's time is written down, in milliseconds: what a power cut may add to lifetimes. */
export const QUEUE_TIME_MARK_MS = 60_000

/** Bytes of removed bundles after which the database is told to give their space back. */
export const COMPACT_AFTER_BYTES = 64 * 1024 * 1024

/** Waiting bundles looked at together. */
export const WAITING_PAGE = 64

/** Bundles on their way to one neighbour at a time. */
export const COURIER_WINDOW = 32

/** Bytes on their way to one neighbour at a time; one more bundle may go beyond. */
export const COURIER_MAX_BYTES = 4 * 1024 * 1024

/** Arrivals that are remembered for a neighbour one by one; more make it look through the queue again. */
export const MAX_FRESH_BUNDLES = 1024

/** Bundles that a neighbour refused, or that nobody confirmed, and that are not offered again on one contact. */
export const MAX_DONE_BUNDLES = 16_384

/** First pause after a neighbour had no room, in milliseconds; it doubles. */
export const PAUSE_BASE_MS = 2000

/** Longest pause after a neighbour had no room, in milliseconds. */
export const PAUSE_MAX_MS = 300_000

/** First pause after an application could not take a delivery, in milliseconds; it doubles. */
export const DELIVERY_RETRY_BASE_MS = 2000

/** Longest pause after an application could not take a delivery, in milliseconds. */
export const DELIVERY_RETRY_MAX_MS = 300_000

/** Hops that a bundle made here may go, unless told otherwise. */
export const DEFAULT_HOP_LIMIT = 32

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
