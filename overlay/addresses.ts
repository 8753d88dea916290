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

/** How direct addresses of IP hosts look; names are not looked up for somebody else. */
const DIRECT = [/^(ip4|ip6) tcp( p2p)?$/, /^(ip4|ip6) udp quic-v1( p2p)?$/]
const RELAYED = [/^(ip4|ip6) tcp p2p p2p-circuit( p2p)?$/, /^(ip4|ip6) udp quic-v1 p2p p2p-circuit( p2p)?$/]

/** True for an address that an admitted peer may have this node dial, directly or through one relay. */
export function isDialTarget(address: Multiaddr): boolean {
  const shape = shapeOf(address)
  return [...DIRECT, ...RELAYED].some((form) => form.test(shape))
}

function shapeOf(address: Multiaddr): string {
  const names = address.getComponents().map(({ name }) => name)
  return names.filter((name) => name !== 'ip6zone').join(' ')
}
