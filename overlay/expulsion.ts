import type { Connection } from '@libp2p/interface'
import type { Logger } from '../core/index.ts'
import type { Peer, PeerTable } from './peers.ts'
import type { PeerGate } from './ports.ts'
import { judgeAgain } from './rejudge.ts'

/** Something that keeps things of a peer, and lets go of them. */
interface Holder {
  expelled(peerKey: string): void
}

export interface ExpulsionDependencies {
  readonly logger: Logger
  readonly peers: PeerTable
  readonly gate?: PeerGate
  /** What waits or runs for a peer. */
  readonly holders: readonly Holder[]
  /** Forgets where a node is, which is connected as `leaving` or not at all. */
  forget(nodeId: string, leaving: readonly Peer[]): Promise<void>
  /** Ends gossip with a peer on its connections; it begins anew later. */
  resetGossip(peer: Peer): void
  /** Looks again at what was ignored of all peers. */
  reconsider(): void
  /** A peer is gone from the table; told before anything else of it is forgotten. */
  onLeaving(peer: Peer): void
  /** A peer lost one of its connections, and begins anew on the other. */
  onStaying(peer: Peer): void
}

/** Sends peers away: after that, nothing that they said is looked at, whatever of it waits here. */
export class Expulsion {
  readonly #dependencies: ExpulsionDependencies

  constructor(dependencies: ExpulsionDependencies) {
    this.#dependencies = dependencies
  }

  /** Sends one node away, connected or about to be. */
  async node(nodeId: string): Promise<void> {
    const { peers } = this.#dependencies
    peers.voidAdmissions()
    const leaving = peers.all().filter((peer) => peer.nodeId === nodeId)
    await this.#expel(nodeId, leaving)
  }

  /**
   * Sends those away that the gate refuses now.
   * @throws {TypeError} without a gate
   */
  async refused(): Promise<void> {
    const { gate, peers, logger } = this.#dependencies
    if (gate === undefined) throw new TypeError('an overlay without the gate cannot judge')
    peers.voidAdmissions()
    await judgeAgain({
      ...{ gate, peers, logger },
      refuse: (peer, connection) => this.#refuse(peer, connection),
      changed: (peer) => this.#changed(peer),
    })
  }

  async #expel(nodeId: string, leaving: readonly Peer[]): Promise<void> {
    const { peers, holders, logger, forget, onLeaving } = this.#dependencies
    for (const peer of leaving) {
      peers.expel(peer)
      onLeaving(peer)
      for (const connection of peer.connections) connection.abort(new Error('the peer was sent away'))
      for (const holder of holders) holder.expelled(peer.key)
      logger.info({ peer: nodeId, peerId: peer.key }, 'peer sent away')
    }
    await forget(nodeId, leaving)
  }

  /** A connection's certificate no longer holds; the peer may have another connection, by a newer one. */
  #refuse(peer: Peer, connection: Connection): void {
    if (peer.connections.length === 1) {
      void this.#expel(peer.nodeId, [peer])
      return
    }
    this.#dependencies.peers.closed(connection)
    connection.abort(new Error('the certificate no longer holds'))
    for (const holder of this.#dependencies.holders) holder.expelled(peer.key)
    this.#dependencies.onStaying(peer)
  }

  #changed(peer: Peer): void {
    const { verdict, reasons, capabilities } = peer.standing
    this.#dependencies.logger.info({ peer: peer.nodeId, verdict, reasons }, 'the verdict on a peer has changed')
    if (!capabilities.receive) this.#dependencies.resetGossip(peer)
    this.#dependencies.reconsider()
  }
}
