import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type Identify, identify, identifyPush } from '@libp2p/identify'
import {
  type ConnectionEncrypter,
  type ConnectionGater,
  type Libp2p,
  type MultiaddrConnection,
  type PeerDiscovery,
  type PeerId,
  type PrivateKey,
  peerDiscoverySymbol,
} from '@libp2p/interface'
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import type { Clock } from '../core/index.ts'
import { isRelayed } from './addresses.ts'
import type { QuicLink } from './admission.ts'
import { loadDht, mdnsServiceTag } from './discovery/index.ts'
import type { createRouter, GossipRouter } from './gossip/index.ts'
import {
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  MAX_CONNECTIONS_PER_PEER,
  MAX_PENDING_INBOUND,
  MAX_STREAM_WINDOW_BYTES,
} from './limits.ts'
import type { ResolvedOptions } from './options.ts'
import type { Opening } from './peers.ts'
import type { PendingConnections } from './pending.ts'
import { loadDirectUpgrade, loadRelayServer, loadRelayTransport, RELAY_LISTEN_ADDRESSES } from './relay/index.ts'

/** Services of a node's libp2p. */
export type OverlayServices = {
  identify: Identify
  ping: Ping
  gossip: GossipRouter
  lan?: PeerDiscovery
  dht?: PeerDiscovery
}

export interface HostDependencies {
  readonly clock: Clock
  readonly encrypter: ConnectionEncrypter
  /** Only of a node whose options turn QUIC on. */
  readonly quic: QuicLink | undefined
  readonly router: ReturnType<typeof createRouter>['factory']
  /** Decides before identify or any other protocol starts, which is at `connection:open`. */
  mayOpen(peerId: PeerId, opening: Opening): boolean
  /** True for a connected peer: nobody else may use this node as a relay. */
  isPeer(peerId: PeerId): boolean
  readonly pending: PendingConnections
}

/** libp2p's own deadlines leave the link time to tell a refused peer why. */
const UPGRADE_TIMEOUT_MS = DEFAULT_HANDSHAKE_TIMEOUT_MS + 2_000

/** A dead connection is found by pings; the floor is high because a burst of records goes before the ping. */
const PING = { pingInterval: 15_000, pingTimeout: { minTimeout: 15_000 } }

/** Connections beyond those of peers: room for the gate to say no. */
const SPARE_CONNECTIONS = 32

/** A libp2p node that is not started: TCP, the given link, yamux, identify, ping, gossipsub and what the options turn on. */
export async function createHost(
  options: ResolvedOptions,
  dependencies: HostDependencies,
): Promise<Libp2p<OverlayServices>> {
  const { pending, quic } = dependencies
  const refuses = (peerId: PeerId, { remoteAddr }: MultiaddrConnection, direction: Opening['direction']) =>
    !dependencies.mayOpen(peerId, { direction, relayed: isRelayed(remoteAddr) })
  const denyInbound = (peerId: PeerId, connection: MultiaddrConnection) => {
    pending.settled(connection)
    return refuses(peerId, connection, 'inbound')
  }
  return createLibp2p<OverlayServices>({
    start: false,
    privateKey: await privateKeyOf(options.privateKey),
    nodeInfo: { name: 'gapmesh', version: '1', userAgent: 'gapmesh' },
    addresses: { listen: [...options.listen, ...(options.relay ? RELAY_LISTEN_ADDRESSES : [])] },
    transports: [
      tcp(),
      ...(quic === undefined ? [] : [await quic.transport()]),
      ...(options.relay ? [await loadRelayTransport(dependencies)] : []),
    ],
    connectionEncrypters: [() => dependencies.encrypter],
    streamMuxers: [yamux({ enableKeepAlive: false, streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES } })],
    connectionGater: {
      denyInboundConnection: (connection) => !pending.take(connection),
      ...(quic === undefined ? {} : admittingGates(quic)),
      denyInboundUpgradedConnection: denyInbound,
      denyOutboundUpgradedConnection: (peerId, connection) => refuses(peerId, connection, 'outbound'),
      denyInboundRelayReservation: (peerId) => !dependencies.isPeer(peerId),
      denyOutboundRelayedConnection: (from, to) => !dependencies.isPeer(from) || !dependencies.isPeer(to),
    },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS_PER_PEER * options.maxPeers + SPARE_CONNECTIONS,
      inboundConnectionThreshold: options.maxInboundPerSecond,
      // Counted by the gate above; libp2p's own count would let one address keep every other one out.
      maxIncomingPendingConnections: 2 * MAX_PENDING_INBOUND,
      maxParallelDials: 16,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      addressDialTimeout: UPGRADE_TIMEOUT_MS,
      dialTimeout: 2 * UPGRADE_TIMEOUT_MS,
      reconnectRetries: 0,
    },
    connectionMonitor: PING,
    services: {
      identify: identify(),
      ping: ping(),
      gossip: dependencies.router as unknown as (components: unknown) => GossipRouter,
      ...(options.mdns ? { lan: lanDiscovery(options.mesh) } : {}),
      ...((await optionalServices(options, dependencies)) as object),
    },
  })
}

/** Loads what is turned on; a node that has it off does not pay for it. */
async function optionalServices(options: ResolvedOptions, dependencies: Pick<HostDependencies, 'clock'>) {
  const { mesh, dht, relay, relayServer, maxPeers } = options
  return {
    // Peers learn of places at relays when they are reserved, after identify.
    ...(dht || relay || relayServer ? { identifyPush: identifyPush() } : {}),
    ...(dht ? { dht: await loadDht({ mesh, serve: options.listen.length > 0 || relay }, dependencies) } : {}),
    ...(relayServer ? { relayServer: await loadRelayServer({ maxReservations: maxPeers }) } : {}),
    ...(relay ? { directUpgrade: await loadDirectUpgrade() } : {}),
  }
}

/** Before libp2p makes the muxer: at the upgraded-connection gate it already takes streams, and loses them. */
function admittingGates(quic: QuicLink): ConnectionGater {
  const gate = (peerId: PeerId, connection: MultiaddrConnection) => quic.gate(peerId, connection)
  return { denyInboundEncryptedConnection: gate, denyOutboundEncryptedConnection: gate }
}

function lanDiscovery(mesh: string): (components: MulticastDNSComponents) => PeerDiscovery {
  const create = mdns({ serviceTag: mdnsServiceTag(mesh) })
  return (components) => {
    const discovery = create(components)
    // Without this mark libp2p does not store whatever anybody on the LAN says of any PeerId; discovery filters it.
    Object.defineProperty(discovery, peerDiscoverySymbol, { value: undefined })
    return discovery
  }
}

function privateKeyOf(key: Uint8Array | PrivateKey): Promise<PrivateKey> | PrivateKey {
  return key instanceof Uint8Array ? generateKeyPairFromSeed('Ed25519', key) : key
}
