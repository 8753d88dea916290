/**
 * Entries of the record store, by room (core/store/rooms.ts). Numbers are big-endian, so that keys sort as times do.
 *
 *     records          id 32                          → receivedAtMs 8, record bytes
 *                      "counts"                       → records 8, bytes 8, missing 8
 *     recordsByTime    createdAtMs 8, id 32           → type 1, bytes 4, origin length 1, origin,
 *                                                       then per kind: highest severity 1, kind length 1, kind
 *     recordsByExpiry  expiresAtMs 8, id 32           → createdAtMs 8, bytes 4
 *     recordOrigins    type 1, origin                 → highest sequence 8, its createdAtMs 8
 *     recordsRefused   id 32                          → untilMs 8, error code
 *     certificates     issuer key id 32, serial 1..20 → length 1 and key of the certificate above (0: none), DER
 */
import { concatBytes, uintBytes, uintFromBytes, utf8 } from '../../core/index.ts'
import type { OriginHead } from '../trust.ts'
import { type AnomalySignature, type CheckedRecord, RECORD_TYPES, type RecordType } from '../types.ts'

export const ID_BYTES = 32

const TIME_BYTES = 8

/** Where the counters lie in the room of records: no record id is that short. */
export const COUNTS_KEY: Uint8Array = utf8('counts')

/** What the store says of its own size; written in every batch that changes it. */
export interface StoredCounts {
  /** Records that are there for certain once this is written. */
  records: number
  /** Their bytes. */
  bytes: number
  /** Records that were counted once, were not there when the store was opened, and were not made up for since. */
  missing: number
}

/** What queries ask about a record, kept beside its place in time. */
export interface RecordFacts {
  readonly type: RecordType
  readonly origin: string
  readonly bytes: number
  /** Highest severity per kind of an anomaly record; empty for other types. */
  readonly severities: ReadonlyMap<string, number>
}

/** Key of a time and an id. */
export function timeKey(timeMs: number, id: Uint8Array): Uint8Array {
  return concatBytes(uintBytes(timeMs), id)
}

/** The parts of a {@link timeKey}. */
export function readTimeKey(key: Uint8Array): { timeMs: number; id: Uint8Array } {
  return { timeMs: uintFromBytes(key.subarray(0, TIME_BYTES)), id: key.subarray(TIME_BYTES) }
}

export function writeRecord(bytes: Uint8Array, receivedAtMs: number): Uint8Array {
  return concatBytes(uintBytes(receivedAtMs), bytes)
}

export function readRecord(value: Uint8Array): { bytes: Uint8Array; receivedAtMs: number } {
  return { receivedAtMs: uintFromBytes(value.subarray(0, TIME_BYTES)), bytes: value.subarray(TIME_BYTES) }
}

export function writeCounts({ records, bytes, missing }: StoredCounts): Uint8Array {
  return concatBytes(uintBytes(records), uintBytes(bytes), uintBytes(missing))
}

export function readCounts(value: Uint8Array): StoredCounts {
  const at = (index: number) => uintFromBytes(value.subarray(8 * index, 8 * index + 8))
  return { records: at(0), bytes: at(1), missing: at(2) }
}

/** The facts of a record that is about to be stored. */
export function factsOf(record: CheckedRecord): RecordFacts {
  const severities = new Map<string, number>()
  if (record.type === 'anomaly') {
    for (const { kind, severity } of record.decodedBody as readonly AnomalySignature[]) {
      if (severity > (severities.get(kind) ?? 0)) severities.set(kind, severity)
    }
  }
  return { type: record.type, origin: record.origin, bytes: record.bytes.length, severities }
}

export function writeFacts({ type, origin, bytes, severities }: RecordFacts): Uint8Array {
  const kinds = [...severities].flatMap(([kind, severity]) => [Uint8Array.of(severity), shortText(kind)])
  return concatBytes(Uint8Array.of(RECORD_TYPES[type]), uintBytes(bytes, 4), shortText(origin), ...kinds)
}

export function readFacts(value: Uint8Array): RecordFacts {
  const text = Buffer.from(value.buffer, value.byteOffset, value.length)
  const read = (at: number) => ({
    text: text.toString('latin1', at + 1, at + 1 + (value[at] ?? 0)),
    end: at + 1 + (value[at] ?? 0),
  })
  const origin = read(5)
  const severities = new Map<string, number>()
  for (let at = origin.end; at < value.length; ) {
    const kind = read(at + 1)
    severities.set(kind.text, value[at] ?? 0)
    at = kind.end
  }
  return { type: typeOf(value[0] ?? 0), origin: origin.text, bytes: text.readUInt32BE(1), severities }
}

/** {@link RecordFacts.bytes} alone: what is read of every record at start. */
export function readSize(facts: Uint8Array): number {
  return uintFromBytes(facts.subarray(1, 5))
}

function shortText(text: string): Uint8Array {
  const bytes = utf8(text)
  return concatBytes(Uint8Array.of(bytes.length), bytes)
}

function typeOf(number: number): RecordType {
  const found = Object.entries(RECORD_TYPES).find(([, value]) => value === number)
  if (found === undefined) throw new TypeError(`no record type has the number ${number}`)
  return found[0] as RecordType
}

export function writeExpiry(createdAtMs: number, bytes: number): Uint8Array {
  return concatBytes(uintBytes(createdAtMs), uintBytes(bytes, 4))
}

export function readExpiry(value: Uint8Array): { createdAtMs: number; bytes: number } {
  return {
    createdAtMs: uintFromBytes(value.subarray(0, TIME_BYTES)),
    bytes: uintFromBytes(value.subarray(TIME_BYTES)),
  }
}

export function headKey(origin: string, type: RecordType): Uint8Array {
  return concatBytes(Uint8Array.of(RECORD_TYPES[type]), utf8(origin))
}

export function writeHead({ sequence, createdAtMs }: OriginHead): Uint8Array {
  return concatBytes(uintBytes(sequence), uintBytes(createdAtMs))
}

export function readHead(value: Uint8Array): OriginHead {
  return {
    sequence: uintFromBytes(value.subarray(0, 8)),
    createdAtMs: uintFromBytes(value.subarray(8)),
  }
}

export function writeRefusal(code: string, untilMs: number): Uint8Array {
  return concatBytes(uintBytes(untilMs), utf8(code))
}

export function readRefusal(value: Uint8Array): { code: string; untilMs: number } {
  const code = Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1', TIME_BYTES)
  return { code, untilMs: uintFromBytes(value.subarray(0, TIME_BYTES)) }
}

export function certificateKey(issuerKeyId: Uint8Array, serialNumber: Uint8Array): Uint8Array {
  return concatBytes(issuerKeyId, serialNumber)
}

export function writeCertificate(der: Uint8Array, above: Uint8Array | undefined): Uint8Array {
  return concatBytes(Uint8Array.of(above?.length ?? 0), above ?? new Uint8Array(), der)
}

export function readCertificate(value: Uint8Array): { der: Uint8Array; above: Uint8Array | undefined } {
  const length = value[0] ?? 0
  return { above: length === 0 ? undefined : value.subarray(1, 1 + length), der: value.subarray(1 + length) }
}
