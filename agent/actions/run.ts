import { createLogger, systemClock, systemRandom } from '../../core/index.ts'
import type { Action, RunOptions } from '../cli/index.ts'
import { type AgentConfig, loadConfig } from '../config/index.ts'
import { controlSocketPath, serveControl } from '../control/index.ts'
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
  const keystore = { passphraseFile: config['keystore.passphrase_file'], keyFile: config['keystore.key_file'] }
  const unlock = await unlockWith(keystore, context, { prompt: 'Passphrase of the keystore', create: false })
  const logger = createLogger({ level: config['log.level'] })
  const clock = systemClock()
  const opened: (() => Promise<void>)[] = []
  try {
    const path = controlSocketPath(context.home)
    const node = await startNode({ home, config, unlock }, { clock, random: systemRandom(), logger })
    opened.push(() => node.stop())
    const control = await serveControl({ path }, { handlers: controlHandlers(node), clock, logger })
    opened.push(() => control.close())
    opened.push(await openMetrics(node, config))
    const { overlay, identity } = node.parts
    const ready = { event: 'ready', node_id: identity.nodeId, peer_id: overlay.peerId, addresses: overlay.addresses() }
    context.result(
      ready,
      `${identity.nodeId} is in ${identity.mesh} at ${overlay.addresses().join(' ') || 'no address'}`,
    )
    await aborted(context.signal)
  } finally {
    for (const close of opened.reverse()) await close()
  }
  return 0
}

/** The Prometheus page, loaded only where it is asked for. */
async function openMetrics(node: RunningNode, config: AgentConfig): Promise<() => Promise<void>> {
  const listen = config['metrics.listen']
  if (listen === undefined) return async () => {}
  const { ingestMetrics, serveMetrics } = await import('../metrics/index.ts')
  const definitions = [...ingestMetrics(node.parts.ingest), ...nodeMetrics(node)]
  const server = await serveMetrics({ listen, allowRemote: config['metrics.allow_remote'] }, { definitions })
  return () => server.close()
}
