import { existsSync } from 'node:fs'
import { isGapmeshError, toHex } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { parseCrl, type RevocationList } from '../../enrollment/crl/index.ts'
import { encodePem } from '../../enrollment/index.ts'
import { openListStore } from '../../enrollment/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import type { Action, CaOptions, CommandContext, CrlExportOptions, CrlFileOptions } from '../cli/index.ts'
import { clientOf, pairs, table, timeText } from '../cli/index.ts'
import type { ControlClient, ListParams, ListsStatus, ListView } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { type NodeHome, nodeHome, readIdentity } from '../node/home.ts'
import { atDesk } from './ca/desk.ts'
import { derOf, readInput, writeOutput } from './ca/files.ts'
import { fromBase64, toBase64 } from './ca/handlers.ts'
import { systemDependencies } from './system.ts'

/** As PEM, with room for its lines. */
const MAX_LIST_FILE_BYTES = 24 * 1024 * 1024

/** Most entries of a list that are shown. */
const MAX_SHOWN_ENTRIES = 10_000

/** `gapmesh crl status`: which lists this home has, and how old they are; at a running node, its peers' too. */
export const crlStatus: Action<CaOptions> = async (options, context) => {
  const home = nodeHome(context.home)
  const status = existsSync(home.identity)
    ? await atNode(
        context,
        (agent) => agent.call('crl.status', {}),
        () => stoppedStatus(home),
      )
    : await atDesk(options, context, (desk) => desk.ask('crl.status', {}))
  const { lists, peers = [] } = status
  const rows = lists.map(rowOf)
  const titles = ['AUTHORITY', 'KIND', 'NUMBER', 'ISSUED', 'NEXT', 'STATE']
  const seen = peers.flatMap(({ nodeId, lists }) =>
    lists.map(({ authority, number, sinceMs }) => [nodeId, authority.slice(0, 16), number, timeText(sinceMs)]),
  )
  const peersText = seen.length === 0 ? '' : `\n\n${table(['PEER', 'AUTHORITY', 'NUMBER', 'SINCE'], seen)}`
  if (lists.length === 0) context.note('no revocation list yet')
  if (lists.length > 0 || context.json) context.result(status, table(titles, rows) + peersText)
  return 0
}

function rowOf({ authority, kind, number, thisUpdateMs, nextUpdateMs, state }: ListView): string[] {
  return [authority.slice(0, 16), kind, number, timeText(thisUpdateMs), timeText(nextUpdateMs), state]
}

/** `gapmesh crl import`: gives a list from a file to the CA, or to the running node. */
export const crlImport: Action<CrlFileOptions & CaOptions> = async (options, context) => {
  const der = derOf(await readInput(options.file, MAX_LIST_FILE_BYTES, context))
  parseCrl(der)
  const params = { der: toBase64(der) }
  const done = existsSync(nodeHome(context.home).identity)
    ? await clientOf(context).call('crl.import', params)
    : await atDesk(options, context, (desk) => desk.ask('crl.import', params))
  const said = { applied: 'is applied', held: 'waits for the list that comes before it', known: 'was here already' }
  context.result(done, `List ${done.number} ${said[done.outcome]}`)
  return 0
}

/** `gapmesh crl export`: writes a list of this home to a file. */
export const crlExport: Action<CrlExportOptions & CaOptions> = async (options, context) => {
  const { kind, authority, format, out } = options
  const params = { kind, ...(authority !== undefined && { authority }) }
  const home = nodeHome(context.home)
  const chunks: Uint8Array[] = []
  const take = ({ bytes }: { bytes: string }) => chunks.push(fromBase64(bytes))
  if (existsSync(home.identity))
    chunks.push(
      await atNode(
        context,
        (agent) => listOfAgent(agent, params, context),
        () => stoppedList(home, params),
      ),
    )
  else await atDesk(options, context, (desk) => desk.stream('crl.read', params, take))
  const der = new Uint8Array(Buffer.concat(chunks))
  if (der.length === 0) throw AGENT_ERRORS.create('AGENT_CRL_NONE')
  const { number } = parseCrl(der)
  const path = await writeOutput(out, format === 'der' ? der : Buffer.from(encodePem('X509 CRL', der)), context)
  context.result({ path, format, kind, number: String(number) }, `List ${number} is in ${path}`)
  return 0
}

/** `gapmesh crl show`: what a file says; verifies nothing. */
export const crlShow: Action<CrlFileOptions> = async (options, context) => {
  const list = parseCrl(derOf(await readInput(options.file, MAX_LIST_FILE_BYTES, context)))
  const facts = factsOf(list)
  const entries = [...list.entries].slice(0, MAX_SHOWN_ENTRIES).map(({ serialNumber, revokedAtMs, reason }) => ({
    serialNumber: toHex(serialNumber),
    revokedAtMs,
    reason,
  }))
  const lines = pairs([
    ['authority', facts.authority],
    ['kind', facts.base === undefined ? facts.kind : `${facts.kind}, base ${facts.base}`],
    ['number', facts.number],
    ['issued', timeText(facts.thisUpdateMs)],
    ['next', timeText(facts.nextUpdateMs)],
    ['entries', String(facts.count)],
  ])
  const rows = entries.map(({ serialNumber, revokedAtMs, reason }) => [serialNumber, timeText(revokedAtMs), reason])
  const shown = rows.length === 0 ? '' : `\n\n${table(['SERIAL NUMBER', 'REVOKED', 'REASON'], rows)}`
  context.result({ ...facts, entries }, lines + shown)
  context.note('Nothing was verified: whoever takes the list does that.')
  return 0
}

function factsOf(list: RevocationList) {
  const { authorityKeyId, kind, number, baseNumber, thisUpdateMs, nextUpdateMs, entries } = list
  return {
    authority: toHex(authorityKeyId),
    kind,
    number: String(number),
    ...(baseNumber !== undefined && { base: String(baseNumber) }),
    thisUpdateMs,
    nextUpdateMs,
    count: entries.size,
  }
}

/** Asks the running agent of a node's home, else reads the home itself. */
async function atNode<Result>(
  context: CommandContext,
  ask: (agent: ControlClient) => Promise<Result>,
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await ask(clientOf(context))
  } catch (error) {
    if (!isGapmeshError(error, 'AGENT_CONTROL_NOT_RUNNING')) throw error
    return read()
  }
}

async function listOfAgent(agent: ControlClient, params: ListParams, { signal }: CommandContext): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const { bytes } of agent.stream('crl.read', params, signal)) chunks.push(fromBase64(bytes))
  return new Uint8Array(Buffer.concat(chunks))
}

async function stoppedStatus(home: NodeHome): Promise<ListsStatus> {
  const nowMs = systemDependencies().clock.now()
  return withLists(home, async (store) => {
    const states = await store.load()
    const lists = states.flatMap(({ authorityKeyId, full, deltas }) =>
      (full === undefined ? [] : [full, ...deltas]).map(({ kind, number, thisUpdateMs, nextUpdateMs }) => ({
        authority: toHex(authorityKeyId),
        kind,
        number: String(number),
        thisUpdateMs,
        nextUpdateMs,
        ageMs: nowMs - thisUpdateMs,
        state: nowMs <= nextUpdateMs ? 'fresh' : 'expired',
      })),
    )
    return { lists }
  })
}

function stoppedList(home: NodeHome, { kind, authority }: ListParams): Promise<Uint8Array> {
  return withLists(home, async (store) => {
    const states = await store.load()
    const wanted = authority ?? (await ownAuthority(home))
    const state = states.find(({ authorityKeyId }) => toHex(authorityKeyId) === wanted)
    const facts = kind === 'full' ? state?.full : state?.deltas.at(-1)
    if (facts === undefined) throw AGENT_ERRORS.create('AGENT_CRL_NONE')
    return (await store.read(facts.hash, 0, facts.sizeBytes)) ?? new Uint8Array()
  })
}

/** The CA of this node's own certificate, as the running agent says it. */
async function ownAuthority(home: NodeHome): Promise<string> {
  const [leaf] = parseChain((await readIdentity(home)).chain)
  return toHex(leaf?.authorityKeyId ?? new Uint8Array())
}

async function withLists<Result>(
  home: NodeHome,
  use: (store: ReturnType<typeof openListStore>) => Promise<Result>,
): Promise<Result> {
  if (!existsSync(home.database)) throw AGENT_ERRORS.create('AGENT_CRL_NONE')
  const database = await openDatabase(home.database)
  try {
    return await use(openListStore(database))
  } finally {
    await database.close()
  }
}
