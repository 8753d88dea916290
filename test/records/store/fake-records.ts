/** Records with blank signatures: what a store takes, made faster than a key can sign. */
import { SUITES } from '../../../crypto/index.ts'
import {
  type AnomalySignature,
  type CheckedRecord,
  decodeAnomalyBody,
  decodeRecord,
  encodeAnomalyBody,
  encodeRecord,
  type RecordContent,
} from '../../../records/index.ts'
import { anomaly, DAY_MS, NOW_MS } from '../scene.ts'

const SIGNATURE = {
  coseAlgorithm: SUITES.ed25519.coseAlgorithm,
  keyId: new Uint8Array(32),
  signature: new Uint8Array(SUITES.ed25519.signatureBytes),
}

/** An anomaly record of `sensor-01` with these changes and these anomalies. */
export function unsigned(
  changes: Partial<RecordContent> = {},
  anomalies: readonly Partial<AnomalySignature>[] = [{}],
): CheckedRecord {
  const content: RecordContent = {
    type: 'anomaly',
    origin: 'sensor-01',
    issuerKeyId: new Uint8Array(32).fill(1),
    serialNumber: new Uint8Array(16).fill(2),
    sequence: 0,
    createdAtMs: NOW_MS,
    lifetimeMs: DAY_MS,
    body: encodeAnomalyBody(anomalies.map(anomaly)),
    ...changes,
  }
  const record = decodeRecord(encodeRecord(content, [SIGNATURE]))
  return { ...record, decodedBody: record.type === 'anomaly' ? decodeAnomalyBody(record.body) : undefined }
}

/** `count` records of rising sequence, `stepMs` apart. */
export function series(count: number, stepMs = 1, from = 0): CheckedRecord[] {
  return Array.from({ length: count }, (_, at) =>
    unsigned({ sequence: from + at, createdAtMs: NOW_MS + (from + at) * stepMs }),
  )
}
