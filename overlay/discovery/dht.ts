import {
  type AbortOptions,
  contentRoutingSymbol,
  NotFoundError,
  type PeerDiscovery,
  type PeerId,
  type PeerInfo,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type Stream,
  type StreamHandler,
} from '@libp2p/interface'
import type { KadDHTComponents } from '@libp2p/kad-dht'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/index.ts'
import { isDialTarget, isDirect, isRelayed } from '../addresses.ts'
import { MAX_DHT_ANSWER_BYTES, MAX_DHT_REQUEST_BYTES, MAX_DHT_UPDATES, MAX_TOLD_ADDRESSES } from '../limits.ts'
import { type BudgetOptions, PeerBudgets } from '../streams/index.ts'

export interface DhtOptions {
  readonly mesh: string
  /** False for a node that nobody can dial: it asks and is not told of. */
  readonly serve: boolean
}

/** What the library's DHT has beyond its interface. */
type Dht = PeerDiscovery & { readonly routingTable: { remove(peer: PeerId): Promise<void> } }

/** How often a node asks for the peers around it, in milliseconds. */
const SELF_QUERY_MS = 60_000

/** What one peer may ask, in bytes of requests: a query of the library has some 50, and asks a peer once. */
const ASKED: BudgetOptions = { burstBytes: 64 * 1024, bytesPerSecond: 2 * 1024 }

/** What a stream is charged by itself. */
const STREAM_COST_BYTES = 256

/** Addresses through a relay among those that are passed on of one peer. */
const MAX_RELAYED_ADDRESSES = 2

/** The DHT protocol of a mesh: its own, so that its nodes neither ask nor answer those of another network. */
export function dhtProtocol(mesh: string): string {
  return `/dadm-mesh/${mesh}/kad/1.0.0`
}

/**
 * Makes a Kademlia DHT that only finds peers. It asks nobody but connected, and so admitted, peers and tells of nobody
 * else; it stores nothing for anybody; and what it is told goes to whoever listens for `peer`, not into libp2p's peer
 * store, where every dial would take it up.
 */
export async function loadDht(
  options: DhtOptions,
  { clock }: { readonly clock: Clock },
): Promise<(components: KadDHTComponents) => PeerDiscovery> {
  const { kadDHT } = await import('@libp2p/kad-dht')
  const create = kadDHT({
    protocol: dhtProtocol(options.mesh),
    clientMode: !options.serve,
    peerInfoMapper: worthTelling,
    querySelfInterval: SELF_QUERY_MS,
    routingTableUpdateMaxQueueSize: MAX_DHT_UPDATES,
    pingNewContactMaxQueueSize: MAX_DHT_UPDATES,
  })
  return (components) => {
    const dht = create(confined(components, capped(clock))) as unknown as Dht
    for (const role of [peerDiscoverySymbol, peerRoutingSymbol, contentRoutingSymbol]) {
      Object.defineProperty(dht, role, { value: undefined })
    }
    components.events.addEventListener('peer:disconnect', ({ detail }) => {
      dht.routingTable.remove(detail).catch(() => {})
    })
    return dht
  }
}

/** Of a peer's addresses those that another node may dial, private ones included, and few. */
export function worthTelling(peer: PeerInfo): PeerInfo {
  const known = peer.multiaddrs.filter(isDialTarget)
  const relayed = known.filter(isRelayed).slice(0, MAX_RELAYED_ADDRESSES)
  const direct = known.filter(isDirect)
  const multiaddrs: Multiaddr[] = [...direct.slice(0, MAX_TOLD_ADDRESSES - relayed.length), ...relayed]
  return { ...peer, multiaddrs }
}

/** The part of libp2p that the DHT gets to see. */
function confined(components: KadDHTComponents, cap: (answer: StreamHandler) => StreamHandler): KadDHTComponents {
  const { connectionManager, registrar } = components
  const connectionWith = (peer: PeerId) => {
    const [connection] = connectionManager.getConnections(peer)
    if (connection === undefined) throw new NotFoundError('the DHT asks connected peers only')
    return connection
  }
  return {
    ...pick(components),
    registrar: {
      handle: (protocol: string, answer: StreamHandler, handling?: object) =>
        registrar.handle(protocol, cap(answer), handling),
      unhandle: (protocol: string, unhandling?: AbortOptions) => registrar.unhandle(protocol, unhandling),
      register: registrar.register.bind(registrar),
      unregister: registrar.unregister.bind(registrar),
    },
    connectionManager: {
      isDialable: async () => true,
      openStream: async (peer: PeerId, protocol: string, opening?: AbortOptions) => {
        const stream = await connectionWith(peer).newStream(protocol, opening)
        capBytes(stream, MAX_DHT_ANSWER_BYTES)
        return stream
      },
    },
    ping: {
      ping: async (peer: PeerId, pinging?: AbortOptions) => {
        connectionWith(peer)
        return components.ping.ping(peer, pinging)
      },
    },
    datastore: NOTHING,
  } as unknown as KadDHTComponents
}

function pick({ peerId, privateKey, addressManager, peerStore, events, logger }: KadDHTComponents) {
  return { peerId, privateKey, addressManager, peerStore, events, logger }
}

/** A store that holds nothing: without it anybody could have a node keep provider records without end. */
const NOTHING = {
  put: async () => {
    throw new Error('nothing is stored for others')
  },
  get: async () => {
    throw new NotFoundError('nothing is stored')
  },
  delete: async () => {},
  async *query() {},
}

/** Bounds what a peer asks on one stream, and in all. */
function capped(clock: Clock): (answer: StreamHandler) => StreamHandler {
  const budgets = new PeerBudgets(ASKED)
  return (answer) => (stream, connection) => {
    const pay = (bytes: number) => {
      if (budgets.take(connection.remotePeer.toString(), bytes, clock.monotonic()) === 0) return
      stream.abort(new Error('the peer asks the DHT too much'))
    }
    pay(STREAM_COST_BYTES)
    stream.addEventListener('message', ({ data }) => pay(data.byteLength))
    capBytes(stream, MAX_DHT_REQUEST_BYTES)
    return answer(stream, connection)
  }
}

/** Gives up a stream that brings more than a message of the DHT has. */
function capBytes(stream: Stream, maxBytes: number): void {
  let bytes = 0
  stream.addEventListener('message', ({ data }) => {
    bytes += data.byteLength
    if (bytes > maxBytes) stream.abort(new Error('the DHT message is longer than its cap'))
  })
}
