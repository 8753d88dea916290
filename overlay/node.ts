import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { RecordType } from '../records/index.ts'
import { isRelayed } from './addresses.ts'
import { BUNDLES_PROTOCOL, BundleStreams } from './bundles/index.ts'
import { Discovery } from './discovery/index.ts'
import { OVERLAY_ERRORS } from './errors.ts'
import { Expulsion } from './expulsion.ts'
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
import { MAX_BUNDLE_STREAMS_PER_PEER, MAX_SYNC_STREAMS_PER_PEER, MAX_TRUST_STREAMS_PER_PEER } from './limits.ts'
import type { Listeners } from './listeners.ts'
import type { ResolvedOptions } from './options.ts'
import { connectionFacts, describePeer, isClassical } from './peer-info.ts'
import type { Peer, PeerTable } from './peers.ts'
import type { ChainHead } from './ports.ts'
import { RecordFilter } from './record-filter.ts'
import { SYNC_PROTOCOL, Sync } from './sync/index.ts'
import { TRUST_PROTOCOL, TrustStream } from './trust/index.ts'
import type { Overlay, OverlayDependencies, OverlayEvents, OverlayState, PeerInfo } from './types.ts'

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
  readonly #filter: RecordFilter
  readonly #sync: Sync
  readonly #trust: TrustStream | undefined
  readonly #bundles: BundleStreams | undefined
  readonly #watch: GossipWatch
  readonly #discovery: Discovery
  readonly #expulsion: Expulsion
  #running = false
  #refusals = 0
  #rejoins = 0
  #hangUps = 0
  readonly #onOpen = (event: CustomEvent<Connection>) => this.#opened(event.detail)
  readonly #onClose = (event: CustomEvent<Connection>) => this.#closed(event.detail)

  constructor(options: ResolvedOptions, dependencies: NodeDependencies) {
    this.#dependencies = dependencies
    this.#filter = new RecordFilter({ restrictions: dependencies.peers })
    this.#sync = this.#createSync(options)
    this.#trust = this.#createTrust(options)
    this.#bundles = this.#createBundles()
    this.#gossip = this.#createGossip(options)
    this.#watch = this.#createWatch()
    this.#discovery = new Discovery(options, dependencies)
    this.#expulsion = this.#createExpulsion()
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
    await this.#handle(SYNC_PROTOCOL, this.#sync, MAX_SYNC_STREAMS_PER_PEER)
    if (this.#trust !== undefined) await this.#handle(TRUST_PROTOCOL, this.#trust, MAX_TRUST_STREAMS_PER_PEER)
    if (this.#bundles !== undefined) {
      await this.#handle(BUNDLES_PROTOCOL, this.#bundles, MAX_BUNDLE_STREAMS_PER_PEER)
    }
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
    this.#trust?.stop()
    this.#bundles?.stop()
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
    return this.#dependencies.peers.all().map((peer) => this.#describe(peer))
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

  announceLists(): void {
    if (this.#running) this.#trust?.announce()
  }

  async pushRecord(record: Uint8Array, type: RecordType): Promise<void> {
    if (!this.#running) throw OVERLAY_ERRORS.create('OVERLAY_NOT_RUNNING')
    await this.#trust?.push(record, type)
  }

  disconnect(nodeId: string): Promise<void> {
    return this.#expulsion.node(nodeId)
  }

  rejudge(): Promise<void> {
    return this.#expulsion.refused()
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
      ...(this.#trust === undefined ? {} : { trust: this.#trust.counters }),
    }
  }

  on<Event extends keyof OverlayEvents>(event: Event, listener: (detail: OverlayEvents[Event]) => void): () => void {
    return this.#dependencies.listeners.add(event, listener)
  }

  #createSync(options: ResolvedOptions): Sync {
    const { peers } = this.#dependencies
    return new Sync(options.sync, {
      ...this.#dependencies,
      filter: this.#filter,
      openStream: (key) => this.#openStream(key, SYNC_PROTOCOL),
      nodeIdOf: (key) => peers.get(key)?.nodeId,
      mayReceive: (key) => peers.get(key)?.standing.capabilities.receive === true,
      peerKeys: () => peers.keys(),
      busy: () => this.#gossip.busy,
      announce: (head) => this.#gossip.announce(head),
      onCaughtUp: (key) => this.#caughtUp(key),
    })
  }

  #createTrust({ sync }: ResolvedOptions): TrustStream | undefined {
    const { peers, trust, topics } = this.#dependencies
    if (trust === undefined) return undefined
    return new TrustStream(sync, {
      ...this.#dependencies,
      trust,
      types: new Set(topics.values()),
      openStream: (key) => this.#openStream(key, TRUST_PROTOCOL),
      nodeIdOf: (key) => peers.get(key)?.nodeId,
      mayHaveKey: (key) => {
        const peer = peers.get(key)
        return peer?.standing.verdict === 'trusted' && !peer.connections.some(isClassical)
      },
      hint: (key) => this.#sync.hint(key),
    })
  }

  #createBundles(): BundleStreams | undefined {
    const { peers, bundles } = this.#dependencies
    if (bundles === undefined) return undefined
    return new BundleStreams({
      ...this.#dependencies,
      bundles,
      openStream: (key) => this.#openStream(key, BUNDLES_PROTOCOL),
      nodeIdOf: (key) => peers.get(key)?.nodeId,
      capabilitiesOf: (key) => peers.get(key)?.standing.capabilities,
    })
  }

  #createGossip(options: ResolvedOptions): Gossip {
    const { clock, peers, host } = this.#dependencies
    return new Gossip(
      { mesh: options.mesh, topics: this.#dependencies.topics, fanOut: options.fanOut, ...options.gossip },
      {
        ...this.#dependencies,
        filter: this.#filter,
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

  #createExpulsion(): Expulsion {
    const { listeners } = this.#dependencies
    const trust = { expelled: (key: string) => this.#trust?.disconnected(key) }
    return new Expulsion({
      ...this.#dependencies,
      holders: [this.#gossip, this.#sync, trust, ...(this.#bundles === undefined ? [] : [this.#bundles])],
      forget: (nodeId, leaving) => this.#discovery.expelled(nodeId, leaving),
      resetGossip: (peer) => resetGossipStreams(peer.connections),
      reconsider: () => this.catchUp(),
      onLeaving: (peer) => listeners.emit('disconnected', this.#describe(peer)),
      onStaying: ({ key }) => this.#begin(key),
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
    const { peer } = opened
    this.#preferDirect(peer, connection)
    if (!opened.first) return
    logger.info({ peer: peer.nodeId, peerId: peer.key }, 'peer connected')
    this.#discovery.connected(peer)
    this.#begin(peer.key)
    listeners.emit('connected', this.#describe(peer))
  }

  /** Lists go ahead of everything else. */
  #begin(key: string): void {
    this.#trust?.connected(key)
    this.#sync.connected(key)
    this.#bundles?.connected(key)
  }

  #closed(connection: Connection): void {
    const { peers, listeners, logger } = this.#dependencies
    const peer = peers.closed(connection)
    if (peer === undefined) {
      this.#carryOn(connection.remotePeer.toString())
      return
    }
    logger.info({ peer: peer.nodeId, peerId: peer.key }, 'peer disconnected')
    const leaving = { ...this.#describe(peer), ...connectionFacts(connection) }
    this.#sync.disconnected(peer.key)
    this.#trust?.disconnected(peer.key)
    this.#bundles?.disconnected(peer.key)
    if (this.#running) this.#discovery.disconnected(peer, connection)
    listeners.emit('disconnected', leaving)
  }

  /** A direct connection takes the place of relayed ones. Who dialled it closes them: at that end it is open last. */
  #preferDirect(peer: Peer, opened: Connection): void {
    if (isRelayed(opened.remoteAddr) || isClassical(opened) || opened.direction !== 'outbound') return
    for (const connection of peer.connections) {
      if (isRelayed(connection.remoteAddr)) connection.abort(new Error('there is a direct connection'))
    }
  }

  /** One connection of several closed: what ran on it begins anew on another. */
  #carryOn(key: string): void {
    const connection = this.#dependencies.peers.get(key)?.connections.at(-1)
    if (connection === undefined || !this.#running) return
    this.#identifyAgain(connection)
    this.#compareBothWays(key)
  }

  #handle(protocol: string, server: Pick<Sync, 'serve'>, maxStreams: number): Promise<void> {
    const serve = (stream: Stream, connection: Connection) => {
      const peer = this.#dependencies.peers.get(connection.remotePeer.toString())
      if (peer === undefined) stream.abort(new Error('the peer was not admitted'))
      else void server.serve(stream, peer.key)
    }
    const limits = { maxInboundStreams: maxStreams, maxOutboundStreams: maxStreams }
    return this.#dependencies.host.handle(protocol, serve, limits)
  }

  /** On the newest connection, but rather on a post-quantum one. */
  async #openStream(key: string, protocol: string): Promise<Stream> {
    const connections = this.#dependencies.peers.get(key)?.connections ?? []
    const connection = connections.findLast((open) => !isClassical(open)) ?? connections.at(-1)
    if (connection === undefined) throw OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED')
    return connection.newStream(protocol)
  }

  #describe(peer: Peer): PeerInfo {
    return describePeer(peer, this.#trust?.listsOf(peer.key) ?? [])
  }

  #rejoin(key: string): void {
    const { peers, listeners, logger } = this.#dependencies
    const peer = peers.get(key)
    const connection = peer?.connections.at(-1)
    if (peer === undefined || connection === undefined) return
    this.#rejoins += 1
    logger.warn({ peer: peer.nodeId }, 'gossip with a connected peer has stopped; taking it in again')
    listeners.emit('gossipLost', this.#describe(peer))
    resetGossipStreams(peer.connections)
    this.#identifyAgain(connection)
  }

  /** Makes gossipsub open its streams anew, when they are closed altogether, on the connection that stands. */
  #identifyAgain(connection: Connection): void {
    const { host, logger } = this.#dependencies
    host.services.identify.identify(connection).catch((error: unknown) => {
      logger.debug({ peerId: connection.remotePeer.toString(), err: error }, 'identify failed')
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
    if (peer !== undefined) this.#dependencies.listeners.emit('caughtUp', this.#describe(peer))
  }

  #compareBothWays(key: string): void {
    this.#sync.schedule(key, 0)
    this.#sync.hint(key)
  }
}
