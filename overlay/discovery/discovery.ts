import type { Connection, PeerInfo as FoundPeer, Libp2p, PeerDiscovery } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock, Logger, RandomSource } from '../../core/index.ts'
import { dialTargets, isDirect, isRelayed, peerKeyOf, withPeer } from '../addresses.ts'
import { MAX_UNREACHED } from '../limits.ts'
import type { Peer, PeerTable } from '../peers.ts'
import { Dialer, type DialTarget, type Source } from './dialer.ts'
import { isLocal } from './mdns.ts'

export interface DiscoveryOptions {
  /** Multiaddrs to stay connected with. */
  readonly bootstrap: readonly string[]
  readonly redial: { readonly baseMs: number; readonly maxMs: number }
}

export interface DiscoveryDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  readonly host: Libp2p<{ lan?: PeerDiscovery; dht?: PeerDiscovery }>
  readonly peers: PeerTable
}

/** Failed dials after which a peer that was only met or found is forgotten: about two hours with the default backoff. */
const MAX_FAILURES = 30

/** A peer that dialled this node is expected to dial again; this node tries only after so many base delays. */
const INBOUND_PATIENCE = 10

/** Longest dial of a peer that is known by hearsay, in milliseconds: a LAN answers sooner than others. */
const HEARSAY_DIAL_MS = { found: 5_000, told: 10_000 } as const

/** Who goes first when many dials wait. */
const PRIORITY = { configured: 100, met: 60, told: 20, found: 10 } as const

/** Feeds the dialler: the configured list, what multicast DNS and the DHT find, and peers that were lost. */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #dependencies: DiscoveryDependencies
  readonly #dialer: Dialer
  #unreachedCount = 0
  readonly #onFound = (event: CustomEvent<FoundPeer>) => this.#heard(event.detail, 'found')
  readonly #onTold = (event: CustomEvent<FoundPeer>) => this.#heard(event.detail, 'told')

  constructor(options: DiscoveryOptions, dependencies: DiscoveryDependencies) {
    const { peers } = dependencies
    this.#options = options
    this.#dependencies = dependencies
    this.#dialer = new Dialer(
      { backoff: options.redial, maxFailures: MAX_FAILURES },
      {
        ...dependencies,
        dial: (target) => this.#dial(target),
        isConnected: (key) => peers.get(key) !== undefined,
        hasRoom: () => !peers.full,
      },
    )
  }

  /** Targets that are remembered. */
  get targets(): number {
    return this.#dialer.size
  }

  start(): void {
    const { lan, dht } = this.#dependencies.host.services
    lan?.addEventListener('peer', this.#onFound)
    dht?.addEventListener('peer', this.#onTold)
    for (const address of this.#options.bootstrap) {
      this.#dialer.add({ peerKey: peerKeyOf(multiaddr(address)), addresses: [address], source: 'configured' })
    }
  }

  stop(): void {
    const { lan, dht } = this.#dependencies.host.services
    lan?.removeEventListener('peer', this.#onFound)
    dht?.removeEventListener('peer', this.#onTold)
    this.#dialer.stop()
  }

  connected({ key, nodeId }: Pick<Peer, 'key' | 'nodeId'>): void {
    this.#dialer.connected(key, nodeId)
  }

  /** A node was sent away, which is connected as `peers` or not at all: forgets where it is. */
  async expelled(nodeId: string, peers: readonly Peer[]): Promise<void> {
    const { host, logger } = this.#dependencies
    const keys = new Set([...peers.map(({ key }) => key), ...this.#dialer.keysOf(nodeId)])
    this.#dialer.forget(({ peerKey }) => peerKey !== undefined && keys.has(peerKey))
    try {
      for (const key of keys) await host.peerStore.delete(peerIdFromString(key))
    } catch (error) {
      logger.debug({ peer: nodeId, err: error }, 'the addresses of a peer could not be forgotten')
    }
  }

  /** A peer's last connection closed: whoever dialled it dials again, the other side waits longer. */
  disconnected(peer: Peer, last: Connection): void {
    if (this.#dialer.disconnected(peer.key)) return
    const known = { peerKey: peer.key, nodeId: peer.nodeId }
    if (last.direction === 'outbound') {
      const addresses = [last.remoteAddr.toString()]
      this.#dialer.add({ ...known, addresses, source: 'met' }, this.#options.redial.baseMs)
    } else {
      void this.#redialLater(peer, last)
    }
  }

  async #redialLater(peer: Peer, last: Connection): Promise<void> {
    const { host, logger } = this.#dependencies
    try {
      const { addresses } = await host.peerStore.get(peer.peerId)
      // The peer has named them itself.
      const known = this.#worthDialling(
        addresses.map(({ multiaddr }) => multiaddr),
        last,
      )
      if (known.length === 0) return
      const delayMs = INBOUND_PATIENCE * this.#options.redial.baseMs
      this.#dialer.add({ peerKey: peer.key, nodeId: peer.nodeId, addresses: known, source: 'met' }, delayMs)
    } catch (error) {
      logger.debug({ peer: peer.nodeId, err: error }, 'no address of a lost peer is known')
    }
  }

  /** A peer that this node knows by hearsay: dials it, and the link finds out who answers. */
  #heard(found: FoundPeer, source: 'found' | 'told'): void {
    const { host, peers } = this.#dependencies
    const key = found.id.toString()
    if (key === host.peerId.toString() || peers.get(key) !== undefined) return
    const addresses = this.#worthDialling(source === 'found' ? found.multiaddrs.filter(isLocal) : found.multiaddrs)
    if (addresses.length > 0) this.#dialer.add({ peerKey: key, addresses, source })
  }

  #worthDialling(named: readonly Multiaddr[], last?: Connection): string[] {
    const { host } = this.#dependencies
    const connections = [...host.getConnections(), ...(last === undefined ? [] : [last])]
    const remote = connections.map(({ remoteAddr }) => remoteAddr)
    return dialTargets(named, { own: host.getMultiaddrs(), remote }).map(String)
  }

  /** Dials through relays only when no direct address answers: one that swallows everything takes all the time there is. */
  async #dial(target: DialTarget): Promise<string> {
    const addresses = target.addresses.map((address) => withPeer(multiaddr(address), target.peerKey))
    const direct = addresses.filter(isDirect)
    const relayed = addresses.filter(isRelayed)
    if (direct.length === 0 || relayed.length === 0) return this.#reach(addresses, target.source)
    return this.#reach(direct, target.source).catch(() => this.#reach(relayed, target.source))
  }

  async #reach(addresses: Multiaddr[], source: Source): Promise<string> {
    const priority = PRIORITY[source]
    if (source === 'configured' || source === 'met') return this.#connect(addresses, { priority })
    // A dial to the same peer waits for this one, so an address that swallows everything must not hold it up for long.
    const giveUp = new AbortController()
    const timer = this.#dependencies.clock.setTimer(HEARSAY_DIAL_MS[source], () => giveUp.abort())
    return this.#connect(addresses, { priority, signal: giveUp.signal })
      .catch(async (error) => {
        await this.#unreached()
        throw error
      })
      .finally(() => timer.cancel())
  }

  /**
   * libp2p notes every dial that fails, and every relay that an address names, and keeps that for ever: now and then it forgets
   * whoever is not connected. Whom to dial again is for the dialler to know.
   */
  async #unreached(): Promise<void> {
    this.#unreachedCount += 1
    if (this.#unreachedCount < MAX_UNREACHED) return
    this.#unreachedCount = 0
    const { host, logger } = this.#dependencies
    try {
      for (const { id } of await host.peerStore.all()) {
        if (host.getConnections(id).length === 0) await host.peerStore.delete(id)
      }
    } catch (error) {
      logger.debug({ err: error }, 'peers that were not reached could not be forgotten')
    }
  }

  async #connect(addresses: Multiaddr[], options: { priority: number; signal?: AbortSignal }): Promise<string> {
    const connection = await this.#dependencies.host.dial(addresses, options)
    return connection.remotePeer.toString()
  }
}
