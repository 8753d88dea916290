/** Hextets of an IPv6 address that name its network: whoever has one address of a /64 has all of them. */
const NETWORK_HEXTETS = 4

/**
 * By what clients are told apart when they are counted: an IPv4 address, also where it is mapped into IPv6, or the /64 of
 * an IPv6 address.
 * @param address as a socket names it (RFC 5952)
 */
export function clientNetwork(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [before = '', after] = address.replace(/%.*$/, '').split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeroes =
    after === undefined ? [] : Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0')
  return `${[...head, ...zeroes, ...tail].slice(0, NETWORK_HEXTETS).join(':')}::/64`
}
