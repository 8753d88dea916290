import { isIPv4, isIPv6 } from 'node:net'
import { type EndpointId, NULL_ENDPOINT } from '../codec/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'

/** Where a socket goes or listens. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
}

/** An address to dial or write to, with the endpoint that is expected there, where one is named. */
export interface Destination {
  readonly place: string
  readonly endpoint: EndpointId | undefined
}

const HOST_PORT = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:@/\s]+)):)?([0-9]{1,5})$/

/**
 * Reads `[ENDPOINT@]PLACE`.
 * @throws BUNDLES_LINK_ADDRESS
 */
export function parseDestination(address: string): Destination {
  const at = /^(dtn:|ipn:)/.test(address) ? address.lastIndexOf('@') : -1
  const endpoint = at === -1 ? undefined : address.slice(0, at)
  const place = address.slice(at + 1)
  if (place === '' || endpoint === NULL_ENDPOINT) throw BUNDLES_ERRORS.create('BUNDLES_LINK_ADDRESS')
  return { place, endpoint }
}

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT`, or `PORT` alone, which means the loopback.
 * @throws BUNDLES_LINK_ADDRESS
 */
export function parseSocketAddress(text: string): SocketAddress {
  const [whole, ipv6, name, port] = HOST_PORT.exec(text) ?? []
  if (whole === undefined || Number(port) > 65_535) throw BUNDLES_ERRORS.create('BUNDLES_LINK_ADDRESS')
  if (ipv6 !== undefined && !isIPv6(ipv6)) throw BUNDLES_ERRORS.create('BUNDLES_LINK_ADDRESS')
  return { host: ipv6 ?? name ?? '127.0.0.1', port: Number(port) }
}

/** `host:port` of an address in use. */
export function formatSocketAddress({ host, port }: SocketAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** By what connections are counted: the IPv4 address, or the /64 network of an IPv6 address. */
export function networkOf(remoteAddress = ''): string {
  const mapped = remoteAddress.slice(remoteAddress.lastIndexOf(':') + 1)
  if (isIPv4(mapped)) return mapped
  const [head = '', tail] = (remoteAddress.split('%')[0] ?? '').split('::')
  const [left, right] = [head.split(':'), (tail ?? '').split(':')].map((part) => part.filter((group) => group !== ''))
  const missing = tail === undefined ? 0 : 8 - (left?.length ?? 0) - (right?.length ?? 0)
  const groups = [...(left ?? []), ...Array<string>(Math.max(0, missing)).fill('0'), ...(right ?? [])]
  return groups.slice(0, 4).join(':')
}
