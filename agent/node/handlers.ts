import { fromHex, isGapmeshError, toHex } from '../../core/index.ts'
import { parseCrl } from '../../enrollment/crl/index.ts'
import { checkLedger } from '../../ledger/store/index.ts'
import { decodeRecord, type Severity } from '../../records/index.ts'
import type { RecordQuery } from '../../records/store/index.ts'
import type { ControlHandlers, ListParams, PublishParams, RecordFilter, RecordSummary } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { IngestEvent } from '../ingest/index.ts'
import { hashAddresses } from './addresses.ts'
import { bundleHandlers } from './bundle-handlers.ts'
import type { RunningNode } from './node.ts'
import { reportedEvent } from './report.ts'
import { certificateView, nodeStatus, nodeSummaries } from './status.ts'
import { tailRecords } from './tail.ts'
import { clockView, listsStatus } from './trust-status.ts'
import { anomaliesOf, detail, summarize } from './views.ts'

/** Bytes of a piece of a list on the control socket. */
const PIECE_BYTES = 256 * 1024

/** Records that `records.list` answers when it is not told how many. */
const DEFAULT_LIST_LIMIT = 100

/** What a running node answers on its control socket. */
export function controlHandlers(node: RunningNode): ControlHandlers {
  return {
    status: async () => nodeStatus(node),
    'nodes.list': async () => ({ nodes: nodeSummaries(node) }),
    'records.list': async (filter) => ({ records: await listRecords(node, filter) }),
    'records.show': async ({ id }) => {
      const stored = await node.parts.records.get(findId(node, id))
      if (stored === undefined) throw AGENT_ERRORS.create('AGENT_RECORD_UNKNOWN')
      return detail(stored.record, node.parts.ledger)
    },
    'records.publish': async (params, signal) => {
      // Whoever gave up waiting may report again: what nobody waits for is not published.
      const { record, blocks } = await node.publish([reported(node, params)], signal)
      const block = blocks[0]
      return { id: toHex(record.id), blockId: toHex(block?.id ?? new Uint8Array()), seq: block?.seq ?? 0 }
    },
    'records.inventory': () => inventory(node),
    'ledger.check': () => checkOwnChain(node),
    'node.rotate': async () => {
      await node.parts.rotation.now()
      return certificateView(node.certificate)
    },
    'directive.send': ({ record, chain }) => takeDirective(node, fromBase64(record), chain.map(fromBase64)),
    'time.confirm': async ({ atMs = node.clock.machineMs }) => confirmTime(node, atMs),
    'crl.status': async () => listsStatus(node),
    'crl.import': ({ der }) => importList(node, fromBase64(der)),
    'crl.read': (params) => readList(node, params),
    ...bundleHandlers(node),
    'records.tail': (filter, signal) => tailRecords((listener) => node.onRecord(listener), filter, signal),
  }
}

/** What an operator says of the time counts, earlier or later than what was believed: everyone is judged by it at once. */
async function confirmTime(node: RunningNode, atMs: number) {
  node.clock.confirm(atMs)
  node.parts.service.changed(true)
  return clockView(node)
}

/** A directive counts here and is told to every peer at once; whoever hands it over needs no right, its author does. */
async function takeDirective(node: RunningNode, record: Uint8Array, chain: readonly Uint8Array[]) {
  const { inbox, trust, overlay, identity } = node.parts
  await trust.learn(chain)
  const from = { road: 'trust', nodeId: identity.nodeId, topic: 'directive' } as const
  const isNews = await inbox.admit(record, from).catch((error) => {
    if (isGapmeshError(error, 'RECORDS_DUPLICATE')) return false
    throw error
  })
  if (isNews) await overlay.pushRecord(record, 'directive')
  return { id: toHex(decodeRecord(record).id), isNews }
}

async function importList({ parts: { desk } }: RunningNode, der: Uint8Array) {
  const { number } = parseCrl(der)
  return { outcome: await desk.take(der), number: String(number) }
}

/** The newest list of a kind, piece by piece; nothing where there is none. */
async function* readList({ parts: { desk, revocations, membership } }: RunningNode, { kind, authority }: ListParams) {
  const keyId = authority === undefined ? membership.current.certificate.authorityKeyId : fromHex(authority)
  const state = revocations.index.state(keyId)
  const list = kind === 'full' ? state?.full : state?.deltas.at(-1)
  if (list === undefined) return
  for (let offset = 0; offset < list.sizeBytes; ) {
    const piece = await desk.readList(list.hash, offset, PIECE_BYTES)
    if (piece === undefined) return
    offset += piece.length
    yield { bytes: Buffer.from(piece).toString('base64') }
  }
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
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

/**
 * The id that begins with `digits`.
 * @throws AGENT_RECORD_UNKNOWN, AGENT_RECORD_AMBIGUOUS
 */
function findId({ parts: { records } }: RunningNode, digits: string): Uint8Array {
  const page = { prefix: Number.parseInt(digits.slice(0, 2), 16), limit: Number.MAX_SAFE_INTEGER }
  const ids = records.buckets().flatMap(({ bucket }) => records.ids(bucket, page))
  const [found, another] = ids.filter((id) => toHex(id).startsWith(digits))
  if (found === undefined) throw AGENT_ERRORS.create('AGENT_RECORD_UNKNOWN')
  if (another !== undefined) throw AGENT_ERRORS.create('AGENT_RECORD_AMBIGUOUS')
  return found
}

/** The event of a report: addresses are hashed here, before anything is kept for others. */
function reported(node: RunningNode, params: PublishParams): IngestEvent {
  const { clock, config } = node
  const addresses = hashAddresses(node.parts.pseudonyms.current, params.source, params.destination)
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
