/** Largest gossip RPC that is read. One byte more and gossipsub silently drops the sender, so everything sent stays far below. */
export const MAX_GOSSIP_RPC_BYTES = 1024 * 1024

/** Most bytes of messages sent to one peer in answer to its requests for missed messages, per heartbeat: one RPC carries at most these. */
export const MAX_GOSSIP_ANSWER_BYTES = 512 * 1024

/** Most message ids offered per heartbeat; with their framing they stay below 40 KiB. */
export const MAX_GOSSIP_OFFERS = 1000

/** Most bytes of messages kept for peers that missed them; the oldest go first. */
export const MAX_MESSAGE_CACHE_BYTES = 32 * 1024 * 1024

/** Bytes that may wait for one peer in gossip; above it the stream is given up and the peer catches up instead. */
export const MAX_GOSSIP_BACKLOG_BYTES = 8 * 1024 * 1024

/** Waiting messages per priority. */
export const MAX_QUEUED_MESSAGES = 2048

/** Waiting bytes per priority. */
export const MAX_QUEUED_BYTES = 16 * 1024 * 1024

/** Longest announcement of chain heads, in bytes. */
export const MAX_ANNOUNCEMENT_BYTES = 48 * 1024

/** Most heads in one announcement. */
export const MAX_ANNOUNCED_HEADS = 256

/** Longest frame of the sync protocol, in bytes, either way. */
export const MAX_SYNC_FRAME_BYTES = 1024 * 1024

/** Most bytes of records, blocks or chains that one answer carries; the rest is asked for again. */
export const MAX_SYNC_ANSWER_BYTES = 512 * 1024

/** Most eras in a summary: 256 hours each, so more than a century. */
export const MAX_SYNC_ERAS = 4096

/** Most eras whose buckets are asked for at once. */
export const MAX_ERAS_PER_REQUEST = 16

/** Most ids in one answer; more are asked for page by page. */
export const MAX_IDS_PER_ANSWER = 8192

/** Most ids in one request for records or chains. */
export const MAX_IDS_PER_REQUEST = 256

/** Most certificates in a chain, and the longest certificate in bytes. */
export const MAX_CHAIN_CERTIFICATES = 6
export const MAX_CERTIFICATE_BYTES = 32 * 1024

/** Most chain heads in one answer; more are asked for page by page. */
export const MAX_HEADS_PER_ANSWER = 4096

/** Most blocks in one answer, and the longest encoded block in bytes. */
export const MAX_BLOCKS_PER_ANSWER = 1024
export const MAX_BLOCK_BYTES = 16 * 1024

/** Requests answered on one stream. */
export const MAX_REQUESTS_PER_STREAM = 100_000

/** Sync streams one peer may have open here. */
export const MAX_SYNC_STREAMS_PER_PEER = 4

/** Ids a peer may name in one catch-up without handing over the records, before it is taken for a liar. */
export const MAX_UNDELIVERED_IDS = 1024

/** Heads one catch-up follows up with block requests. */
export const MAX_WANTS_PER_CATCH_UP = 4096

/** Longest admission frame, in bytes; with two signatures it has about 5,200. */
export const MAX_ADMISSION_FRAME_BYTES = 8 * 1024

/** Most signatures under one admission statement: identity key and device key. */
export const MAX_ADMISSION_SIGNATURES = 2

/** Most features a node names in its admission statement, and the longest name in bytes. */
export const MAX_FEATURES = 16

/** Longest name of an optional ability in an admission statement, in bytes. */
export const MAX_FEATURE_BYTES = 32

/** Longest error code that one side tells the other, in characters. */
export const MAX_REFUSAL_CODE_CHARACTERS = 64

/** Most bytes of TLS hello messages that are looked at per direction; OpenSSL itself refuses earlier. */
export const MAX_HELLO_BYTES = 32 * 1024

/** Time for TLS and admission together, unless the link is told otherwise. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000

/** Inbound connections that are not admitted yet, in all; the oldest make room, silent ones first. */
export const MAX_PENDING_INBOUND = 512

/** Inbound connections that are not admitted yet from one address: a mesh behind one address may come at once. */
export const MAX_PENDING_PER_ADDRESS = 16

/** Time for the other side to say the first message of a handshake, from the moment it connected. */
export const HELLO_TIMEOUT_MS = 3_000

/** Connections with one peer: two, which there are when both sides dial at once. */
export const MAX_CONNECTIONS_PER_PEER = 2

/** How long a refusing side waits for the other side to read the verdict and hang up. */
export const REFUSAL_LINGER_MS = 1000

/** Peers and addresses remembered for dialling; failing ones make room for new ones. Configured ones always fit. */
export const MAX_DIAL_TARGETS = 1024

/** Of these, peers that multicast DNS named: anybody on the LAN can say anything there. */
export const MAX_FOUND_TARGETS = 128

/** Addresses remembered of a peer that multicast DNS named. */
export const MAX_FOUND_ADDRESSES = 3

/** Addresses remembered of a peer that was connected; the newest stay. */
export const MAX_MET_ADDRESSES = 8

/** Messages of one peer that may end as `ignore` within a minute; above it the peer is not listened to for a while. */
export const MAX_IGNORED_PER_MINUTE = 512

/** Messages that a peer which is not listened to may send within a minute; above it the connection is closed. */
export const MAX_UNHEARD_PER_MINUTE = 65_536

/** Ids that one catch-up remembers as asked for and not held afterwards; they are asked for once. */
export const MAX_ASKED_IDS = 16_384

/** Ids of ignored records remembered per peer, so that catch-up does not fetch them every time. */
export const MAX_IGNORED_IDS = 16_384
