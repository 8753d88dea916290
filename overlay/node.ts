import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { RecordType } from '../records/index.ts'
import { Discovery } from './discovery/index.ts'
import { OVERLAY_ERRORS } from './errors.ts'
import {
  Backlog,
  type BoundedMessageCache,
  Gossip,
  GossipWatch,
  gossipFlows,
  outboundGossipStream,
  resetGossipStreams,
} from './gossip/index.ts'
import type { OverlayServices } from './libp2p.ts'
import { MAX_SYNC_STREAMS_PER_PEER } from './limits.ts'
import type { Listeners } from './listeners.ts'
import type { ResolvedOptions } from './options.ts'
import type { Overlay, OverlayDependencies, OverlayEvents, OverlayState, PeerInfo } from './overlay.ts'
import type { Peer, PeerTable } from './peers.ts'
import type { ChainHead } from './ports.ts'
import { SYNC_PROTOCOL, Sync } from './sync/index.ts'

export interface NodeDependencies extends OverlayDependencies {
  readonly peers: PeerTable
  readonly listeners: Listeners<OverlayEvents>
  /** Not started. */
  readonly host: Libp2p<OverlayServices>
  readonly cache: BoundedMessageCache
  /** Gossip topics listened to, with the type that each carries. */
  readonly topics: ReadonlyMap<string, RecordType>
}

/** Bytes waiting for one peer above which senders wait, and how long for a peer that does not keep up. */
const BACKLOG = { highWaterBytes: 1024 * 1024, maxWaitMs: 250 }
const WATCH = { intervalMs: 2_000, graceMs: 4_000 }

/** Connections that are still open this long after stop began are cut, in milliseconds. */
const STOP_PATIENCE_MS = 1_000

/** Wires libp2p's events to peers, gossip, catch-up and discovery. Decisions are theirs. */
export class OverlayNode implements Overlay {
  readonly #dependencies: NodeDependencies
  readonly #gossip: Gossip
  readonly #sync: Sync
  readonly #watch: GossipWatch
  readonly #discovery: Discovery
  #running = false
  #refusals = 0
  #rejoins = 0
  #hangUps = 0
  readonly #onOpen = (event: CustomEvent<Connection>) => this.#opened(event.detail)
  readonly #onClose = (event: CustomEvent<Connection>) => this.#closed(event.detail)

  constructor(options: ResolvedOptions, dependencies: NodeDependencies) {
    this.#dependencies = dependencies
    this.#sync = this.#createSync(options)
    this.#gossip = this.#createGossip(options)
    this.#watch = this.#createWatch()
    this.#discovery = new Discovery(options, dependencies)
    dependencies.listeners.add('refused', () => {
      this.#refusals += 1
    })
  }

  get peerId(): string {
    return this.#dependencies.host.peerId.toString()
  }

  async start(): Promise<void> {
    const { host } = this.#dependencies
    host.addEventListener('connection:open', this.#onOpen)
    host.addEventListener('connection:close', this.#onClose)
    await host.handle(SYNC_PROTOCOL, (stream, connection) => this.#serve(stream, connection), {
      maxInboundStreams: MAX_SYNC_STREAMS_PER_PEER,
      maxOutboundStreams: MAX_SYNC_STREAMS_PER_PEER,
    })
    try {
      await host.start()
    } catch (cause) {
      throw OVERLAY_ERRORS.create('OVERLAY_LISTEN', { cause })
    }
    this.#running = true
    this.#gossip.start()
    this.#watch.start()
    this.#discovery.start()
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    const { host, clock } = this.#dependencies
    this.#discovery.stop()
    this.#watch.stop()
    this.#gossip.stop()
    this.#sync.stop()
    const cut = clock.setTimer(STOP_PATIENCE_MS, () => {
      for (const connection of host.getConnections()) connection.abort(new Error('the node stops'))
    })
    await host.stop()
    cut.cancel()
    host.removeEventListener('connection:open', this.#onOpen)
    host.removeEventListener('connection:close', this.#onClose)
  }

  addresses(): readonly string[] {
    return this.#dependencies.host.getMultiaddrs().map(String)
  }

  peers(): readonly PeerInfo[] {
    return this.#dependencies.peers.all().map(describe)
  }

  async publish(record: Uint8Array, type: RecordType): Promise<number> {
    if (!this.#running) throw OVERLAY_ERRORS.create('OVERLAY_NOT_RUNNING')
    return this.#gossip.publish(record, type)
  }

  announce(head: ChainHead): void {
    if (this.#running) this.#gossip.announce(head)
  }

  catchUp(nodeId?: string): void {
    for (const peer of this.#dependencies.peers.all()) {
      if (nodeId === undefined || peer.nodeId === nodeId) this.#sync.reconsider(peer.key)
    }
  }

  async disconnect(nodeId: string): Promise<void> {
    const { host, peers } = this.#dependencies
    const leaving = peers.all().filter((peer) => peer.nodeId === nodeId)
    await Promise.all(leaving.map((peer) => host.hangUp(peer.peerId)))
  }

  state(): OverlayState {
    return {
      peers: this.#dependencies.peers.size,
      dialTargets: this.#discovery.targets,
      inGossip: this.#dependencies.peers.all().filter((peer) => this.#gossip.reaches(peer)).length,
      missingInGossip: this.#watch.missing,
      gossipRejoins: this.#rejoins,
      gossipHangUps: this.#hangUps,
      refusals: this.#refusals,
      queued: this.#gossip.queued,
      gossip: { ...this.#gossip.counters },
      sync: { ...this.#sync.counters },
    }
  }

  on<Event extends keyof OverlayEvents>(event: Event, listener: (detail: OverlayEvents[Event]) => void): () => void {
    return this.#dependencies.listeners.add(event, listener)
  }

  #createSync(options: ResolvedOptions): Sync {
    const { peers } = this.#dependencies
    return new Sync(options.sync, {
      ...this.#dependencies,
      openStream: (key) => this.#openStream(key),
      nodeIdOf: (key) => peers.get(key)?.nodeId,
      peerKeys: () => peers.keys(),
      busy: () => this.#gossip.busy,
      announce: (head) => this.#gossip.announce(head),
      onCaughtUp: (key) => this.#caughtUp(key),
    })
  }

  #createGossip(options: ResolvedOptions): Gossip {
    const { clock, peers, host } = this.#dependencies
    return new Gossip(
      { mesh: options.mesh, topics: this.#dependencies.topics, fanOut: options.fanOut, ...options.gossip },
      {
        ...this.#dependencies,
        router: host.services.gossip,
        backlog: new Backlog(BACKLOG, { clock, streams: () => this.#gossipStreams() }),
        recovery: this.#sync,
        peerOf: (key) => peers.get(key),
        peers: () => peers.all(),
        hangUp: (key) => this.#cut(key, 'the peer goes on sending what is ignored'),
      },
    )
  }

  #createWatch(): GossipWatch {
    const { clock, peers } = this.#dependencies
    return new GossipWatch(WATCH, {
      clock,
      peerKeys: () => peers.keys(),
      inGossip: (key) => gossipFlows(peers.get(key)?.connections ?? []),
      rejoin: (key) => this.#rejoin(key),
      hangUp: (key) => this.#hangUp(key),
      recovered: (key) => this.#compareBothWays(key),
    })
  }

  *#gossipStreams(): Iterable<readonly [string, Stream]> {
    for (const peer of this.#dependencies.peers.all()) {
      const stream = outboundGossipStream(peer.connections)
      if (stream !== undefined) yield [peer.key, stream]
    }
  }

  #opened(connection: Connection): void {
    const { peers, listeners, logger } = this.#dependencies
    const opened = peers.opened(connection)
    if (opened === undefined) {
      connection.abort(new Error('the peer was not admitted'))
      return
    }
    if (!opened.first) return
    const { peer } = opened
    logger.info({ peer: peer.nodeId, peerId: peer.key }, 'peer connected')
    this.#discovery.connected(peer.key)
    this.#sync.connected(peer.key)
    listeners.emit('connected', describe(peer))
  }

  #closed(connection: Connection): void {
    const { peers, listeners, logger } = this.#dependencies
    const peer = peers.closed(connection)
    if (peer === undefined) return
    logger.info({ peer: peer.nodeId, peerId: peer.key }, 'peer disconnected')
    this.#sync.disconnected(peer.key)
    if (this.#running) this.#discovery.disconnected(peer, connection)
    listeners.emit('disconnected', { ...describe(peer), ...connectionFacts(connection) })
  }

  #serve(stream: Stream, connection: Connection): void {
    const peer = this.#dependencies.peers.get(connection.remotePeer.toString())
    if (peer === undefined) stream.abort(new Error('the peer was not admitted'))
    else void this.#sync.serve(stream, peer.key)
  }

  async #openStream(key: string): Promise<Stream> {
    const connection = this.#dependencies.peers.get(key)?.connections.at(-1)
    if (connection === undefined) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_CLOSED')
    return connection.newStream(SYNC_PROTOCOL)
  }

  /** After a reset, running identify again makes gossipsub open its streams anew, on the connection that stands. */
  #rejoin(key: string): void {
    const { peers, listeners, logger, host } = this.#dependencies
    const peer = peers.get(key)
    const connection = peer?.connections.at(-1)
    if (peer === undefined || connection === undefined) return
    this.#rejoins += 1
    logger.warn({ peer: peer.nodeId }, 'gossip with a connected peer has stopped; taking it in again')
    listeners.emit('gossipLost', describe(peer))
    resetGossipStreams(peer.connections)
    host.services.identify.identify(connection).catch((error: unknown) => {
      logger.debug({ peer: peer.nodeId, err: error }, 'identify failed')
    })
  }

  #hangUp(key: string): void {
    const peer = this.#dependencies.peers.get(key)
    if (peer === undefined) return
    this.#hangUps += 1
    this.#dependencies.logger.warn({ peer: peer.nodeId }, 'gossip did not return; connecting anew')
    this.#cut(key, 'gossip did not return')
  }

  #cut(key: string, why: string): void {
    for (const connection of this.#dependencies.peers.get(key)?.connections ?? []) connection.abort(new Error(why))
  }

  #caughtUp(key: string): void {
    const peer = this.#dependencies.peers.get(key)
    if (peer !== undefined) this.#dependencies.listeners.emit('caughtUp', describe(peer))
  }

  #compareBothWays(key: string): void {
    this.#sync.schedule(key, 0)
    this.#sync.hint(key)
  }
}

function describe(peer: Peer): PeerInfo {
  const [connection] = peer.connections
  return {
    nodeId: peer.nodeId,
    peerId: peer.key,
    ...(connection === undefined ? { address: '', direction: 'outbound' } : connectionFacts(connection)),
    sinceMs: peer.sinceMs,
    link: peer.admission.link ?? {},
    counts: { ...peer.counts },
  }
}

function connectionFacts(connection: Connection): Pick<PeerInfo, 'address' | 'direction'> {
  return { address: connection.remoteAddr.toString(), direction: connection.direction }
}
