import { createLogger, isGapmeshError } from '../../core/index.ts'
import { serveCa } from '../../enrollment/api/index.ts'
import { type CaStatus, initCa, type MeshCa, openCa } from '../../enrollment/store/index.ts'
import type { Action, CaInitOptions, CaServeOptions, CaTokenOptions, CommandContext } from '../cli/index.ts'
import { pairs, timeText } from '../cli/index.ts'
import { parseListenAddress } from '../config/index.ts'
import { ControlClient, controlSocketPath, serveControl } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { aborted, systemDependencies } from './system.ts'
import { unlockWith } from './unlock.ts'

/** `gapmesh ca init`: makes the root of a new mesh. */
export const caInit: Action<CaInitOptions> = async (options, context) => {
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the new CA keystore', create: true })
  const ca = await initCa({ home: context.home, unlock, mesh: options.mesh }, systemDependencies())
  try {
    printStatus(await ca.status(), context)
    context.note(`Next: gapmesh ca token --home ${context.home} --node-id NODE, then gapmesh ca serve.`)
  } finally {
    await ca.close()
  }
  return 0
}

/** `gapmesh ca status`: asks the serving CA, or opens it. */
export const caStatus: Action<{ passphraseFile?: string; keyFile?: string }> = async (options, context) => {
  const status = await askServingCa(context, (client) => client.call('ca.status', {}))
  printStatus(status ?? (await withCa(options, context, async (ca) => summary(await ca.status()))), context)
  return 0
}

/** `gapmesh ca token`: makes a one-time token, through the serving CA where one runs. */
export const caToken: Action<CaTokenOptions> = async (options, context) => {
  const terms = { validForMs: options.validForMs, ...(options.nodeId !== undefined && { nodeId: options.nodeId }) }
  const made =
    (await askServingCa(context, (client) => client.call('ca.token', terms))) ??
    (await withCa(options, context, (ca) => createToken(ca, terms)))
  context.result(made, made.token)
  context.note(`Valid until ${timeText(made.expiresAtMs)}, once. It cannot be shown again.`)
  return 0
}

/** `gapmesh ca serve`: answers enrolment requests until it is stopped. */
export const caServe: Action<CaServeOptions> = async (options, context) => {
  const address = parseListenAddress(options.listen)
  if (address === undefined) throw AGENT_ERRORS.create('AGENT_CONFIG_VALUE', { detail: '--listen must be HOST:PORT' })
  await withCa(options, context, async (ca) => {
    const { clock } = systemDependencies()
    const logger = createLogger()
    const handlers = {
      'ca.status': async () => summary(await ca.status()),
      'ca.token': (terms: { validForMs: number; nodeId?: string }) => createToken(ca, terms),
    }
    const control = await serveControl({ path: controlSocketPath(context.home) }, { handlers, clock, logger })
    try {
      const server = await serveCa({ ca, ...address }, { clock, logger })
      context.result({ event: 'listening', url: server.url }, `Enrolment is open at ${server.url}`)
      await aborted(context.signal)
      await server.close()
    } finally {
      await control.close()
    }
  })
  return 0
}

interface CaSummary {
  readonly mesh: string
  readonly root: { readonly fingerprint: string; readonly notBeforeMs: number; readonly notAfterMs: number }
  readonly issued: number
  readonly tokens: CaStatus['tokens']
}

function summary({ mesh, root, issued, tokens }: CaSummary): CaSummary {
  return { mesh, root, issued, tokens }
}

async function createToken(ca: MeshCa, { validForMs, nodeId }: { validForMs: number; nodeId?: string }) {
  return ca.createToken({ nodeId, lifetimeMs: validForMs })
}

async function withCa<Result>(
  options: { passphraseFile?: string; keyFile?: string },
  context: CommandContext,
  use: (ca: MeshCa) => Promise<Result>,
): Promise<Result> {
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the CA keystore', create: false })
  const ca = await openCa({ home: context.home, unlock }, systemDependencies())
  try {
    return await use(ca)
  } finally {
    await ca.close()
  }
}

/** A database has one process at a time: while the CA serves, it is asked through its control socket. */
async function askServingCa<Result>(
  context: CommandContext,
  ask: (client: ControlClient) => Promise<Result>,
): Promise<Result | undefined> {
  const { clock } = systemDependencies()
  try {
    return await ask(new ControlClient({ path: controlSocketPath(context.home) }, { clock }))
  } catch (error) {
    if (isGapmeshError(error, 'AGENT_CONTROL_NOT_RUNNING')) return undefined
    throw error
  }
}

function printStatus(status: CaSummary, context: CommandContext): void {
  context.result(
    summary(status),
    pairs([
      ['mesh', status.mesh],
      ['root', status.root.fingerprint],
      ['root valid until', timeText(status.root.notAfterMs)],
      ['certificates issued', String(status.issued)],
      ...Object.entries(status.tokens).map(([name, count]): [string, string] => [`tokens ${name}`, String(count)]),
    ]),
  )
}
