import type { Connection, PeerInfo as FoundPeer, Libp2p, PeerDiscovery } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock, Logger, RandomSource } from '../../core/index.ts'
import type { Peer, PeerTable } from '../peers.ts'
import { Dialer, type DialTarget } from './dialer.ts'
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
  readonly host: Libp2p<{ lan?: PeerDiscovery }>
  readonly peers: PeerTable
}

/** Failed dials after which a peer that was only met or found is forgotten: about two hours with the default backoff. */
const MAX_FAILURES = 30

/** A peer that dialled this node is expected to dial again; this node tries only after so many base delays. */
const INBOUND_PATIENCE = 10

/** Longest dial of a peer that multicast DNS named, in milliseconds: a LAN answers sooner. */
const FOUND_DIAL_MS = 5_000

/** Who goes first when many dials wait. */
const PRIORITY = { configured: 100, met: 60, found: 10 } as const

/** Feeds the dialler: the configured list, what multicast DNS finds, and peers that were lost. */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #dependencies: DiscoveryDependencies
  readonly #dialer: Dialer
  readonly #onFound = (event: CustomEvent<FoundPeer>) => this.#found(event.detail)

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
    this.#dependencies.host.services.lan?.addEventListener('peer', this.#onFound)
    for (const address of this.#options.bootstrap) {
      this.#dialer.add({ peerKey: peerKeyOf(multiaddr(address)), addresses: [address], source: 'configured' })
    }
  }

  stop(): void {
    this.#dependencies.host.services.lan?.removeEventListener('peer', this.#onFound)
    this.#dialer.stop()
  }

  connected(peerKey: string): void {
    this.#dialer.connected(peerKey)
  }

  /** A peer's last connection closed: whoever dialled it dials again, the other side waits longer. */
  disconnected(peer: Peer, last: Connection): void {
    if (this.#dialer.disconnected(peer.key)) return
    if (last.direction === 'outbound') {
      const addresses = [last.remoteAddr.toString()]
      this.#dialer.add({ peerKey: peer.key, addresses, source: 'met' }, this.#options.redial.baseMs)
    } else {
      void this.#redialLater(peer)
    }
  }

  async #redialLater(peer: Peer): Promise<void> {
    const { host, logger } = this.#dependencies
    try {
      const { addresses } = await host.peerStore.get(peer.peerId)
      if (addresses.length === 0) return
      const known = addresses.map((address) => address.multiaddr.toString())
      const delayMs = INBOUND_PATIENCE * this.#options.redial.baseMs
      this.#dialer.add({ peerKey: peer.key, addresses: known, source: 'met' }, delayMs)
    } catch (error) {
      logger.debug({ peer: peer.nodeId, err: error }, 'no address of a lost peer is known')
    }
  }

  #found(found: FoundPeer): void {
    const key = found.id.toString()
    if (key === this.#dependencies.host.peerId.toString() || this.#dependencies.peers.get(key) !== undefined) return
    const addresses = found.multiaddrs.filter(isLocal).map(String)
    if (addresses.length > 0) this.#dialer.add({ peerKey: key, addresses, source: 'found' })
  }

  async #dial(target: DialTarget): Promise<string> {
    const addresses = target.addresses.map((address) => withPeer(multiaddr(address), target.peerKey))
    if (target.source !== 'found') return this.#reach(addresses, { priority: PRIORITY[target.source] })
    // A dial to the same peer waits for this one, so an address that swallows everything must not hold it up for long.
    const giveUp = new AbortController()
    const timer = this.#dependencies.clock.setTimer(FOUND_DIAL_MS, () => giveUp.abort())
    return this.#reach(addresses, { priority: PRIORITY.found, signal: giveUp.signal }).finally(() => timer.cancel())
  }

  async #reach(addresses: Multiaddr[], options: { priority: number; signal?: AbortSignal }): Promise<string> {
    const connection = await this.#dependencies.host.dial(addresses, options)
    return connection.remotePeer.toString()
  }
}

function peerKeyOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}

/** `address` with the PeerId that must answer there, so that the link refuses another. */
function withPeer(address: Multiaddr, peerKey: string | undefined): Multiaddr {
  if (peerKey === undefined || peerKeyOf(address) !== undefined) return address
  return address.encapsulate(`/p2p/${peerKey}`)
}
