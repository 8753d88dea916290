/*
 * Data of the extension blocks of RFC 9171 §4.4:
 *
 *   previous node (6)   endpoint id
 *   bundle age (7)      uint, milliseconds since the bundle was made
 *   hop count (10)      [ limit 1..255, count ]
 */
import { type CborValue, decodeCbor, encodeCbor, shape } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_PRIMARY_BLOCK_BYTES } from '../limits.ts'
import { type EndpointId, endpointFromCbor, endpointToCbor } from './endpoint.ts'

/** How far a bundle may go, and how far it came (RFC 9171 §4.4.3). */
export interface HopCount {
  /** 1 to 255; a bundle whose count exceeds it is deleted. */
  readonly limit: number
  readonly count: number
}

type ExtensionCode = 'BUNDLES_PREVIOUS_NODE' | 'BUNDLES_AGE' | 'BUNDLES_HOP_COUNT'

export function encodePreviousNode(endpoint: EndpointId): Uint8Array {
  return encodeCbor(endpointToCbor(endpoint))
}

/** @throws BUNDLES_PREVIOUS_NODE */
export function decodePreviousNode(data: Uint8Array): EndpointId {
  return read('BUNDLES_PREVIOUS_NODE', data, endpointFromCbor)
}

export function encodeBundleAge(ageMs: number): Uint8Array {
  return encodeCbor(ageMs)
}

/** Milliseconds. @throws BUNDLES_AGE */
export function decodeBundleAge(data: Uint8Array): number {
  return read('BUNDLES_AGE', data, (value) => shape.uint(value, 'age'))
}

export function encodeHopCount({ limit, count }: HopCount): Uint8Array {
  return encodeCbor([limit, count])
}

/** @throws BUNDLES_HOP_COUNT */
export function decodeHopCount(data: Uint8Array): HopCount {
  return read('BUNDLES_HOP_COUNT', data, (value) => {
    const items = shape.array(value, 'hop count', { min: 2, max: 2 })
    return { limit: shape.uint(items[0], 'limit', { min: 1, max: 255 }), count: shape.uint(items[1], 'count') }
  })
}

function read<Result>(code: ExtensionCode, data: Uint8Array, interpret: (value: CborValue) => Result): Result {
  try {
    return interpret(decodeCbor(data, { maxBytes: MAX_PRIMARY_BLOCK_BYTES, maxDepth: 2, maxItems: 8 }))
  } catch (cause) {
    throw BUNDLES_ERRORS.create(code, { cause })
  }
}
