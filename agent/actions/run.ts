import { createLogger, systemClock, systemRandom } from '../../core/index.ts'
import type { Action, CommandContext, RunOptions } from '../cli/index.ts'
import { type AgentConfig, loadConfig } from '../config/index.ts'
import { controlSocketPath, isServed, serveControl } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { MetricsServer } from '../metrics/index.ts'
import { controlHandlers } from '../node/handlers.ts'
import { nodeHome, readIdentity } from '../node/home.ts'
import { type RunningNode, startNode } from '../node/node.ts'
import { nodeMetrics } from '../node/node-metrics.ts'
import { aborted } from './system.ts'
import { unlockWith } from './unlock.ts'

/** `gapmesh run`: the agent, in the foreground until it is stopped. Says on standard output when it is ready. */
export const run: Action<RunOptions> = async (options, context) => {
  const home = nodeHome(context.home)
  const config = await loadConfig({
    home: context.home,
    file: options.configFile,
    flags: options.flags,
    env: context.io.env,
    workingDirectory: context.io.workingDirectory,
  })
  await readIdentity(home)
  const path = controlSocketPath(context.home)
  if (await isServed(path)) throw AGENT_ERRORS.create('AGENT_CONTROL_IN_USE')
  const keystore = { passphraseFile: config['keystore.passphrase_file'], keyFile: config['keystore.key_file'] }
  const unlock = await unlockWith(keystore, context, { prompt: 'Passphrase of the keystore', create: false })
  const logger = createLogger({ level: config['log.level'] })
  const clock = systemClock()
  const opened: (() => Promise<void>)[] = []
  try {
    const node = await startNode({ home, config, unlock }, { clock, random: systemRandom(), logger })
    opened.push(() => node.stop())
    const control = await serveControl({ path }, { handlers: controlHandlers(node), clock, logger })
    opened.push(() => control.close())
    const metrics = await openMetrics(node, config)
    if (metrics !== undefined) opened.push(() => metrics.close())
    sayReady(node, metrics, context)
    await aborted(context.signal)
  } finally {
    for (const close of opened.reverse()) await close()
  }
  return 0
}

function sayReady(node: RunningNode, metrics: MetricsServer | undefined, context: CommandContext): void {
  const { overlay, identity } = node.parts
  const { nodeId, mesh } = identity
  const addresses = overlay.addresses()
  context.result(
    { event: 'ready', node_id: nodeId, peer_id: overlay.peerId, addresses, ...(metrics && { metrics: metrics.url }) },
    `${nodeId} is in ${mesh} at ${addresses.join(' ') || 'no address'}`,
  )
}

/** The Prometheus page, loaded only where it is asked for. */
async function openMetrics(node: RunningNode, config: AgentConfig): Promise<MetricsServer | undefined> {
  const listen = config['metrics.listen']
  if (listen === undefined) return undefined
  const { ingestMetrics, serveMetrics } = await import('../metrics/index.ts')
  const definitions = [...ingestMetrics(node.parts.ingest), ...nodeMetrics(node)]
  return serveMetrics({ listen, allowRemote: config['metrics.allow_remote'] }, { definitions })
}
