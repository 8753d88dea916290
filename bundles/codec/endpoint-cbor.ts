/*
 * Endpoint id on the wire (RFC 9171 §4.2.5.1, RFC 9758 §6.1): [ scheme, scheme-specific part ]
 *
 *   dtn:none        [1, 0]
 *   dtn://…         [1, "//…"]              what follows "dtn:", as text
 *   ipn:N.S         [2, [N, S]]             each up to 2^64 − 1
 *   ipn:A.N.S       [2, [A, N, S]]          A and N up to 2^32 − 1
 */
import { type CborReader, CborWriter, encodeCbor } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_ENDPOINT_BYTES } from '../limits.ts'
import { type EndpointId, ipnEndpoint, ipnNumbers, NULL_ENDPOINT } from './endpoint.ts'
import { BlockReader } from './reader.ts'

const DTN = 1
const IPN = 2
const VISIBLE = /^[\x21-\x7e]+$/
const TWO = { min: 2, max: 2 } as const
const ANY = {} as const
const MAX_UINT32 = 2n ** 32n - 1n

/** Room that an endpoint id takes at most, in bytes. */
export function endpointRoom(endpoint: EndpointId): number {
  return endpoint.length + 32
}

/**
 * Writes the endpoint id.
 * @throws BUNDLES_ENDPOINT, BUNDLES_ENDPOINT_IPN, BUNDLES_ENDPOINT_SCHEME
 */
export function writeEndpoint(writer: CborWriter, endpoint: EndpointId): void {
  if (endpoint === NULL_ENDPOINT) writer.array(2).uint(DTN).uint(0)
  else if (endpoint.startsWith('dtn:'))
    writer
      .array(2)
      .uint(DTN)
      .text(checkDtn(endpoint.slice(4)))
  else if (endpoint.startsWith('ipn:')) writeIpn(writer, endpoint)
  else throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT_SCHEME')
}

function writeIpn(writer: CborWriter, endpoint: EndpointId): void {
  const numbers = ipnNumbers(endpoint)
  if (numbers === undefined) throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT_IPN')
  const { elements, fqnn, service } = numbers
  writer.array(2).uint(IPN).array(elements)
  for (const number of elements === 2 ? [fqnn, service] : [fqnn >> 32n, fqnn & MAX_UINT32, service]) {
    if (number <= Number.MAX_SAFE_INTEGER) writer.uint(Number(number))
    else writer.encoded(encodeCbor(number))
  }
}

/**
 * The endpoint id that comes next.
 * @throws BUNDLES_ENDPOINT, BUNDLES_ENDPOINT_IPN, BUNDLES_ENDPOINT_SCHEME, and what the reader throws
 */
export function readEndpoint(source: BlockReader): EndpointId {
  const { cbor } = source
  return source.within('BUNDLES_ENDPOINT', () => {
    cbor.array('endpoint id', TWO)
    const scheme = cbor.uint('scheme', ANY)
    if (scheme === IPN) return source.within('BUNDLES_ENDPOINT_IPN', () => readIpn(cbor))
    if (scheme !== DTN) throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT_SCHEME')
    if (cbor.next === 'uint') {
      cbor.uint('dtn name', { max: 0 })
      return NULL_ENDPOINT
    }
    const name = cbor.ascii('dtn name', { min: 1, max: MAX_ENDPOINT_BYTES })
    if (name === 'none') throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT')
    return `dtn:${name}`
  })
}

function readIpn(cbor: CborReader): EndpointId {
  const elements = cbor.array('ipn numbers', { min: 2, max: 3 }) === 2 ? 2 : 3
  const numbers = Array.from({ length: elements }, () => BigInt(cbor.int('ipn number')))
  const [first = 0n, second = 0n, third = 0n] = numbers
  if (numbers.some((number) => number < 0n)) throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT_IPN', { detail: 'negative' })
  if (elements === 2) return ipnEndpoint({ elements, fqnn: first, service: second })
  if (first > MAX_UINT32 || second > MAX_UINT32) throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT_IPN')
  return ipnEndpoint({ elements, fqnn: (first << 32n) | second, service: third })
}

function checkDtn(specific: string): string {
  if (specific === 'none' || specific.length > MAX_ENDPOINT_BYTES || !VISIBLE.test(specific))
    throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT')
  return specific
}

/**
 * Bytes of an endpoint id.
 * @throws BUNDLES_ENDPOINT, BUNDLES_ENDPOINT_IPN, BUNDLES_ENDPOINT_SCHEME
 */
export function encodeEndpoint(endpoint: EndpointId): Uint8Array {
  const writer = new CborWriter(endpointRoom(endpoint))
  writeEndpoint(writer, endpoint)
  return writer.written.slice()
}

/**
 * The endpoint id that `bytes` are.
 * @throws BUNDLES_ENDPOINT, BUNDLES_ENDPOINT_IPN, BUNDLES_ENDPOINT_SCHEME, BUNDLES_NOT_CANONICAL, BUNDLES_MALFORMED
 */
export function decodeEndpoint(bytes: Uint8Array): EndpointId {
  const source = new BlockReader(bytes, 'BUNDLES_ENDPOINT')
  const endpoint = readEndpoint(source)
  source.cbor.end('endpoint id')
  return endpoint
}
