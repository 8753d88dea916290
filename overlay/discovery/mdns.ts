import { createHash } from 'node:crypto'
import { BlockList } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Private (RFC 1918, RFC 4193), link-local (RFC 3927, RFC 4291) and loopback networks. */
const LOCAL_NETWORKS = [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['::1', 128, 'ipv6'],
] as const

/** True for a TCP address of this machine, this link or a private network: all that a LAN can speak for. */
export function isLocal(address: Multiaddr): boolean {
  const [host, port, ...rest] = address.getComponents().filter(({ name }) => name !== 'ip6zone')
  if (port?.name !== 'tcp' || rest.some(({ name }) => name !== 'p2p')) return false
  const networks = new BlockList()
  for (const [network, bits, family] of LOCAL_NETWORKS) networks.addSubnet(network, bits, family)
  if (host?.name === 'ip4') return networks.check(host.value ?? '', 'ipv4')
  return host?.name === 'ip6' && networks.check(host.value ?? '', 'ipv6')
}

/**
 * DNS-SD service of a mesh: its own, so that meshes on one LAN do not find each other, and hashed, because a mesh name
 * may fill a DNS label (RFC 6763 §7.2 leaves a service name 15 characters) and need not be shown to the LAN.
 */
export function mdnsServiceTag(mesh: string): string {
  return `_dadm${createHash('sha256').update(mesh).digest('hex').slice(0, 10)}._udp.local`
}
