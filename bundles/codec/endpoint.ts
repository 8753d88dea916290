/*
 * Endpoint id (RFC 9171 §4.2.5, RFC 9758). Here it is its URI, so that it compares, sorts and prints as one string, and
 * an ipn URI has as many numbers as its encoding, so that the encoding survives (CRCs and security blocks cover it):
 *
 *   dtn:none        the null endpoint
 *   dtn://…         what a dtn URI says
 *   ipn:N.S         two elements: fully qualified node number (allocator × 2^32 + node) and service number
 *   ipn:A.N.S       three elements: allocator, node and service number; the same endpoint as ipn:(A × 2^32 + N).S
 *   ipn:!.S         this very node: N is 2^32 − 1
 */

/** URI of a bundle endpoint, `dtn:` or `ipn:`. */
export type EndpointId = string

/** The null endpoint: nobody. */
export const NULL_ENDPOINT: EndpointId = 'dtn:none'

/** Numbers of an ipn endpoint id (RFC 9758 §3.1). */
export interface IpnNumbers {
  /** Elements of its encoding. */
  readonly elements: 2 | 3
  /** Allocator identifier and node number in one: allocator × 2^32 + node. */
  readonly fqnn: bigint
  readonly service: bigint
}

/** Node number of `ipn:!.S` (RFC 9758 §3.4.2). */
export const LOCAL_NODE = 2n ** 32n - 1n

const NUMBER = '(0|[1-9][0-9]{0,19})'
const IPN = new RegExp(`^ipn:(?:(!)|${NUMBER}|${NUMBER}\\.${NUMBER})\\.${NUMBER}$`)
const MAX_UINT32 = 2n ** 32n - 1n
const MAX_UINT64 = 2n ** 64n - 1n

/** Names of RFC 9171 §4.2.5.1.1: a registered name of RFC 3986 §3.2.2, and visible characters. */
const DTN = /^dtn:\/\/((?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?:\/([\x21-\x7e]*))?$/

/** Numbers of an ipn endpoint id; undefined for any other text. */
export function ipnNumbers(endpoint: EndpointId): IpnNumbers | undefined {
  const match = IPN.exec(endpoint)
  if (match === null) return undefined
  const [, local, fqnnText = '', allocatorText, nodeText = '', serviceText = ''] = match
  const service = BigInt(serviceText)
  if (service > MAX_UINT64) return undefined
  if (local !== undefined) return { elements: 2, fqnn: LOCAL_NODE, service }
  if (allocatorText === undefined) {
    const fqnn = BigInt(fqnnText)
    return fqnn > MAX_UINT64 ? undefined : { elements: 2, fqnn, service }
  }
  const [allocator, node] = [BigInt(allocatorText), BigInt(nodeText)]
  if (allocator > MAX_UINT32 || node > MAX_UINT32) return undefined
  return { elements: 3, fqnn: (allocator << 32n) | node, service }
}

/** The endpoint id with these numbers. */
export function ipnEndpoint({ elements, fqnn, service }: IpnNumbers): EndpointId {
  if (elements === 3) return `ipn:${fqnn >> 32n}.${fqnn & MAX_UINT32}.${service}`
  return `ipn:${fqnn === LOCAL_NODE ? '!' : fqnn}.${service}`
}

/**
 * True when a `dtn` endpoint id keeps to the grammar of RFC 9171 §4.2.5.1.1. Node ids without the slash behind the name
 * pass: so several implementations write them (docs/adr/0030-what-strict-takes-all-the-same.md).
 */
export function isDtnUri(endpoint: EndpointId): boolean {
  return endpoint === NULL_ENDPOINT || DTN.test(endpoint)
}

/** One text for all encodings of an endpoint: what endpoints are compared and identified by. */
export function endpointKey(endpoint: EndpointId): string {
  if (!endpoint.startsWith('ipn:')) return endpoint
  const numbers = ipnNumbers(endpoint)
  return numbers === undefined ? endpoint : `ipn:${numbers.fqnn}.${numbers.service}`
}

/** True for the null endpoint in any of its forms; node 0 has no services (RFC 9758 §3.4.1). */
export function isNullEndpoint(endpoint: EndpointId): boolean {
  return endpoint === NULL_ENDPOINT || (endpoint.startsWith('ipn:0.') && ipnNumbers(endpoint)?.fqnn === 0n)
}

/** True when both name the same endpoint, however they are encoded. */
export function sameEndpoint(one: EndpointId, other: EndpointId): boolean {
  return endpointKey(one) === endpointKey(other) || (isNullEndpoint(one) && isNullEndpoint(other))
}

/** The node's own endpoint of whatever endpoint at that node: what node ids are compared by. */
export function nodeOf(endpoint: EndpointId): EndpointId {
  if (endpoint.startsWith('ipn:')) {
    const key = endpointKey(endpoint)
    return `${key.slice(0, key.lastIndexOf('.'))}.0`
  }
  const end = endpoint.indexOf('/', 'dtn://'.length)
  return end === -1 ? endpoint : endpoint.slice(0, end + 1)
}

/**
 * True when exactly one node can be at this endpoint: every ipn endpoint, and a dtn name whose part behind the node's
 * does not begin with `~` (RFC 9171 §4.2.5.1.1). Nobody is at the null endpoint.
 */
export function isSingleton(endpoint: EndpointId): boolean {
  if (isNullEndpoint(endpoint)) return false
  return endpoint.startsWith('ipn:') || !endpoint.slice(nodeOf(endpoint).length).startsWith('~')
}

/** True for an endpoint that several nodes may be at: a group. */
export function isGroup(endpoint: EndpointId): boolean {
  return !isSingleton(endpoint) && !isNullEndpoint(endpoint)
}
