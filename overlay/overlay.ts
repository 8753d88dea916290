import type { Clock, Logger, RandomSource } from '../core/index.ts'
import type { RecordType } from '../records/index.ts'
import type { AdmissionSink, EncrypterFactory, Refusal } from './admission.ts'
import { createRouter, type GossipCounters, topicsOf } from './gossip/index.ts'
import { createHost } from './libp2p.ts'
import { Listeners } from './listeners.ts'
import { OverlayNode } from './node.ts'
import { type OverlayOptions, resolveOptions } from './options.ts'
import { type PeerCounts, PeerTable } from './peers.ts'
import { PendingConnections } from './pending.ts'
import type { ChainHead, ChainPort, RecordPort } from './ports.ts'
import type { SyncCounters } from './sync/index.ts'

export interface OverlayDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  /** Makes the link; everything it admits may connect. */
  readonly encrypter: EncrypterFactory
}

/** A connected peer, for status. */
export interface PeerInfo {
  readonly nodeId: string
  readonly peerId: string
  /** Multiaddr of the connection. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number
  /** What the link agreed on. */
  readonly link: Readonly<Record<string, string | number>>
  /** Verdicts on its gossip. */
  readonly counts: Readonly<PeerCounts>
}

/** Everything there is to count, for status and metrics. */
export interface OverlayState {
  readonly peers: number
  /** Targets remembered for dialling. */
  readonly dialTargets: number
  /** Peers that gossip reaches and hears. */
  readonly inGossip: number
  /** Peers that are connected and not in gossip, as last seen. */
  readonly missingInGossip: number
  /** Times a peer was taken into gossip again on its connection. */
  readonly gossipRejoins: number
  /** Times a connection was closed because gossip on it could not be restored. */
  readonly gossipHangUps: number
  /** Connections refused, by either side. */
  readonly refusals: number
  /** Messages waiting by priority (revocation, vote, anomaly, microblock), and being verified. */
  readonly queued: { readonly waiting: readonly number[]; readonly running: number }
  readonly gossip: Readonly<GossipCounters>
  readonly sync: Readonly<SyncCounters>
}

/** What an overlay tells its listeners, by event. */
export type OverlayEvents = {
  /** First connection with a peer. */
  connected: PeerInfo
  /** Last connection with a peer closed. */
  disconnected: PeerInfo
  /** A catch-up with a peer went through: everything it holds was offered. */
  caughtUp: PeerInfo
  /** A link was refused. */
  refused: Refusal
  /** A peer is connected, and gossip with it has stopped. */
  gossipLost: PeerInfo
}

/** A node's place in the mesh: who is connected, what is said live, and what is caught up. */
export interface Overlay {
  /** PeerId of this node, text form. */
  readonly peerId: string
  /** @throws OVERLAY_LISTEN */
  start(): Promise<void>
  /** Closes everything, within two seconds. An overlay that stopped stays so. */
  stop(): Promise<void>
  /** Multiaddrs that others can dial, with the PeerId. */
  addresses(): readonly string[]
  peers(): readonly PeerInfo[]
  /**
   * Sends an own record, which is already stored, to the mesh. Answers to how many peers it was written, which is not how
   * many received it; catch-up sees to the others.
   * @throws OVERLAY_NOT_RUNNING, OVERLAY_RECORD_TOO_LARGE
   */
  publish(record: Uint8Array, type: RecordType): Promise<number>
  /** Announces a chain head, with others of the next moment. */
  announce(head: ChainHead): void
  /** Catches up soon with one peer or all: after a record was parked, or a list was applied. */
  catchUp(nodeId?: string): void
  /** Closes the connections with a node, as after its revocation. The gate decides about its return. */
  disconnect(nodeId: string): Promise<void>
  state(): OverlayState
  /** Calls `listener` for every `event` until the answered function is called. */
  on<Event extends keyof OverlayEvents>(event: Event, listener: (detail: OverlayEvents[Event]) => void): () => void
}

/**
 * Makes the overlay of a node; nothing is open until {@link Overlay.start}.
 * @throws {TypeError} for options that are unknown or out of bounds
 */
export async function createOverlay(options: OverlayOptions, dependencies: OverlayDependencies): Promise<Overlay> {
  const resolved = resolveOptions(options)
  const peers = new PeerTable(resolved, dependencies)
  const listeners = new Listeners<OverlayEvents>()
  const pending = new PendingConnections(dependencies)
  const sink: AdmissionSink = {
    onAdmitted: (admission) => peers.admit(admission),
    onRefusal: (refusal) => listeners.emit('refused', refusal),
    onHello: (connection) => pending.spoke(connection),
  }
  const topics = topicsOf(resolved.mesh, dependencies.records.types)
  const router = createRouter({ topics: [...topics.keys()], fanOut: resolved.fanOut })
  const host = await createHost(resolved, {
    encrypter: dependencies.encrypter(sink),
    router: router.factory,
    mayOpen: (peerId) => peers.mayOpen(peerId),
    pending,
  })
  return new OverlayNode(resolved, { ...dependencies, peers, listeners, host, cache: router.cache, topics })
}
