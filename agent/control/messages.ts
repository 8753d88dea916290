import type { BundleControlMethods, BundleControlStreams, BundleStatus } from './bundle-messages.ts'
import type { CaControlMethods, CaControlStreams } from './ca-messages.ts'
import type { TrustControlMethods, TrustStatus, VerdictView } from './trust-messages.ts'

/** Which records a command asks for. Every part narrows; absent parts do not. */
export interface RecordFilter {
  /** Created at or after, in milliseconds since the Unix epoch. */
  readonly sinceMs?: number
  /** Created at or before, in milliseconds since the Unix epoch. */
  readonly untilMs?: number
  /** node_id of the author. */
  readonly origin?: string
  /** Kind of at least one anomaly signature. */
  readonly kind?: string
  /** Least severity of the worst anomaly signature, 1 to 5. */
  readonly minSeverity?: number
  /** Most records, newest first. */
  readonly limit?: number
}

/** A record in a list. Hashes and ids are lower-case hexadecimal, times milliseconds since the Unix epoch. */
export interface RecordSummary {
  readonly id: string
  readonly type: string
  readonly origin: string
  readonly sequence: number
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** Number of anomaly signatures. */
  readonly anomalies: number
  /** Events those stand for, folded ones included. */
  readonly events: number
  /** Worst severity, 1 to 5; 0 when the record carries no anomaly. */
  readonly severity: number
  /** Kinds of the anomaly signatures, each once. */
  readonly kinds: readonly string[]
  /** Indicator of the worst one. */
  readonly indicator: string
}

/** One anomaly signature of a shown record. */
export interface AnomalyView {
  readonly indicator: string
  readonly kind: string
  readonly severity: number
  readonly score: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly count: number
  readonly expiresAtMs: number
  readonly blockId: string
  /** `provisional`, `sealed`, `final`, or `unknown` where the block is not held. */
  readonly blockState: string
  readonly pseudonymEpoch?: number
  /** Keyed hashes of the addresses. */
  readonly source?: string
  readonly destination?: string
}

export interface RecordDetail extends RecordSummary {
  readonly bytes: number
  readonly author: { readonly serialNumber: string; readonly issuerKeyId: string }
  /** COSE algorithm number and key id of each half. */
  readonly signatures: readonly { readonly algorithm: number; readonly keyId: string }[]
  readonly anomalySignatures: readonly AnomalyView[]
}

/** An anomaly reported by hand or by a script. It becomes a payload, a microblock and a record like a sensor's event. */
export interface PublishParams {
  readonly indicator: string
  readonly kind: string
  readonly severity: number
  /** Per mille; by severity when absent. */
  readonly score?: number
  /** IP addresses; hashed before they leave the node. */
  readonly source?: string
  readonly destination?: string
  /** Kept in the payload on this node. */
  readonly note?: string
}

export interface PublishResult {
  readonly id: string
  readonly blockId: string
  readonly seq: number
}

export interface NodeSummary extends VerdictView {
  readonly peerId: string
  readonly self: boolean
  readonly connected: boolean
  readonly roles: readonly string[]
  readonly addresses: readonly string[]
  /** While connected: since when, and what the link agreed on. */
  readonly connectedSinceMs?: number
  readonly link?: Readonly<Record<string, string | number>>
  /** Sequence number of the newest ledger block known of it. */
  readonly headSeq?: number
  readonly certificateExpiresAtMs?: number
  /** Its newest certificate: key id of its CA, serial number, and the SHA-256 of its SPKI, hexadecimal. */
  readonly certificate?: { readonly authority: string; readonly serialNumber: string; readonly keyId: string }
}

export interface InputStatus {
  readonly path: string
  readonly format: string
  readonly state: string
  readonly error?: string
  readonly offset: number
}

export interface StatusResult {
  readonly version: string
  readonly nodeId: string
  readonly mesh: string
  /** Of its certificate. */
  readonly roles: readonly string[]
  readonly peerId: string
  readonly startedAtMs: number
  readonly addresses: readonly string[]
  readonly certificate: { readonly serialNumber: string; readonly expiresAtMs: number }
  /** Whether this node may extend its own chain, and why not. */
  readonly append: string
  readonly peers: { readonly connected: number; readonly known: number }
  readonly records: {
    readonly held: number
    readonly bytes: number
    readonly received: number
    readonly duplicates: number
    readonly expired: number
    /** By the code of the refusal. */
    readonly refused: Readonly<Record<string, number>>
  }
  readonly ledger: { readonly headSeq: number; readonly origins: number }
  readonly ingest: {
    readonly inputs: readonly InputStatus[]
    readonly counters: Readonly<Record<string, number>>
  }
  readonly traffic: {
    /** Messages that wait to be judged. */
    readonly queued: number
    readonly refusedLinks: number
    readonly gossipRejoins: number
    readonly gossip: Readonly<Record<string, number>>
    readonly catchUp: Readonly<Record<string, number>>
  }
  readonly trust: TrustStatus
  readonly bundles: BundleStatus
  /** Things an operator should look at, one line each; empty when all is well. */
  readonly warnings: readonly string[]
}

/** What a node holds, in figures that two nodes can compare. */
export interface RecordInventory {
  readonly records: number
  readonly anomalies: number
  /** Anomaly signatures by author. */
  readonly origins: Readonly<Record<string, number>>
  /** `hour:digest` of the records created in each hour. */
  readonly buckets: readonly string[]
}

/** Result of a walk over the ledger chains that a node keeps. */
export interface LedgerCheck {
  readonly ok: boolean
  readonly problemCount: number
  readonly problems: readonly {
    readonly kind: string
    readonly origin: string
    readonly seq: number | undefined
    readonly message: string
  }[]
  readonly blocksChecked: number
  readonly chainsChecked: number
}

/** Every request: what it takes, what it answers. A node answers all but `ca.*`, a serving CA those alone. */
export interface ControlMethods extends BundleControlMethods, CaControlMethods, TrustControlMethods {
  status: { params: Record<string, never>; result: StatusResult }
  'records.list': { params: RecordFilter; result: { readonly records: readonly RecordSummary[] } }
  'records.show': { params: { readonly id: string }; result: RecordDetail }
  'records.publish': { params: PublishParams; result: PublishResult }
  'records.inventory': { params: Record<string, never>; result: RecordInventory }
  'nodes.list': { params: Record<string, never>; result: { readonly nodes: readonly NodeSummary[] } }
  'ledger.check': { params: Record<string, never>; result: LedgerCheck }
}

/** Requests that answer with a stream. */
export interface ControlStreams extends BundleControlStreams, CaControlStreams {
  'records.tail': { params: RecordFilter; item: RecordSummary }
}

export type MethodName = keyof ControlMethods
export type StreamName = keyof ControlStreams

/** A failure as it crosses the socket. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly hint?: string
  /** True when a verification or policy said no. */
  readonly refused?: boolean
}

/** First and only line from the command. */
export interface ControlRequest {
  readonly method: string
  readonly params: unknown
}

/** Lines from the agent: one `result` or `error`, or any number of `item` with `end` or `error` after them. */
export type ControlResponse =
  | { readonly result: unknown }
  | { readonly item: unknown }
  | { readonly end: true }
  | { readonly error: WireError }
