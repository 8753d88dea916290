import type { Connection, PeerId } from '@libp2p/interface'
import type { Clock } from '../core/index.ts'
import { isRelayed } from './addresses.ts'
import type { Admission } from './admission.ts'
import { MAX_CONNECTIONS_PER_PEER } from './limits.ts'
import type { Restrictions } from './record-filter.ts'
import { type Capabilities, type CapabilityTable, opinionOf, type Standing, standingOf } from './verdicts.ts'

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
  /** Of the newest connection. */
  admission: Admission
  /** What that admission came to. */
  standing: Standing
  /** By what each open connection was admitted, by its id. */
  readonly admissions: Map<string, Admission>
  /** True once it was sent away: nothing of it counts any more. */
  isExpelled: boolean
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number
  /** Relayed ones first, so that the last one is direct where one is. */
  connections: readonly Connection[]
  readonly counts: PeerCounts
}

/** How a connection that is about to open came about. */
export interface Opening {
  readonly direction: 'inbound' | 'outbound'
  /** True when it leads through another node. */
  readonly relayed: boolean
}

interface Admitted {
  readonly admission: Admission
  readonly atMs: number
  /** Connections that may open and have not done so yet. */
  opening: readonly { readonly sinceMs: number; readonly relayed: boolean }[]
}

/** A connection that may open does so at once, or never, in milliseconds. */
const OPENING_MS = 1_000

/** An admission is good for connections that open this long after it, in milliseconds. */
const ADMISSION_LIFETIME_MS = 30_000

/**
 * Who is connected. Admissions arrive from inside the connection upgrade, before libp2p knows the connection, so they
 * wait here for it; a connection without one is refused.
 */
export class PeerTable implements Restrictions {
  readonly #maxPeers: number
  readonly #capabilities: CapabilityTable
  readonly #clock: Clock
  readonly #peers = new Map<string, Peer>()
  /** In order of time, so that the expired ones come first. */
  readonly #admissions = new Map<string, Admitted>()
  /** Connected peers that may not do everything, by node_id. */
  #restricted = new Map<string, Capabilities>()
  /** What was judged before is void. */
  #validFromMs = Number.NEGATIVE_INFINITY

  constructor(
    options: { readonly maxPeers: number; readonly capabilities: CapabilityTable },
    dependencies: { readonly clock: Clock },
  ) {
    this.#maxPeers = options.maxPeers
    this.#capabilities = options.capabilities
    this.#clock = dependencies.clock
  }

  get size(): number {
    return this.#peers.size
  }

  /** True while a further peer would be one too many. */
  get full(): boolean {
    return this.#peers.size >= this.#maxPeers
  }

  get hasRestricted(): boolean {
    return this.#restricted.size > 0
  }

  may(nodeId: string, capability: keyof Capabilities): boolean {
    return this.#restricted.get(nodeId)?.[capability] ?? true
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

  /** Notes an admission, unless it came too late or trusts nobody. */
  admit(admission: Admission): void {
    const nowMs = this.#clock.monotonic()
    if ((admission.judgedAtMs ?? nowMs) <= this.#validFromMs) return
    if (opinionOf(admission.path).verdict === 'untrusted') return
    for (const [key, entry] of this.#admissions) {
      if (entry.atMs > nowMs - ADMISSION_LIFETIME_MS) break
      this.#admissions.delete(key)
    }
    const key = admission.peerId.toString()
    const opening = this.#admissions.get(key)?.opening ?? []
    this.#admissions.delete(key)
    this.#admissions.set(key, { admission, atMs: nowMs, opening })
  }

  /**
   * True when a connection to `peerId` may open: its link was admitted just now, and there is room, for it and of it. Whom
   * this node dials was chosen before: there was room, or the configuration names it. Relayed connections never keep a direct
   * one out. The connection counts from now on.
   */
  mayOpen(peerId: PeerId, { direction, relayed }: Opening): boolean {
    const key = peerId.toString()
    const entry = this.#admission(key)
    if (entry === undefined) return false
    const nowMs = this.#clock.monotonic()
    entry.opening = entry.opening.filter(({ sinceMs }) => sinceMs > nowMs - OPENING_MS)
    const open = this.#peers.get(key)?.connections.map(({ remoteAddr }) => isRelayed(remoteAddr)) ?? []
    const connections = [...open, ...entry.opening.map((other) => other.relayed)]
    const rivals = connections.filter((other) => relayed || !other)
    if (rivals.length >= MAX_CONNECTIONS_PER_PEER) return false
    if (direction === 'inbound' && connections.length === 0 && this.full) return false
    entry.opening = [...entry.opening, { sinceMs: nowMs, relayed }]
    return true
  }

  /**
   * Notes an open connection; answers the peer and whether it is new, or undefined when it was never admitted. A relay of
   * this mesh sets no limits; through one that does, catch-up would be cut again and again.
   */
  opened(connection: Connection): { peer: Peer; first: boolean } | undefined {
    const key = connection.remotePeer.toString()
    const entry = this.#admission(key)
    if (entry === undefined || connection.status !== 'open' || connection.limits !== undefined) return undefined
    const relayed = isRelayed(connection.remoteAddr)
    entry.opening = without(entry.opening, relayed)
    const known = this.#peers.get(key)
    const peer = known ?? this.#newPeer(connection, entry.admission)
    peer.connections = relayed ? [connection, ...peer.connections] : [...peer.connections, connection]
    peer.admissions.set(connection.id, entry.admission)
    this.#peers.set(key, peer)
    this.#weigh(peer)
    return { peer, first: known === undefined }
  }

  #newPeer(connection: Connection, admission: Admission): Peer {
    return {
      key: connection.remotePeer.toString(),
      peerId: connection.remotePeer,
      nodeId: admission.path.nodeId,
      admission,
      standing: standingOf(opinionOf(admission.path), this.#capabilities),
      admissions: new Map(),
      isExpelled: false,
      sinceMs: this.#clock.now(),
      connections: [],
      counts: { accepted: 0, ignored: 0, rejected: 0 },
    }
  }

  /** Notes a closed connection; answers the peer when that was its last one. */
  closed(connection: Connection): Peer | undefined {
    const peer = this.#peers.get(connection.remotePeer.toString())
    if (peer === undefined) return undefined
    peer.connections = peer.connections.filter((open) => open.id !== connection.id)
    peer.admissions.delete(connection.id)
    if (peer.connections.length > 0) {
      this.#weigh(peer)
      return undefined
    }
    this.#peers.delete(peer.key)
    this.#findRestricted()
    return peer
  }

  /** The gate has judged an open connection's chain again. Answers whether the peer's verdict is another one now. */
  judgedAgain(peer: Peer, connectionId: string, path: Admission['path']): boolean {
    const admission = peer.admissions.get(connectionId)
    if (admission === undefined) return false
    const { verdict } = peer.standing
    peer.admissions.set(connectionId, { ...admission, path })
    this.#weigh(peer)
    return peer.standing.verdict !== verdict
  }

  /** Takes a peer out at once, before its connections are closed. */
  expel(peer: Peer): void {
    peer.isExpelled = true
    this.#peers.delete(peer.key)
    this.#findRestricted()
  }

  /** Whatever is being admitted now was judged by what is no longer known to be so: it has to come again. */
  voidAdmissions(): void {
    this.#validFromMs = this.#clock.monotonic()
    this.#admissions.clear()
  }

  #weigh(peer: Peer): void {
    const newest = [...peer.admissions.values()].at(-1)
    if (newest !== undefined) {
      peer.admission = newest
      peer.standing = standingOf(opinionOf(newest.path), this.#capabilities)
    }
    this.#findRestricted()
  }

  #findRestricted(): void {
    const standings = this.all().map(({ nodeId, standing }) => [nodeId, standing.capabilities] as const)
    this.#restricted = new Map(standings.filter(([, capabilities]) => Object.values(capabilities).includes(false)))
  }

  #admission(key: string): Admitted | undefined {
    const entry = this.#admissions.get(key)
    if (entry === undefined || entry.atMs <= this.#clock.monotonic() - ADMISSION_LIFETIME_MS) return undefined
    return entry
  }
}

/** `opening` without the first one of its kind. */
function without(opening: Admitted['opening'], relayed: boolean): Admitted['opening'] {
  const at = opening.findIndex((other) => other.relayed === relayed)
  return opening.filter((_, index) => index !== at)
}
