import { fromHex, toHex } from '../../core/index.ts'
import { checkLedger } from '../../ledger/store/index.ts'
import { type CheckedRecord, type DecodedRecord, hashAddress, type Severity } from '../../records/index.ts'
import type { RecordQuery } from '../../records/store/index.ts'
import type { ControlHandlers, PublishParams, RecordFilter, RecordSummary } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { IngestEvent } from '../ingest/index.ts'
import { MAX_TAIL_BACKLOG } from '../limits.ts'
import type { RunningNode } from './node.ts'
import { reportedEvent } from './report.ts'
import { nodeStatus, nodeSummaries } from './status.ts'
import { anomaliesOf, detail, summarize } from './views.ts'

/** Records that `records.list` answers when it is not told how many. */
const DEFAULT_LIST_LIMIT = 100

/** What a running node answers on its control socket. */
export function controlHandlers(node: RunningNode): ControlHandlers {
  return {
    status: async () => nodeStatus(node),
    'nodes.list': async () => ({ nodes: nodeSummaries(node) }),
    'records.list': async (filter) => ({ records: await listRecords(node, filter) }),
    'records.show': async ({ id }) => {
      const stored = await node.parts.records.get(recordId(id))
      if (stored === undefined) throw AGENT_ERRORS.create('AGENT_RECORD_UNKNOWN')
      return detail(stored.record, node.parts.ledger)
    },
    'records.publish': async (params) => {
      const { record, blocks } = await node.publish([reported(node, params)])
      const block = blocks[0]
      return { id: toHex(record.id), blockId: toHex(block?.id ?? new Uint8Array()), seq: block?.seq ?? 0 }
    },
    'records.inventory': () => inventory(node),
    'ledger.check': () => checkOwnChain(node),
    'records.tail': (filter, signal) => tail(node, filter, signal),
  }
}

async function listRecords(node: RunningNode, filter: RecordFilter): Promise<RecordSummary[]> {
  const query = { ...queryOf(filter), limit: filter.limit ?? DEFAULT_LIST_LIMIT, reverse: true }
  const summaries: RecordSummary[] = []
  for await (const { record } of node.parts.records.list(query)) summaries.push(summarize(record))
  return summaries
}

function queryOf({ sinceMs, untilMs, origin, kind, minSeverity }: RecordFilter): RecordQuery {
  return {
    fromMs: sinceMs,
    toMs: untilMs === undefined ? undefined : untilMs + 1,
    origin,
    kind,
    minSeverity: minSeverity as Severity | undefined,
  }
}

function recordId(text: string): Uint8Array {
  try {
    return fromHex(text)
  } catch {
    throw AGENT_ERRORS.create('AGENT_RECORD_UNKNOWN')
  }
}

/** The event of a report: addresses are hashed here, before anything is kept for others. */
function reported(node: RunningNode, params: PublishParams): IngestEvent {
  const { clock, config } = node
  const { pseudonym } = node.parts.keys
  const hash = (address: string | undefined) => (address === undefined ? undefined : hashAddress(address, pseudonym))
  const [source, destination] = [hash(params.source), hash(params.destination)]
  const addresses =
    source === undefined && destination === undefined
      ? undefined
      : { epoch: pseudonym.epoch, ...(source && { source }), ...(destination && { destination }) }
  return reportedEvent(params, { nowMs: clock.now(), expiryMs: config['ingest.expiry_hours'] * 3_600_000, addresses })
}

/** Everything that is held, in three figures that two nodes can compare. */
async function inventory(node: RunningNode) {
  const counts = { records: 0, anomalies: 0, origins: new Map<string, number>() }
  for await (const { record } of node.parts.records.list()) {
    const anomalies = anomaliesOf(record).length
    counts.records += 1
    counts.anomalies += anomalies
    counts.origins.set(record.origin, (counts.origins.get(record.origin) ?? 0) + anomalies)
  }
  const buckets = node.parts.records.buckets().map(({ bucket, digest }) => `${bucket}:${toHex(digest)}`)
  return { ...counts, origins: Object.fromEntries(counts.origins), buckets }
}

/** Walks every chain that this node keeps, signatures and payloads included. */
async function checkOwnChain(node: RunningNode) {
  const { identity, database, keys, provider, trust } = node.parts
  const { nodeId, mesh, rootFingerprint } = identity
  const findKey = async (origin: string, keyId: Uint8Array) => trust.findKey(origin, keyId)
  const report = await checkLedger(
    { nodeId, scope: 'full' },
    { database, sealer: keys.sealer, signatures: { mesh, rootFingerprint, provider, findKey } },
  )
  const problems = report.problems.map(({ kind, origin, seq, message }) => ({ kind, origin, seq, message }))
  const { problemCount, blocksChecked, chainsChecked } = report
  return { ok: problemCount === 0, problemCount, problems, blocksChecked, chainsChecked }
}

/** Records as they are stored. A reader that falls far behind is cut off rather than kept in memory. */
async function* tail(node: RunningNode, filter: RecordFilter, signal: AbortSignal): AsyncIterable<RecordSummary> {
  const waiting: CheckedRecord[] = []
  let wake = () => {}
  const end = () => wake()
  const forget = node.onRecord((record) => {
    waiting.push(record)
    wake()
  })
  signal.addEventListener('abort', end)
  try {
    while (!signal.aborted) {
      if (waiting.length > MAX_TAIL_BACKLOG) throw AGENT_ERRORS.create('AGENT_CONTROL_TOO_SLOW')
      const record = waiting.shift()
      if (record !== undefined && isAskedFor(record, filter)) yield summarize(record)
      else if (record === undefined) await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    signal.removeEventListener('abort', end)
    forget()
  }
}

function isAskedFor(record: DecodedRecord, filter: RecordFilter): boolean {
  const { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, origin = record.origin, kind, minSeverity = 0 } = filter
  if (record.createdAtMs < sinceMs || record.createdAtMs > untilMs || record.origin !== origin) return false
  if (kind === undefined && minSeverity === 0) return true
  return anomaliesOf(record).some(
    (anomaly) => anomaly.severity >= minSeverity && (kind ?? anomaly.kind) === anomaly.kind,
  )
}
