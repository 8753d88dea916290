import { statfs } from 'node:fs/promises'
import { type BundleQueue, type EndpointId, openBundleQueue, PRIORITIES } from '../../bundles/index.ts'
import { BundleNode } from '../../bundles/node/index.ts'
import {
  direct,
  epidemic,
  RoutingPlan,
  type RoutingStrategy,
  sprayAndWait,
  staticRoutes,
} from '../../bundles/routing/index.ts'
import type { Logger, RandomSource } from '../../core/index.ts'
import type { BundlePort } from '../../overlay/index.ts'
import type { AgentConfig } from '../config/index.ts'
import type { Foundation } from './foundation.ts'
import type { NodeHome } from './home.ts'

/** What of a node has to do with bundles. */
export interface BundleRoom {
  readonly queue: BundleQueue
  readonly bundles: BundleNode
  /** The overlay's view of it: peers are neighbours. */
  readonly port: BundlePort
}

export interface BundleRoomDependencies extends Pick<Foundation, 'identity' | 'database' | 'clock' | 'keys'> {
  readonly random: RandomSource
  readonly logger: Logger
  readonly home: NodeHome
  readonly config: AgentConfig
}

const MIB = 1024 * 1024

/** Node endpoint of a node of a mesh. */
export function nodeEndpoint(nodeId: string, mesh: string): EndpointId {
  return `dtn://${nodeId}.${mesh}/`
}

/**
 * Opens the queue and the bundle node over it.
 * @throws BUNDLES_DAMAGED, CORE_STORE_*
 */
export async function openBundleRoom(dependencies: BundleRoomDependencies): Promise<BundleRoom> {
  const { identity, database, clock, keys, random, logger, home, config } = dependencies
  const clockTrusted = () => clock.standing === 'trusted'
  const queue = await openBundleQueue(
    {
      maxBundles: config['bundles.max_count'],
      maxBytes: config['bundles.max_mib'] * MIB,
      peerPercent: config['bundles.peer_percent'],
      directory: home.bundles,
    },
    {
      ...{ database, sealer: keys.sealer, clock, clockTrusted },
      freeBytes: async () => {
        const { bavail, bsize } = await statfs(home.directory)
        return bavail * bsize
      },
      onError: (error) => logger.error({ err: error }, 'the bundle queue has a problem'),
    },
  )
  const self = nodeEndpoint(identity.nodeId, identity.mesh)
  const routing = new RoutingPlan({
    strategy: strategyOf(config, identity.mesh),
    byPriority: { [PRIORITIES.control]: epidemic() },
  })
  const bundles = new BundleNode({ self }, { queue, routing, clock, clockTrusted, random, logger })
  const port: BundlePort = {
    endpointOf: (nodeId) => nodeEndpoint(nodeId, identity.mesh),
    opened: (contact) => bundles.opened(contact),
    closed: (contact) => bundles.closed(contact),
    received: (bytes, from) => bundles.received(bytes, from),
  }
  return { queue, bundles, port }
}

/** The strategy that the configuration names. */
export function strategyOf(
  config: Pick<AgentConfig, 'bundles.routing' | 'bundles.routes'>,
  mesh: string,
): RoutingStrategy {
  switch (config['bundles.routing']) {
    case 'direct':
      return direct()
    case 'spray-and-wait':
      return sprayAndWait()
    case 'static':
      return staticRoutes(config['bundles.routes'].map((route) => routeOf(route, mesh)))
    default:
      return epidemic()
  }
}

/** `NODE=VIA` in endpoints. */
function routeOf(text: string, mesh: string) {
  const [to = '', via = ''] = text.split('=')
  return { to: to === '*' ? '*' : nodeEndpoint(to, mesh), via: nodeEndpoint(via, mesh) }
}
