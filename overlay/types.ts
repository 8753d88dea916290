import type { Clock, Logger, RandomSource } from '../core/index.ts'
import type { RecordType } from '../records/index.ts'
import type { EncrypterFactory, QuicFactory, Refusal } from './admission.ts'
import type { GossipCounters } from './gossip/index.ts'
import type { PeerCounts } from './peers.ts'
import type { BundlePort, ChainHead, ChainPort, PeerGate, RecordPort, TrustPort } from './ports.ts'
import type { SyncCounters } from './sync/index.ts'
import type { PeerList, TrustCounters } from './trust/index.ts'
import type { Standing } from './verdicts.ts'

export interface OverlayDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  /** Makes the link; everything it admits may connect. */
  readonly encrypter: EncrypterFactory
  /** Makes the link over QUIC, when the options turn it on. */
  readonly quic?: QuicFactory
  /** Keeps revocation lists and keys; without it the trust stream is neither offered nor used. */
  readonly trust?: TrustPort
  /** Takes and gives bundles; without it the bundle stream is neither offered nor used. */
  readonly bundles?: BundlePort
  /** The gate of the links, for {@link Overlay.rejudge}. */
  readonly gate?: PeerGate
}

/** A connected peer, for status. */
export interface PeerInfo extends Standing {
  readonly nodeId: string
  readonly peerId: string
  /** Multiaddr of the connection. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number
  /** What the link agreed on; its `class` is `post-quantum` (TCP) or `classical` (QUIC). */
  readonly link: Readonly<Record<string, string | number>>
  /** Revocation lists that it says it has applied: the newest one of each authority. */
  readonly lists: readonly PeerList[]
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
  /** Of a node with a trust port. */
  readonly trust?: Readonly<TrustCounters>
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
  /** Tells every peer at once which revocation lists this node has, ahead of everything else: after one was applied. */
  announceLists(): void
  /**
   * Pushes a record (a directive, a revocation, a certificate), which is already stored, to every peer at once, ahead of
   * gossip. Receivers judge it by the record port and push it on once. Without a trust port it is left to gossip.
   * @throws OVERLAY_NOT_RUNNING
   * @throws {TypeError} for another type
   */
  pushRecord(record: Uint8Array, type: RecordType): Promise<void>
  /**
   * Sends a node away, as after its revocation: its connections are cut, and what came of it and waits is dropped. It is
   * dialled no more unless the configuration names it. The gate decides about its return.
   */
  disconnect(nodeId: string): Promise<void>
  /**
   * Asks the gate again about every connected peer and sends away those that it refuses now, as {@link Overlay.disconnect}
   * does. Links that are being admitted begin anew.
   * @throws {TypeError} when the overlay was not given the gate
   */
  rejudge(): Promise<void>
  state(): OverlayState
  /** Calls `listener` for every `event` until the answered function is called. */
  on<Event extends keyof OverlayEvents>(event: Event, listener: (detail: OverlayEvents[Event]) => void): () => void
}
