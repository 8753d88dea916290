import type { DCUtRServiceComponents } from '@libp2p/dcutr'
import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { dialTargets, isDirect, isRelayed, peerKeyOf, withPeer } from '../addresses.ts'
import { MAX_TOLD_ADDRESSES } from '../limits.ts'

/** What the library's service has beyond its interface. */
interface DirectUpgrade {
  /** The addresses that a peer named in the exchange, as far as they are dialled. */
  getDialableMultiaddrs(addresses: readonly (Uint8Array | string | null | undefined)[]): Multiaddr[]
  /** Dials the peer at the other end of a relayed connection without any exchange; answers whether that is done. */
  attemptUnilateralConnectionUpgrade(relayed: Connection): Promise<boolean>
}

/** Longest dial of addresses that a relayed peer named, in milliseconds: that of the exchange itself. */
const DIAL_MS = 5_000

/**
 * Makes the service that replaces relayed connections by direct ones (DCUtR). The library's own passes over private
 * addresses, which are all that a private mesh may have, and leaves it to the called side to begin; here the calling side
 * dials as well.
 */
export async function loadDirectUpgrade(): Promise<(components: DCUtRServiceComponents) => unknown> {
  const { dcutr, multicodec } = await import('@libp2p/dcutr')
  const create = dcutr({ timeout: DIAL_MS })
  return (components) => {
    const service = create(components) as DirectUpgrade
    const dialler = new DirectDialler(components)
    service.attemptUnilateralConnectionUpgrade = (relayed) => dialler.dial(relayed)
    // Whoever answers must be somebody in particular, so that the link can refuse another.
    service.getDialableMultiaddrs = (addresses) =>
      dialler.dialable(addresses.flatMap(readAddress)).filter((address) => peerKeyOf(address) !== undefined)
    void components.registrar.register(multicodec, {
      onConnect: (_peer, connection) => {
        // Not awaited: libp2p tells the other protocols of the peer only afterwards.
        if (isRelayed(connection.remoteAddr) && connection.direction === 'outbound') void dialler.dial(connection)
      },
    })
    return service
  }
}

/** Dials whoever is at the other end of a relayed connection at the addresses that it named. */
class DirectDialler {
  readonly #components: DCUtRServiceComponents

  constructor(components: DCUtRServiceComponents) {
    this.#components = components
  }

  /** Answers whether there is a direct connection in the end. */
  async dial({ remotePeer }: Connection): Promise<boolean> {
    const { connectionManager, peerStore } = this.#components
    if (connectionManager.getConnections(remotePeer).some((open) => isDirect(open.remoteAddr))) return true
    try {
      const { addresses } = await peerStore.get(remotePeer)
      const targets = this.dialable(addresses.map((address) => withPeer(address.multiaddr, remotePeer.toString())))
      if (targets.length === 0) return false
      await connectionManager.openConnection(targets, { signal: AbortSignal.timeout(DIAL_MS), force: true })
      return true
    } catch {
      return false
    }
  }

  /** Direct addresses that lead to another node. */
  dialable(addresses: readonly Multiaddr[]): Multiaddr[] {
    const { addressManager, transportManager, connectionManager } = this.#components
    const remote = connectionManager.getConnections().map(({ remoteAddr }) => remoteAddr)
    return dialTargets(addresses, { own: addressManager.getAddresses(), remote })
      .filter((address) => isDirect(address))
      .filter((address) => transportManager.dialTransportForMultiaddr(address) !== undefined)
      .slice(0, MAX_TOLD_ADDRESSES)
  }
}

function readAddress(bytes: Uint8Array | string | null | undefined): Multiaddr[] {
  try {
    return bytes === null || bytes === undefined || bytes.length === 0 ? [] : [multiaddr(bytes)]
  } catch {
    return []
  }
}
