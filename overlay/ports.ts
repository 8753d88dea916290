import type { RecordType, ValidPath } from '../records/index.ts'

/** Where bytes came from, for limits and logs. */
export interface Sender {
  readonly road: 'gossip' | 'catch-up'
  /** node_id of the admitted peer that handed them over. */
  readonly nodeId: string
  /** Over gossip: the type whose topic the record came on; a record of another type is refused. */
  readonly topic?: RecordType
}

/** `accept`: keep and forward. `ignore`: drop without blame. `reject`: drop, the sender is at fault. */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** Decides who may stay connected. The composition root hands it in; overlay never sees how trust is kept. */
export interface PeerGate {
  /**
   * Judges a chain (leaf first, DER) whose key possession TLS has proven.
   * @throws a GapmeshError whose code is told to the other side in the admission frame
   */
  judge(chain: readonly Uint8Array[]): Promise<ValidPath>
}

/** The record side of the node, as the overlay sees it: everything received ends in `receive`, the one verifying path. */
export interface RecordPort {
  receive(record: Uint8Array, from: Sender): Promise<Verdict>
  /** Takes certificates that records need; the ones whose path does not hold are dropped. */
  receiveCertificates(chains: readonly (readonly Uint8Array[])[], from: Sender): Promise<void>
  /** Live records by bucket of creation time, for comparison with a peer's. */
  buckets(): Promise<readonly BucketDigest[]>
  /** Digests inside one bucket by first byte of the record id. */
  prefixes(bucket: number): Promise<readonly PrefixDigest[]>
  /** Ids of live records in a bucket, sorted; all, or those with one first byte. */
  ids(bucket: number, prefix?: number): Promise<readonly Uint8Array[]>
  /** Of `ids`, those a node should fetch: not held and not remembered as refused. */
  missing(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** Bytes of held records; ids that are not held are left out. */
  read(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** Chains (leaf first, DER) that the held records among `ids` need, each once. */
  chainsFor(ids: readonly Uint8Array[]): Promise<readonly (readonly Uint8Array[])[]>
}

/** SHA-256 over the sorted ids of the live records created in one hour. */
export interface BucketDigest {
  /** createdAtMs divided by 3,600,000, rounded down. */
  readonly bucket: number
  readonly count: number
  readonly digest: Uint8Array
}

export interface PrefixDigest {
  /** First byte of the record id. */
  readonly prefix: number
  readonly count: number
  readonly digest: Uint8Array
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
  /** A head announced over gossip or exchanged on connect. Answers what to fetch from that peer, if anything. */
  learn(head: ChainHead, from: Sender): Promise<ChainWant | undefined>
  /** Encoded blocks of one chain from `fromSeq` on, in order, at most `maxCount`. */
  read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]>
  /** Blocks fetched for a {@link ChainWant}, in order. `ignore` ends fetching from that peer for now. */
  receive(origin: string, blocks: readonly Uint8Array[], from: Sender): Promise<Verdict>
}

export interface ChainWant {
  readonly origin: string
  readonly fromSeq: number
  readonly toSeq: number
}
