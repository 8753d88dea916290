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

/** Longest frame of certificates in an admission, in bytes; three certificates have about 24,000. */
export const MAX_ADMISSION_CHAIN_BYTES = 40 * 1024

/** Most features a node names in its admission statement, and the longest name in bytes. */
export const MAX_FEATURES = 16

/** Longest name of an optional ability in an admission statement, in bytes. */
export const MAX_FEATURE_BYTES = 32

/** Longest error code that one side tells the other, in characters. */
export const MAX_REFUSAL_CODE_CHARACTERS = 64

/** Most bytes of TLS hello messages that are looked at per direction; OpenSSL itself refuses earlier. */
export const MAX_HELLO_BYTES = 32 * 1024

/** Time for the handshake and admission together, unless the link is told otherwise. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 5_000

/** QUIC handshakes that a listener runs at a time; the library alone would run one, and a silent dialler hold up the rest. */
export const MAX_QUIC_HANDSHAKES = 256

/** Bytes in flight towards this node on one QUIC stream. */
export const MAX_QUIC_STREAM_WINDOW_BYTES = 1024 * 1024

/** Bytes in flight towards this node on one QUIC connection, admitted or not: what a stranger can make it hold. */
export const MAX_QUIC_CONNECTION_WINDOW_BYTES = 2 * 1024 * 1024

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

/** Dials of hearsay that fail before whatever libp2p has noted of peers that are not connected is forgotten. */
export const MAX_UNREACHED = 256

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

/** Longest revocation list that travels between nodes, in bytes. */
export const MAX_LIST_BYTES = 16 * 1024 * 1024

/** Most bytes of a list that one answer carries. */
export const MAX_LIST_CHUNK_BYTES = 256 * 1024

/** Most lists in one announcement: what one peer can make this node consider. */
export const MAX_ANNOUNCED_LISTS = 16

/** Longest CRL number in bytes (RFC 5280 §5.2.3). */
export const MAX_LIST_NUMBER_BYTES = 20

/** Longest frame of the trust protocol, in bytes, either way: a chunk, or a record with its chain. */
export const MAX_TRUST_FRAME_BYTES = 512 * 1024

/** Trust streams one peer may have open here. */
export const MAX_TRUST_STREAMS_PER_PEER = 4

/** Requests answered on one trust stream. */
export const MAX_TRUST_REQUESTS_PER_STREAM = 4096

/** Announced bytes of the lists that are being fetched at a time; the longest running fetch makes room. */
export const MAX_FETCHED_LIST_BYTES = 64 * 1024 * 1024

/** Records waiting to be pushed to one peer; it catches up with what does not fit. */
export const MAX_PUSHED_RECORDS = 256

/** Bytes in flight towards this node on one stream over TCP or a relay; a stream that is not read holds them all. */
export const MAX_STREAM_WINDOW_BYTES = 1024 * 1024

/** Peers of which others told over the DHT that are remembered for dialling. */
export const MAX_TOLD_TARGETS = 128

/** Addresses remembered, and passed on, of a peer that others told of. */
export const MAX_TOLD_ADDRESSES = 8

/** Longest request that a peer may make to the DHT, in bytes; one for the peers around a key has about 50. */
export const MAX_DHT_REQUEST_BYTES = 4 * 1024

/** Longest answer that is read from a peer's DHT, in bytes: 20 peers with eight addresses each stay below it. */
export const MAX_DHT_ANSWER_BYTES = 64 * 1024

/** Peers waiting for their place in the DHT's routing table. */
export const MAX_DHT_UPDATES = 128

/** Relayed connections that pass through this node at a time. */
export const MAX_CIRCUITS = 256

/** Relayed connections that one connection with a relay carries, each way. */
export const MAX_CIRCUITS_PER_PEER = 64

/** Longest bundle that peers hand to each other, in bytes; longer payloads travel as fragments. */
export const MAX_OVERLAY_BUNDLE_BYTES = 2 * 1024 * 1024

/** Longest frame of the bundle stream: a bundle and what is around it. */
export const MAX_BUNDLE_FRAME_BYTES = MAX_OVERLAY_BUNDLE_BYTES + 16

/** Bundles handed over on one stream before a new one is opened. */
export const MAX_BUNDLES_PER_STREAM = 65_536

/** Bundle streams open with one peer, each way. */
export const MAX_BUNDLE_STREAMS_PER_PEER = 2
