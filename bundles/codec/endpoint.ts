/*
 * Endpoint id (RFC 9171 §4.2.5): [ scheme, scheme-specific part ]
 *
 *   dtn:none        [1, 0]
 *   dtn://…         [1, "//…"]              what follows "dtn:", as text
 *   ipn:N.S         [2, [N, S]]             node and service number
 *
 * Here an endpoint id is its URI, so that it compares, sorts and prints as one string.
 */
import type { CborValue } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_ENDPOINT_BYTES } from '../limits.ts'

/** URI of a bundle endpoint, `dtn:` or `ipn:`. */
export type EndpointId = string

/** The null endpoint: nobody. */
export const NULL_ENDPOINT: EndpointId = 'dtn:none'

const DTN = 1
const IPN = 2
const VISIBLE = /^[\x21-\x7e]+$/
const IPN_PARTS = /^ipn:(0|[1-9][0-9]{0,19})\.(0|[1-9][0-9]{0,19})$/
const MAX_IPN_NUMBER = 2n ** 64n - 1n

/**
 * CBOR of an endpoint id.
 * @throws BUNDLES_ENDPOINT
 */
export function endpointToCbor(endpoint: EndpointId): CborValue {
  if (endpoint === NULL_ENDPOINT) return [DTN, 0]
  if (endpoint.startsWith('dtn:')) return [DTN, checkDtn(endpoint.slice(4))]
  const parts = IPN_PARTS.exec(endpoint)
  if (parts === null) throw malformed()
  return [IPN, [ipnNumber(parts[1]), ipnNumber(parts[2])]]
}

/**
 * The endpoint id that decoded CBOR says.
 * @throws BUNDLES_ENDPOINT
 */
export function endpointFromCbor(value: CborValue | undefined): EndpointId {
  if (!Array.isArray(value) || value.length !== 2) throw malformed()
  const [scheme, specific] = value
  if (scheme === DTN) return specific === 0 ? NULL_ENDPOINT : `dtn:${checkDtn(specific)}`
  if (scheme !== IPN || !Array.isArray(specific) || specific.length !== 2) throw malformed()
  const [node, service] = specific
  if (!isIpnNumber(node) || !isIpnNumber(service)) throw malformed()
  return `ipn:${node}.${service}`
}

/** The node's own endpoint of whatever endpoint at that node: what node ids are compared by. */
export function nodeOf(endpoint: EndpointId): EndpointId {
  if (endpoint.startsWith('ipn:')) return `${endpoint.slice(0, endpoint.indexOf('.'))}.0`
  const end = endpoint.indexOf('/', 'dtn://'.length)
  return end === -1 ? endpoint : endpoint.slice(0, end + 1)
}

/** True for an endpoint that more than one node may be at: a `dtn` name whose service begins with `~` (RFC 9171 §4.2.5.1.1). */
export function isGroup(endpoint: EndpointId): boolean {
  return endpoint.startsWith('dtn:') && endpoint.slice(nodeOf(endpoint).length).startsWith('~')
}

function checkDtn(specific: CborValue | undefined): string {
  if (typeof specific !== 'string' || specific.length > MAX_ENDPOINT_BYTES) throw malformed()
  if (specific === 'none' || !VISIBLE.test(specific)) throw malformed()
  return specific
}

function ipnNumber(digits = ''): bigint {
  const value = BigInt(digits)
  if (value > MAX_IPN_NUMBER) throw malformed()
  return value
}

function isIpnNumber(value: CborValue | undefined): value is number | bigint {
  return (typeof value === 'number' || typeof value === 'bigint') && value >= 0
}

function malformed(): Error {
  return BUNDLES_ERRORS.create('BUNDLES_ENDPOINT')
}
