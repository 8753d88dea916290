import type { Connection, PeerId } from '@libp2p/interface'
import type { Clock } from '../core/index.ts'
import type { Admission } from './admission.ts'
import { MAX_CONNECTIONS_PER_PEER } from './limits.ts'

/** What one peer's messages came to, since it connected. */
export interface PeerCounts {
  accepted: number
  ignored: number
  rejected: number
}

/** An admitted peer with at least one open connection. */
export interface Peer {
  /** Text form of {@link peerId}: the key of the peer table. */
  readonly key: string
  readonly peerId: PeerId
  readonly nodeId: string
  admission: Admission
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number
  connections: readonly Connection[]
  readonly counts: PeerCounts
}

/** A connection that may open does so at once, or never, in milliseconds. */
const OPENING_MS = 1_000

/** An admission is good for connections that open this long after it, in milliseconds. */
const ADMISSION_LIFETIME_MS = 30_000

/**
 * Who is connected. Admissions arrive from inside the connection upgrade, before libp2p knows the connection, so they
 * wait here for it; a connection without one is refused.
 */
export class PeerTable {
  readonly #maxPeers: number
  readonly #clock: Clock
  readonly #peers = new Map<string, Peer>()
  /** In order of time, so that the expired ones come first. */
  readonly #admissions = new Map<string, { admission: Admission; atMs: number; openingMs: number[] }>()

  constructor(options: { readonly maxPeers: number }, dependencies: { readonly clock: Clock }) {
    this.#maxPeers = options.maxPeers
    this.#clock = dependencies.clock
  }

  get size(): number {
    return this.#peers.size
  }

  /** True while a further peer would be one too many. */
  get full(): boolean {
    return this.#peers.size >= this.#maxPeers
  }

  get(key: string): Peer | undefined {
    return this.#peers.get(key)
  }

  keys(): readonly string[] {
    return [...this.#peers.keys()]
  }

  all(): readonly Peer[] {
    return [...this.#peers.values()]
  }

  admit(admission: Admission): void {
    const nowMs = this.#clock.monotonic()
    for (const [key, entry] of this.#admissions) {
      if (entry.atMs > nowMs - ADMISSION_LIFETIME_MS) break
      this.#admissions.delete(key)
    }
    const key = admission.peerId.toString()
    const openingMs = this.#admissions.get(key)?.openingMs ?? []
    this.#admissions.delete(key)
    this.#admissions.set(key, { admission, atMs: nowMs, openingMs })
  }

  /**
   * True when a connection to `peerId` may open: its link was admitted just now, and there is room, for it and of it. The
   * connection counts from now on.
   */
  mayOpen(peerId: PeerId): boolean {
    const key = peerId.toString()
    const entry = this.#admission(key)
    if (entry === undefined) return false
    const nowMs = this.#clock.monotonic()
    entry.openingMs = entry.openingMs.filter((sinceMs) => sinceMs > nowMs - OPENING_MS)
    const connections = (this.#peers.get(key)?.connections.length ?? 0) + entry.openingMs.length
    if (connections >= MAX_CONNECTIONS_PER_PEER || (connections === 0 && this.full)) return false
    entry.openingMs.push(nowMs)
    return true
  }

  /** Notes an open connection; answers the peer and whether it is new, or undefined when it was never admitted. */
  opened(connection: Connection): { peer: Peer; first: boolean } | undefined {
    const key = connection.remotePeer.toString()
    const entry = this.#admission(key)
    if (entry === undefined || connection.status !== 'open') return undefined
    entry.openingMs.shift()
    const { admission } = entry
    const known = this.#peers.get(key)
    if (known !== undefined) {
      known.admission = admission
      known.connections = [...known.connections, connection]
      return { peer: known, first: false }
    }
    const peer: Peer = {
      key,
      peerId: connection.remotePeer,
      nodeId: admission.path.nodeId,
      admission,
      sinceMs: this.#clock.now(),
      connections: [connection],
      counts: { accepted: 0, ignored: 0, rejected: 0 },
    }
    this.#peers.set(key, peer)
    return { peer, first: true }
  }

  /** Notes a closed connection; answers the peer when that was its last one. */
  closed(connection: Connection): Peer | undefined {
    const peer = this.#peers.get(connection.remotePeer.toString())
    if (peer === undefined) return undefined
    peer.connections = peer.connections.filter((open) => open.id !== connection.id)
    if (peer.connections.length > 0) return undefined
    this.#peers.delete(peer.key)
    return peer
  }

  #admission(key: string): { admission: Admission; openingMs: number[] } | undefined {
    const entry = this.#admissions.get(key)
    if (entry === undefined || entry.atMs <= this.#clock.monotonic() - ADMISSION_LIFETIME_MS) return undefined
    return entry
  }
}
