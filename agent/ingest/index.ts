/**
 * How a sensor's logs become events: files are followed across rotation and restarts, lines are parsed and bounded,
 * equal events are folded, overload is shed by severity, and every line is counted.
 *
 * In: paths of Suricata EVE logs and Zeek `notice`/`weird` logs, with the positions stored by the last run. Out: an
 * async iterator of {@link IngestBatch}: events with their payloads, and the positions that belong into the same
 * commit. What a batch carries was read exactly once with respect to what was committed.
 */
export { Coalescer, type CoalescerOptions, type Group, type LazyPosition, type Window } from './coalescer.ts'
export { parseEve } from './eve.ts'
export { payloadOf, scoreOf } from './fields.ts'
export { type FollowDependencies, type FollowOptions, followFile, type LineBatch } from './follow.ts'
export { Ingest, type IngestDependencies, type IngestInput, type IngestOptions, type InputState } from './ingest.ts'
export { createLineParser, type InputFormat, type LineParser } from './line-parser.ts'
export { decodePosition, encodePosition, type FilePosition } from './position.ts'
export { loadPositions, storePositions } from './position-store.ts'
export { type Shed, shed } from './shed.ts'
export type {
  DetectedEvent,
  IngestBatch,
  IngestCounters,
  IngestEvent,
  InputPosition,
  LineOutcome,
  Rejection,
  RejectionCode,
} from './types.ts'
export { parseZeekJson, type ZeekLog } from './zeek.ts'
export { DEFAULT_TSV_HEADER, parseZeekTsv, readTsvHeader, type ZeekTsvHeader } from './zeek-tsv.ts'
