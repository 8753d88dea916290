import { BlockList } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'

const CIRCUIT = 'p2p-circuit'

/** True for an address that leads through a relay. */
export function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === CIRCUIT)
}

/** True for an address that leads to its node without another in between. */
export function isDirect(address: Multiaddr): boolean {
  return !isRelayed(address)
}

/** PeerId of the last relay on the way, text form. */
export function relayOf(address: Multiaddr): string | undefined {
  const components = address.getComponents()
  const before = components.slice(
    0,
    components.findLastIndex(({ name }) => name === CIRCUIT),
  )
  return isRelayed(address) ? before.findLast(({ name }) => name === 'p2p')?.value : undefined
}

/** PeerId that must answer at the end of the address, text form, where the address says so: a relay's own does not count. */
export function peerKeyOf(address: Multiaddr): string | undefined {
  const components = address.getComponents()
  const end = components.slice(components.findLastIndex(({ name }) => name === CIRCUIT) + 1)
  return end.findLast(({ name }) => name === 'p2p')?.value
}

/** `address` with the PeerId that must answer there, so that the link refuses another. */
export function withPeer(address: Multiaddr, peerKey: string | undefined): Multiaddr {
  if (peerKey === undefined || peerKeyOf(address) !== undefined) return address
  return address.encapsulate(`/p2p/${peerKey}`)
}

/** Where an address leads, whoever answers there: text form. */
export function withoutPeer(address: Multiaddr): string {
  const key = peerKeyOf(address)
  return key === undefined ? address.toString() : address.decapsulate(`/p2p/${key}`).toString()
}

/** IPv4 addresses inside of IPv6 ones (RFC 4291 §2.5.5.2) are found as well. */
const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Addresses that no node has: "this host" (RFC 1122 §3.2.1.3), which leads to loopback, and those of groups. */
const NOBODY = new BlockList()
NOBODY.addSubnet('0.0.0.0', 8, 'ipv4')
NOBODY.addSubnet('224.0.0.0', 3, 'ipv4')
NOBODY.addAddress('::', 'ipv6')
NOBODY.addSubnet('ff00::', 8, 'ipv6')

/** True for an address of the machine itself. */
export function isLoopback(address: Multiaddr): boolean {
  return isOf(address, LOOPBACK)
}

/** What a node goes by when somebody else names addresses. */
export interface OwnPlaces {
  /** Its own addresses. */
  readonly own: readonly Multiaddr[]
  /** Where those are that it is connected with. */
  readonly remote: readonly Multiaddr[]
}

/**
 * Of addresses that somebody else has named those that lead to another node. Every machine has the same loopback addresses:
 * they mean something to a node whose peers share its machine, and have any other knock at its own services.
 */
export function dialTargets(named: readonly Multiaddr[], { own, remote }: OwnPlaces): Multiaddr[] {
  const direct = own.filter(isDirect)
  const sharesMachine = remote.some(isLoopback) || (direct.length > 0 && direct.every(isLoopback))
  // At a relay many have the same address, but for the PeerId.
  const places = new Set(direct.map(withoutPeer))
  return named.filter(
    (address) => isDialTarget(address) && !places.has(withoutPeer(address)) && (sharesMachine || !isLoopback(address)),
  )
}

function isOf(address: Multiaddr, networks: BlockList): boolean {
  const host = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  return host?.value !== undefined && networks.check(host.value, host.name === 'ip4' ? 'ipv4' : 'ipv6')
}

/** How direct addresses of IP hosts look; names are not looked up for somebody else. */
const DIRECT = [/^(ip4|ip6) tcp( p2p)?$/, /^(ip4|ip6) udp quic-v1( p2p)?$/]
const RELAYED = [/^(ip4|ip6) tcp p2p p2p-circuit( p2p)?$/, /^(ip4|ip6) udp quic-v1 p2p p2p-circuit( p2p)?$/]

/** True for an address that an admitted peer may have this node dial, directly or through one relay. */
export function isDialTarget(address: Multiaddr): boolean {
  const shape = shapeOf(address)
  return [...DIRECT, ...RELAYED].some((form) => form.test(shape)) && !isOf(address, NOBODY)
}

function shapeOf(address: Multiaddr): string {
  const names = address.getComponents().map(({ name }) => name)
  return names.filter((name) => name !== 'ip6zone').join(' ')
}
