import type { EndpointId, LinkEvents } from '../bundles/index.ts'
import type { RecordType, ValidPath } from '../records/index.ts'
import type { BucketDigest, IdPage, PrefixDigest } from '../records/store/index.ts'
import type { Opinion } from './verdicts.ts'

export type { BucketDigest, IdPage, PrefixDigest } from '../records/store/index.ts'

/** Where bytes came from, for limits and logs. */
export interface Sender {
  readonly road: 'gossip' | 'catch-up' | 'trust'
  /** node_id of the admitted peer that handed them over. */
  readonly nodeId: string
  /** Over gossip and the trust stream: the type as which the record came; a record of another type is refused. */
  readonly topic?: RecordType
  /** Over catch-up: the bucket in which the sender listed the record; a record of another bucket is refused. */
  readonly bucket?: number
}

/**
 * `accept`: keep and forward. `duplicate`: held already, nobody's fault. `ignore`: drop; a peer has a budget of these.
 * `reject`: drop, the sender is at fault.
 */
export type Verdict = 'accept' | 'duplicate' | 'ignore' | 'reject'

/** Decides who may stay connected. The composition root hands it in; overlay never sees how trust is kept. */
export interface PeerGate {
  /**
   * Judges a chain (leaf first, DER) whose key possession TLS has proven. Where nothing is said about the verdict, the peer
   * is trusted; an untrusted one is refused.
   * @throws a GapmeshError whose code is told to the other side in the admission frame
   */
  judge(chain: readonly Uint8Array[]): Promise<ValidPath & Partial<Opinion>>
}

/** The record side of the node, as the overlay sees it: everything received ends in `receive`, the one verifying path. */
export interface RecordPort {
  /** Types that `receive` can judge; only their topics are listened to. Default: those of the record room. */
  readonly types?: readonly RecordType[]
  /** Rejects when this node cannot judge now (a full disk, too much to do): the record is fetched again later. */
  receive(record: Uint8Array, from: Sender): Promise<Verdict>
  /** Takes certificates that records need; the ones whose path does not hold are dropped. */
  receiveCertificates(chains: readonly (readonly Uint8Array[])[], from: Sender): Promise<void>
  /** Live records by bucket of creation time, for comparison with a peer's. */
  buckets(): Promise<readonly BucketDigest[]>
  /** Digests inside one bucket by first byte of the record id. */
  prefixes(bucket: number): Promise<readonly PrefixDigest[]>
  /** Ids of live records in a bucket, sorted. */
  ids(bucket: number, page: IdPage): Promise<readonly Uint8Array[]>
  /** Of `ids`, those a node should fetch: not held and not remembered as refused. */
  missing(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** Bytes of held records; ids that are not held are left out. */
  read(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** Chains (leaf first, DER) that the held records among `ids` need, each once. */
  chainsFor(ids: readonly Uint8Array[]): Promise<readonly (readonly Uint8Array[])[]>
}

/** Last known block of one origin's chain. */
export interface ChainHead {
  readonly origin: string
  readonly seq: number
  readonly id: Uint8Array
}

/** The ledger side of the node, as the overlay sees it. */
export interface ChainPort {
  /** Heads this node knows, its own included. */
  heads(): Promise<readonly ChainHead[]>
  /** A head announced over gossip or exchanged on connect. Answers what it was, and what to fetch from that peer. */
  learn(head: ChainHead, from: Sender): Promise<LearnedHead>
  /** Encoded blocks of one chain from `fromSeq` on, in order, at most `maxCount`. */
  read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]>
  /**
   * Blocks asked for from `place.fromSeq` on. They must begin there and rise by one, or it is `reject`. `ignore` ends
   * fetching from that peer for now.
   */
  receive(place: ChainPlace, blocks: readonly Uint8Array[], from: Sender): Promise<Verdict>
}

/**
 * What a head was to this node: `new` when it moves what is known of the chain, or will once `want` is fetched; `known`
 * changes nothing; `malformed` is none, whoever reads it.
 */
export interface LearnedHead {
  readonly kind: 'known' | 'new' | 'malformed'
  /** What to fetch from whoever told, if anything. */
  readonly want?: ChainWant
}

/** Where in a chain blocks were asked for. */
export interface ChainPlace {
  readonly origin: string
  readonly fromSeq: number
}

/** Blocks to fetch; both numbers included. */
export interface ChainWant extends ChainPlace {
  readonly toSeq: number
  /** Blocks at these numbers are held: they are fetched because the peer's may be others. */
  readonly compare?: true
}

/** A revocation list that a node has applied. */
export interface ListAnnouncement {
  /** Subject key id of the authority that signed it, 32 bytes. */
  readonly authorityKeyId: Uint8Array
  readonly kind: 'full' | 'delta'
  /** CRL number (RFC 5280 §5.2.3). */
  readonly number: bigint
  readonly sizeBytes: number
  /** SHA-256 of its DER. */
  readonly hash: Uint8Array
}

/** The side of the node that keeps revocation lists and pseudonym keys, as the overlay sees it. */
export interface TrustPort {
  /** What this node has applied, for announcing: the most important ones first. */
  lists(): readonly ListAnnouncement[]
  /** Of the lists that a peer offers, those to fetch, in that order. Asked often: a look-up. */
  wants(offered: readonly ListAnnouncement[], from: Sender): readonly ListAnnouncement[]
  /** Bytes of a list from `offset` on, at most `maxBytes`; undefined when it is not held any more. */
  readList(hash: Uint8Array, offset: number, maxBytes: number): Promise<Uint8Array | undefined>
  /** Takes a list whose hash is the announced one. Rejects when this node cannot judge now: it is fetched again later. */
  receiveList(der: Uint8Array, from: Sender): Promise<Verdict>
  /** The pseudonym key of `epoch`, for a trusted peer; undefined when this node does not have it. */
  pseudonymKey(epoch: number): Uint8Array | undefined
  /** Takes a key of 32 bytes that a peer handed over for `epoch`. */
  receivePseudonymKey(epoch: number, key: Uint8Array, from: Sender): Promise<Verdict>
  /** The epoch whose key this node lacks. */
  wantsPseudonymEpoch(): number | undefined
}

/** The bundle side of the node, as the overlay sees it: each peer is a contact for it. */
export interface BundlePort extends LinkEvents {
  /** Node endpoint of the node with this node_id. */
  endpointOf(nodeId: string): EndpointId
}
