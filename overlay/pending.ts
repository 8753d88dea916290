import type { MultiaddrConnection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock, Timer } from '../core/index.ts'
import { peerKeyOf, relayOf } from './addresses.ts'
import { OVERLAY_ERRORS } from './errors.ts'
import { HELLO_TIMEOUT_MS, MAX_PENDING_INBOUND, MAX_PENDING_PER_ADDRESS } from './limits.ts'

interface Pending {
  readonly from: string
  /** Runs until the other side has said what a handshake begins with. */
  silence: Timer | undefined
}

/**
 * Inbound connections that are not admitted yet. Nobody has proven anything at this point, so each address has few, a
 * silent one is cut soon, and when there are too many in all, the oldest make room for whoever comes next.
 */
export class PendingConnections {
  readonly #clock: Clock
  readonly #byConnection = new Map<MultiaddrConnection, Pending>()
  readonly #perAddress = new Map<string, number>()

  constructor(dependencies: { readonly clock: Clock }) {
    this.#clock = dependencies.clock
  }

  get size(): number {
    return this.#byConnection.size
  }

  /** Begins to count `connection`; answers false when it is one too many. */
  take(connection: MultiaddrConnection): boolean {
    const from = sourceOf(connection.remoteAddr)
    const count = this.#perAddress.get(from) ?? 0
    if (count >= MAX_PENDING_PER_ADDRESS) return false
    this.#makeRoom()
    this.#perAddress.set(from, count + 1)
    const silence = this.#clock.setTimer(HELLO_TIMEOUT_MS, () => this.#cut(connection), { unref: true })
    this.#byConnection.set(connection, { from, silence })
    connection.addEventListener('close', () => this.settled(connection))
    return true
  }

  /** The other side has begun its handshake in earnest: it has the time of a whole handshake now. */
  spoke(connection: object): void {
    const pending = this.#byConnection.get(connection as MultiaddrConnection)
    pending?.silence?.cancel()
    if (pending !== undefined) pending.silence = undefined
  }

  /** The connection is admitted, or gone. */
  settled(connection: MultiaddrConnection): void {
    const pending = this.#byConnection.get(connection)
    if (pending === undefined) return
    pending.silence?.cancel()
    this.#byConnection.delete(connection)
    const left = (this.#perAddress.get(pending.from) ?? 1) - 1
    if (left > 0) this.#perAddress.set(pending.from, left)
    else this.#perAddress.delete(pending.from)
  }

  /** Cuts the connection that has been silent for longest, or else the oldest: an honest handshake takes a moment. */
  #makeRoom(): void {
    if (this.#byConnection.size < MAX_PENDING_INBOUND) return
    const connections = [...this.#byConnection.keys()]
    const silent = connections.find((connection) => this.#byConnection.get(connection)?.silence !== undefined)
    const oldest = silent ?? connections[0]
    if (oldest !== undefined) this.#cut(oldest)
  }

  #cut(connection: MultiaddrConnection): void {
    this.settled(connection)
    connection.abort(OVERLAY_ERRORS.create('OVERLAY_LINK_TIMEOUT'))
  }
}

const IPV6_GROUPS = 8
const NETWORK_GROUPS = 4

/** How a socket that takes both versions names an IPv4 address (RFC 4291 §2.5.5.2), as multiaddr writes it. */
const MAPPED_IPV4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

/**
 * Whom connections are counted by: an IPv4 address, the 64 bits of IPv6 that one subscriber has, or a caller behind a relay, as
 * the relay says. By the relay alone, one caller would keep all others out; one that invents callers has few circuits.
 */
function sourceOf(address: Multiaddr): string {
  const relay = relayOf(address)
  if (relay !== undefined) return `${relay} ${peerKeyOf(address)}`
  const host = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  if (host?.name !== 'ip6' || host.value === undefined) return host?.value ?? ''
  const mapped = MAPPED_IPV4.exec(host.value)
  if (mapped !== null) return mapped.slice(1).flatMap(bytesOf).join('.')
  const [left, right] = host.value.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: IPV6_GROUPS - (left?.length ?? 0) - (right?.length ?? 0) }, () => '0')
  return [...(left ?? []), ...zeros, ...(right ?? [])].slice(0, NETWORK_GROUPS).join(':')
}

/** The two bytes of a group. */
function bytesOf(group: string): number[] {
  const number = Number.parseInt(group, 16)
  return [number >> 8, number & 0xff]
}
