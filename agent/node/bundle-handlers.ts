import { type EndpointId, PRIORITIES, payloadOf, priorityName, type QueuedBundle } from '../../bundles/index.ts'
import { fromHex, toHex } from '../../core/index.ts'
import type {
  BundleExplanation,
  BundleStatus,
  BundleSummary,
  ControlHandlers,
  ReceivedBundle,
} from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { RunningNode } from './node.ts'

/** Bundles that are listed when nobody says how many. */
const DEFAULT_LIST_LIMIT = 100

type BundleHandlers = Pick<
  ControlHandlers,
  'bundles.send' | 'bundles.list' | 'bundles.show' | 'bundles.cancel' | 'bundles.release' | 'bundles.received'
>

/** What a running node answers about bundles. */
export function bundleHandlers(node: RunningNode): BundleHandlers {
  const { queue, bundles } = node.parts
  return {
    'bundles.send': async ({ destination, payload, lifetimeMs, priority = 'normal' }) => {
      const bytes = new Uint8Array(Buffer.from(payload, 'base64'))
      const sent = await bundles.send({ destination, payload: bytes, lifetimeMs, priority: PRIORITIES[priority] })
      return { id: toHex(sent.id), expiresAtMs: sent.expiresAtMs }
    },
    'bundles.list': async ({ limit = DEFAULT_LIST_LIMIT }) => {
      const found: BundleSummary[] = []
      for await (const queued of everyBundle(node)) {
        if (found.length === limit) break
        found.push(summaryOf(queued, queue.now()))
      }
      return { bundles: found }
    },
    'bundles.show': async ({ id }) => explanation(node, await findBundle(node, id)),
    'bundles.cancel': async ({ id }) => {
      const { id: found } = await findBundle(node, id)
      await queue.remove(found)
      return { id: toHex(found) }
    },
    'bundles.release': async ({ id }) => {
      const { id: found } = await findBundle(node, id)
      await queue.update(found, { release: ['deliver'] })
      return { id: toHex(found) }
    },
    'bundles.received': ({ service, limit = DEFAULT_LIST_LIMIT }) => received(node, service, limit),
  }
}

/** Most urgent first; each bundle once. */
async function* everyBundle({ parts: { queue } }: RunningNode): AsyncGenerator<QueuedBundle> {
  const shown = new Set<string>()
  for (const constraint of ['deliver', 'reassemble', 'forward'] as const) {
    let after: Awaited<ReturnType<typeof queue.waiting>>[number] | undefined
    do {
      const page = await queue.waiting({ scope: { constraint }, after, limit: 64 })
      for (const { id } of page) {
        const queued = shown.has(toHex(id)) ? undefined : await queue.get(id)
        shown.add(toHex(id))
        if (queued !== undefined) yield queued
      }
      after = page.at(-1)
    } while (after !== undefined)
  }
}

async function* received(node: RunningNode, service: string, limit: number): AsyncGenerator<ReceivedBundle> {
  const { queue, bundles } = node.parts
  const endpoint: EndpointId = `${bundles.status().self}${service}`
  let count = 0
  for await (const queued of everyBundle(node)) {
    if (count === limit || !queued.constraints.includes('deliver')) break
    if (queued.bundle.primary.destination !== endpoint) continue
    count += 1
    yield { ...summaryOf(queued, queue.now()), payload: Buffer.from(payloadOf(queued.bundle)).toString('base64') }
  }
}

/**
 * The bundle whose id begins with `digits`.
 * @throws AGENT_BUNDLE_UNKNOWN, AGENT_BUNDLE_AMBIGUOUS
 */
async function findBundle({ parts: { queue } }: RunningNode, digits: string): Promise<QueuedBundle> {
  let found: Uint8Array | undefined
  for await (const id of queue.ids(fromHex(digits.slice(0, digits.length - (digits.length % 2))))) {
    if (!toHex(id).startsWith(digits)) continue
    if (found !== undefined) throw AGENT_ERRORS.create('AGENT_BUNDLE_AMBIGUOUS')
    found = id.slice()
  }
  const queued = found && (await queue.get(found))
  if (queued === undefined) throw AGENT_ERRORS.create('AGENT_BUNDLE_UNKNOWN')
  return queued
}

function summaryOf({ id, bundle, priority, bytes, constraints, peer, expiresAtMs }: QueuedBundle, nowMs: number) {
  const { source, destination } = bundle.primary
  return {
    id: toHex(id),
    ...{ source, destination, priority: priorityName(priority), sizeBytes: bytes.length, constraints },
    ...(peer !== undefined && { from: peer }),
    remainingMs: Math.max(0, expiresAtMs - nowMs),
  }
}

async function explanation(
  { parts: { queue, bundles } }: RunningNode,
  queued: QueuedBundle,
): Promise<BundleExplanation> {
  const explained = await bundles.explain(queued.id)
  if (explained === undefined) throw AGENT_ERRORS.create('AGENT_BUNDLE_UNKNOWN')
  const { copies, seenBy, strategy, waitsFor, contacts } = explained
  return { ...summaryOf(queued, queue.now()), copies, seenBy, strategy, waitsFor, contacts }
}

/** The bundle section of the status. */
export function bundleStatus({ parts: { bundles } }: RunningNode): BundleStatus {
  const { self, queue, contacts } = bundles.status()
  const { state, count, bytes, limits, byPriority, accepted, refused, evicted, expired } = queue
  return {
    ...{ self, state, queued: count, bytes, maxBytes: limits.bytes, accepted, refused, evicted, expired },
    byPriority: Object.fromEntries(Object.entries(byPriority).map(([name, load]) => [name, load.count])),
    contacts: contacts.map(({ peer, layer, sent, received: taken, inFlight, pausedUntilMs }) => {
      return { peer, layer, sent, received: taken, inFlight, paused: pausedUntilMs !== undefined }
    }),
  }
}
