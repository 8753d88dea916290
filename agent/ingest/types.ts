import type { CborMap } from '../../core/index.ts'
import type { EventType } from '../../ledger/index.ts'
import type { AnomalySignature, Severity } from '../../records/index.ts'

/** What a sensor reported, read from one line. Addresses are raw here and are hashed before anything leaves the node. */
export interface DetectedEvent {
  readonly source: 'suricata' | 'zeek'
  readonly eventType: 'ids_alert'
  /** The anomaly signature's kind. */
  readonly kind: 'ids_alert' | 'zeek_notice' | 'zeek_weird'
  /** Rule id: `suricata:<gid>:<sid>`, `zeek:notice:<note>` or `zeek:weird:<name>`. */
  readonly indicator: string
  readonly severity: Severity
  /** Risk in per mille, 0 to 1000. */
  readonly score: number
  /** Milliseconds since the Unix epoch, by the sensor's clock. */
  readonly seenMs: number
  readonly sourceAddress: string | undefined
  readonly destinationAddress: string | undefined
  /** The fields that are kept on the node; {@link payloadOf} encodes them. */
  readonly details: CborMap
}

/** Why a line was skipped, as a code of the agent's catalogue. */
export type RejectionCode =
  | 'AGENT_LINE_TOO_LONG'
  | 'AGENT_LINE_NOT_UTF8'
  | 'AGENT_LINE_NOT_JSON'
  | 'AGENT_LINE_TOO_DEEP'
  | 'AGENT_LINE_FIELD'
  | 'AGENT_LINE_COLUMNS'
  | 'AGENT_LINE_HEADER'

/** A line that is malformed. */
export interface Rejection {
  readonly status: 'rejected'
  readonly code: RejectionCode
  /** The field at fault, for AGENT_LINE_FIELD; a name of ours, never the sensor's text. */
  readonly field?: string
}

/** What one line turned out to be: an event, something well-formed that is not one, or malformed. */
export type LineOutcome =
  | { readonly status: 'event'; readonly event: DetectedEvent }
  | { readonly status: 'ignored' }
  | Rejection

/** One event ready for the ledger: it becomes one stored payload, one microblock and one anomaly signature. */
export interface IngestEvent {
  /** The ledger's word for it. */
  readonly eventType: EventType
  /** Deterministic CBOR of the event; it stays on the node. */
  readonly payload: Uint8Array
  readonly signature: Omit<AnomalySignature, 'blockId'>
}

/** Where reading of one input continues once the batch is accepted. */
export interface InputPosition {
  /** The input's name: its path as configured. */
  readonly input: string
  /** An encoded file position. */
  readonly position: Uint8Array
}

/** Lines read and what became of them. `read = kept + folded + shed + malformed + ignored + pending`, always. */
export interface IngestCounters {
  readonly read: number
  /** Events that became an anomaly signature of their own. */
  readonly kept: number
  /** Events that raised the count of an equal one. */
  readonly folded: number
  /** Events dropped under overload, lowest severity first. */
  readonly shed: number
  /** Lines that are not well-formed. */
  readonly malformed: number
  /** Well-formed lines that are not alerts: other event types, headers, empty lines. */
  readonly ignored: number
  /** Events read but not handed over yet. */
  readonly pending: number
  /** Times that part of an input may have been rotated away unread. */
  readonly gaps: number
}

/** What one coalescing window brought. The positions belong into the same commit as the events. */
export interface IngestBatch {
  /**
   * At most 64, always the same; none when only positions moved. Their times are judged by the clock at the moment of
   * asking: who waits until the clock is right asks again.
   */
  readonly events: readonly IngestEvent[]
  readonly positions: readonly InputPosition[]
  readonly counters: IngestCounters
}
