import { mkdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createFileAtomically } from '../../core/store/index.ts'
import type { BundleSendParams, ControlClient, ReceivedBundle } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_SENT_PAYLOAD_BYTES } from '../limits.ts'
import type { ExitCode } from './actions.ts'
import { bundleLine, bundleText, bundleTitles } from './bundle-text.ts'
import { clientOf } from './client.ts'
import type { CommandContext } from './context.ts'
import { table, timeText } from './text.ts'

type Done = Promise<ExitCode | undefined>

export interface SendOptions {
  /** A node_id of the mesh, or a whole endpoint. */
  readonly to: string
  readonly service: string
  readonly lifetimeMs: number
  readonly priority?: BundleSendParams['priority']
}

/** `gapmesh bundle send` */
export async function sendBundle(file: string, options: SendOptions, context: CommandContext): Done {
  const path = resolve(context.io.workingDirectory, file)
  const { size } = await stat(path)
  if (size > MAX_SENT_PAYLOAD_BYTES) throw AGENT_ERRORS.create('AGENT_BUNDLE_TOO_LARGE', { detail: `${size} bytes` })
  const asking = clientOf(context)
  const destination = options.to.includes(':') ? options.to : await endpointOf(options, asking)
  const payload = (await readFile(path)).toString('base64')
  const { lifetimeMs, priority } = options
  const sent = await asking.call('bundles.send', {
    ...{ destination, payload, lifetimeMs },
    ...(priority !== undefined && { priority }),
  })
  const answer = { ...sent, destination, bytes: size }
  context.result(answer, `${sent.id} is queued for ${destination}, until ${timeText(sent.expiresAtMs)}`)
  return 0
}

async function endpointOf({ to, service }: SendOptions, asking: ControlClient): Promise<string> {
  const { mesh } = await asking.call('status', {})
  return `dtn://${to}.${mesh}/${service}`
}

/** `gapmesh bundle list` */
export async function listBundles({ limit }: { readonly limit: number }, context: CommandContext): Done {
  const answer = await clientOf(context).call('bundles.list', { limit })
  if (answer.bundles.length === 0) context.note('no bundle waits')
  if (answer.bundles.length > 0 || context.json) {
    context.result(answer, table(bundleTitles(), answer.bundles.map(bundleLine)))
  }
  return 0
}

/** `gapmesh bundle explain` and `gapmesh bundle show` */
export async function explainBundle(id: string, context: CommandContext): Done {
  const bundle = await clientOf(context).call('bundles.show', { id })
  context.result(bundle, bundleText(bundle))
  return 0
}

/** `gapmesh bundle cancel` */
export async function cancelBundle(id: string, context: CommandContext): Done {
  const answer = await clientOf(context).call('bundles.cancel', { id })
  context.result(answer, `${answer.id} is taken out of the queue of this node`)
  context.note('Copies that other nodes have are not called back; they end with their lifetime.')
  return 0
}

/** `gapmesh bundle receive`: a bundle leaves the node once its file is on disk. */
export async function receiveBundles(
  { service, to, limit }: { readonly service: string; readonly to: string; readonly limit: number },
  context: CommandContext,
): Done {
  const directory = resolve(context.io.workingDirectory, to)
  await mkdir(directory, { recursive: true })
  const asking = clientOf(context)
  const waiting: ReceivedBundle[] = []
  for await (const bundle of asking.stream('bundles.received', { service, limit }, context.signal)) {
    const path = join(directory, `${bundle.id}.bin`)
    const bytes = Buffer.from(bundle.payload, 'base64')
    await createFileAtomically({ path, temporary: `${path}.tmp`, bytes })
    const { payload: _, ...facts } = bundle
    context.result({ ...facts, path, bytes: bytes.length }, `${path}: ${bytes.length} bytes from ${bundle.source}`)
    waiting.push(bundle)
  }
  for (const { id } of waiting) await asking.call('bundles.release', { id })
  if (waiting.length === 0) context.note(`nothing has come for ${service}`)
  return 0
}
