import { systemClock } from '../../core/index.ts'
import type {
  InputStatus,
  NodeSummary,
  PublishParams,
  RecordFilter,
  StatusResult,
  TrustStatus,
} from '../control/index.ts'
import { spanText } from '../durations.ts'
import type { ExitCode } from './actions.ts'
import { bundleRows } from './bundle-text.ts'
import { clientOf } from './client.ts'
import type { CommandContext } from './context.ts'
import { resolveTime, type TimeArgument } from './parse.ts'
import { recordLine, recordText, recordTitles } from './record-text.ts'
import { pairs, plain, table, timeText } from './text.ts'

/** Filter options as commander hands them over. */
export interface FilterOptions {
  readonly since?: TimeArgument
  readonly until?: TimeArgument
  readonly origin?: string
  readonly kind?: string
  readonly minSeverity?: number
  readonly limit?: number
}

/** Options of `record publish`. */
export type PublishOptions = PublishParams

type Done = Promise<ExitCode | undefined>

/** `gapmesh status` */
export async function showStatus(context: CommandContext): Done {
  const status = await clientOf(context).call('status', {})
  context.result(status, statusText(status))
  return 0
}

/** `gapmesh record list` */
export async function listRecords(options: FilterOptions, context: CommandContext): Done {
  const answer = await clientOf(context).call('records.list', toFilter(options))
  if (answer.records.length === 0) context.note('no such records')
  if (answer.records.length > 0 || context.json) {
    context.result(answer, table(recordTitles(), answer.records.map(recordLine)))
  }
  return 0
}

/** `gapmesh record show` */
export async function showRecord(id: string, context: CommandContext): Done {
  const record = await clientOf(context).call('records.show', { id })
  context.result(record, recordText(record))
  return 0
}

/** `gapmesh record tail`: ends when interrupted, or with the agent. */
export async function tailRecords(options: FilterOptions, context: CommandContext): Done {
  const records = clientOf(context).stream('records.tail', toFilter(options), context.signal)
  for await (const record of records) context.result(record, recordLine(record).map(plain).join('  '))
  return 0
}

/** `gapmesh record publish` */
export async function publishRecord(options: PublishOptions, context: CommandContext): Done {
  const { indicator, kind, severity, score, source, destination, note } = options
  const published = await clientOf(context).call('records.publish', {
    indicator,
    kind,
    severity,
    ...(score !== undefined && { score }),
    ...(source !== undefined && { source }),
    ...(destination !== undefined && { destination }),
    ...(note !== undefined && { note }),
  })
  context.result(published, `published ${published.id}`)
  return 0
}

/** `gapmesh node rotate` */
export async function rotateNode(context: CommandContext): Done {
  const certificate = await clientOf(context).call('node.rotate', {})
  const { serialNumber, expiresAtMs } = certificate
  context.result(certificate, `The certificate is ${serialNumber} now, valid until ${timeText(expiresAtMs)}`)
  return 0
}

/** `gapmesh node time confirm` */
export async function confirmTime(time: TimeArgument | undefined, context: CommandContext): Done {
  const params = time === undefined ? {} : { atMs: resolveTime(time, systemClock().now()) }
  const clock = await clientOf(context).call('time.confirm', params)
  context.result(clock, `The node takes ${timeText(clock.nowMs)} for the time (${clock.standing})`)
  return 0
}

/** `gapmesh node list` */
export async function listNodes(context: CommandContext): Done {
  const answer = await clientOf(context).call('nodes.list', {})
  const titles = ['NODE', 'STATE', 'VERDICT', 'SINCE', 'LINK', 'ROLES', 'BLOCKS', 'CERTIFICATE UNTIL', 'PEER ID']
  context.result(answer, table(titles, answer.nodes.map(nodeLine)))
  return 0
}

function nodeLine(node: NodeSummary): string[] {
  const state = node.self ? 'this node' : node.connected ? 'connected' : 'away'
  return [
    node.nodeId,
    state,
    [node.verdict, ...node.reasons.map((reason) => `(${reason})`)].join(' '),
    timeText(node.connectedSinceMs),
    linkText(node),
    node.roles.join(','),
    node.headSeq === undefined ? '-' : String(node.headSeq),
    timeText(node.certificateExpiresAtMs),
    node.peerId,
  ]
}

/** What a person wants to know of a link; all of it is in the JSON. */
function linkText({ self, link, addresses }: NodeSummary): string {
  if (self || link === undefined) return '-'
  const facts = ['class', 'protocol', 'group', 'cipher', 'signature'].flatMap((name) => link[name] ?? [])
  return [...facts, ...(addresses.some((address) => address.includes('/p2p-circuit')) ? ['relayed'] : [])].join(' ')
}

function toFilter(options: FilterOptions): RecordFilter {
  const now = systemClock().now()
  const { since, until, origin, kind, minSeverity, limit } = options
  return {
    ...(since !== undefined && { sinceMs: resolveTime(since, now) }),
    ...(until !== undefined && { untilMs: resolveTime(until, now) }),
    ...(origin !== undefined && { origin }),
    ...(kind !== undefined && { kind }),
    ...(minSeverity !== undefined && { minSeverity }),
    ...(limit !== undefined && { limit }),
  }
}

function statusText(status: StatusResult): string {
  const { peers, records, ledger, ingest, traffic } = status
  const rows: [string, string][] = [
    ['node', `${status.nodeId} (${status.roles.join(', ')}) in ${status.mesh}`],
    ['peer id', status.peerId],
    ['version', status.version],
    ['running since', timeText(status.startedAtMs)],
    ['certificate until', timeText(status.certificate.expiresAtMs)],
    ...trustRows(status.trust),
    ...status.addresses.map((address): [string, string] => ['address', address]),
    ['peers', `${peers.connected} connected, ${peers.known} known, ${traffic.refusedLinks} links refused`],
    [
      'records',
      `${records.held} held (${records.bytes} bytes), ${records.received} received, ${records.expired} expired`,
    ],
    ...countsRow('refused', records.refused),
    ...bundleRows(status.bundles),
    ['ledger', `${ledger.headSeq} blocks of this node (${status.append}), ${ledger.origins} chains`],
    ...countsRow('ingest', ingest.counters),
    ...ingest.inputs.map((input): [string, string] => ['input', inputText(input)]),
    ...status.warnings.map((warning): [string, string] => ['warning', warning]),
  ]
  return pairs(rows)
}

function trustRows({ clock, rotation, polling, lists, ordered, pseudonym, verdicts }: TrustStatus): [string, string][] {
  const { caUrl = 'a CA whose address is not known: set ca.url', dueAtMs, failures, lastFailure } = rotation
  const failed = failures === 0 ? '' : `, failed ${failures} times: ${lastFailure}`
  const off = clock.standing === 'trusted' ? '' : `, off by ${spanText(clock.offByMs)}`
  return [
    ['clock', `${timeText(clock.nowMs)} (${clock.standing}${off}), not before ${timeText(clock.floorMs)}`],
    ['renewal', `due ${timeText(dueAtMs)} at ${caUrl}${failed}`],
    ...(polling === undefined ? [] : [['lists asked for', pollText(polling)] as [string, string]]),
    ...lists.map(({ authority, kind, number, thisUpdateMs, state, trustedForMs }): [string, string] => [
      'list',
      `${kind} ${number} of CA ${authority.slice(0, 16)}, issued ${timeText(thisUpdateMs)}, ${state}, good for ${spanText(trustedForMs)}`,
    ]),
    ...(ordered === 0 ? [] : ([['ordered', `${ordered} revocations that no list covers yet`]] as [string, string][])),
    ['pseudonyms', `epoch ${pseudonym.epoch}`],
    ...verdicts
      .filter(({ verdict }) => verdict !== 'trusted')
      .map(({ nodeId, verdict, reasons }): [string, string] => [verdict, `${nodeId}: ${reasons.join(', ')}`]),
  ]
}

function pollText({ answeredAtMs, nextAtMs, failures, lastFailure }: NonNullable<TrustStatus['polling']>): string {
  const failed = failures === 0 ? '' : `, failed ${failures} times: ${lastFailure}`
  return `answered ${timeText(answeredAtMs)}, next ${timeText(nextAtMs)}${failed}`
}

function countsRow(name: string, counts: Readonly<Record<string, number>>): [string, string][] {
  const text = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
  return text.length === 0 ? [] : [[name, text.join(', ')]]
}

function inputText({ path, format, state, error, offset }: InputStatus): string {
  return `${path} (${format}): ${state}${error === undefined ? '' : ` ${error}`}, at byte ${offset}`
}
