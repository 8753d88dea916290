import { toHex } from '../../core/index.ts'
import type { Ledger } from '../../ledger/store/index.ts'
import { type AnomalySignature, type DecodedRecord, decodeAnomalyBody, expiryOf } from '../../records/index.ts'
import type { AnomalyView, RecordDetail, RecordSummary } from '../control/index.ts'

/** The anomaly signatures of a stored record; none for other types. */
export function anomaliesOf(record: DecodedRecord): readonly AnomalySignature[] {
  return record.type === 'anomaly' ? decodeAnomalyBody(record.body) : []
}

/** A stored record as a list shows it. */
export function summarize(record: DecodedRecord): RecordSummary {
  const anomalies = anomaliesOf(record)
  const worst = anomalies.reduce<AnomalySignature | undefined>(
    (best, next) => (best === undefined || next.severity > best.severity ? next : best),
    undefined,
  )
  return {
    id: toHex(record.id),
    type: record.type,
    origin: record.origin,
    sequence: record.sequence,
    createdAtMs: record.createdAtMs,
    expiresAtMs: expiryOf(record) ?? record.createdAtMs,
    anomalies: anomalies.length,
    events: anomalies.reduce((sum, { count }) => sum + count, 0),
    severity: worst?.severity ?? 0,
    kinds: [...new Set(anomalies.map(({ kind }) => kind))],
    indicator: worst === undefined ? '' : indicatorText(worst),
  }
}

/** A stored record with everything that may be told of it. */
export async function detail(record: DecodedRecord, ledger: Ledger): Promise<RecordDetail> {
  return {
    ...summarize(record),
    bytes: record.bytes.length,
    author: { serialNumber: toHex(record.serialNumber), issuerKeyId: toHex(record.issuerKeyId) },
    signatures: record.signatures.map(({ coseAlgorithm, keyId }) => ({
      algorithm: coseAlgorithm,
      keyId: toHex(keyId),
    })),
    anomalySignatures: await Promise.all(anomaliesOf(record).map((anomaly) => anomalyView(anomaly, ledger))),
  }
}

async function anomalyView(anomaly: AnomalySignature, ledger: Ledger): Promise<AnomalyView> {
  const { kind, severity, score, firstSeenMs, lastSeenMs, count, expiresAtMs, blockId, addresses } = anomaly
  const block = await ledger.blockById(blockId)
  return {
    indicator: indicatorText(anomaly),
    kind,
    severity,
    score,
    firstSeenMs,
    lastSeenMs,
    count,
    expiresAtMs,
    blockId: toHex(blockId),
    blockState: (block && ledger.blockState(block.nodeId, block.seq)) ?? 'unknown',
    ...(addresses && { pseudonymEpoch: addresses.epoch }),
    ...(addresses?.source && { source: toHex(addresses.source) }),
    ...(addresses?.destination && { destination: toHex(addresses.destination) }),
  }
}

function indicatorText({ indicator }: AnomalySignature): string {
  return typeof indicator === 'string' ? indicator : toHex(indicator)
}
