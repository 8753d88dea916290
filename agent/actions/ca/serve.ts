import { createLogger } from '../../../core/index.ts'
import { serveCa } from '../../../enrollment/api/index.ts'
import { initCa } from '../../../enrollment/store/index.ts'
import type { Action, CaInitOptions, CaOptions, CaServeOptions, CommandContext } from '../../cli/index.ts'
import { pairs, timeText } from '../../cli/index.ts'
import { parseListenAddress } from '../../config/index.ts'
import { type CaSummary, controlSocketPath, serveControl } from '../../control/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { aborted, systemDependencies } from '../system.ts'
import { unlockWith } from '../unlock.ts'
import { atDesk, openHome } from './desk.ts'
import { endingNotes } from './endings.ts'
import { caHandlers } from './handlers.ts'

/** `gapmesh ca init`: makes the root of a new mesh. */
export const caInit: Action<CaInitOptions> = async (options, context) => {
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the new CA keystore', create: true })
  const { mesh, suite } = options
  const ca = await initCa({ home: context.home, unlock, mesh, suite }, systemDependencies())
  try {
    printStatus(await ca.status(), context)
    context.note(`Next: gapmesh ca token --home ${context.home} --node-id NODE, then gapmesh ca serve.`)
  } finally {
    await ca.close()
  }
  return 0
}

/** `gapmesh ca status`: asks the serving CA, or opens it. */
export const caStatus: Action<CaOptions> = async (options, context) => {
  printStatus(await atDesk(options, context, (desk) => desk.ask('ca.status', {})), context)
  return 0
}

/** `gapmesh ca serve`: answers requests, and issues revocation lists when they are due, until it is stopped. */
export const caServe: Action<CaServeOptions> = async (options, context) => {
  const address = parseListenAddress(options.listen)
  if (address === undefined) throw AGENT_ERRORS.create('AGENT_CONFIG_VALUE', { detail: '--listen must be HOST:PORT' })
  const ca = await openHome(options, context)
  const ending: (() => Promise<unknown>)[] = [() => ca.close()]
  try {
    const { clock } = systemDependencies()
    const logger = createLogger()
    const handlers = caHandlers(ca, clock)
    const control = await serveControl({ path: controlSocketPath(context.home) }, { handlers, clock, logger })
    ending.push(() => control.close())
    const issuing = ca.startIssuing()
    ending.push(() => issuing.stop())
    const server = await serveCa({ ca, ...address, publicUrl: options.publicUrl }, { clock, logger })
    ending.push(() => server.close())
    context.result({ event: 'listening', url: server.url }, `Enrolment is open at ${server.url}`)
    await aborted(context.signal)
  } finally {
    for (const end of ending.reverse()) await end()
  }
  return 0
}

function printStatus(status: CaSummary, context: CommandContext): void {
  const { mesh, suite, root, authorities, issued, tokens, behind } = status
  context.result(
    { mesh, suite, root, authorities, issued, tokens, behind },
    pairs([
      ['mesh', mesh],
      ['suite', suite],
      ['root', root.fingerprint],
      ['root valid until', timeText(root.notAfterMs)],
      ...authorities.map(({ kind, keyId, active, notAfterMs }): [string, string] => [
        `${kind} key`,
        `${keyId.slice(0, 16)} until ${timeText(notAfterMs)}${active ? ', in use' : ''}`,
      ]),
      ['certificates on file', String(issued)],
      ...Object.entries(tokens).map(([name, count]): [string, string] => [`tokens ${name}`, String(count)]),
    ]),
  )
  for (const note of endingNotes(status, systemDependencies().clock.now())) context.note(note)
  if (behind) context.note('This CA runs on an old backup. Nothing is issued until: gapmesh ca restored')
}
