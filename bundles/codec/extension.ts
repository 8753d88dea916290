/*
 * Data of the extension blocks of RFC 9171 §4.4:
 *
 *   previous node (6)   endpoint id
 *   bundle age (7)      uint, milliseconds since the bundle was made
 *   hop count (10)      [ limit 1..255, count ]
 */
import { CborWriter } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_PRIMARY_BLOCK_BYTES } from '../limits.ts'
import type { EndpointId } from './endpoint.ts'
import { encodeEndpoint, readEndpoint } from './endpoint-cbor.ts'
import { BlockReader } from './reader.ts'

/** How far a bundle may go, and how far it came (RFC 9171 §4.4.3). */
export interface HopCount {
  /** 1 to 255; a bundle whose count exceeds it is deleted. */
  readonly limit: number
  readonly count: number
}

type ExtensionCode = 'BUNDLES_PREVIOUS_NODE' | 'BUNDLES_AGE' | 'BUNDLES_HOP_COUNT'

export function encodePreviousNode(endpoint: EndpointId): Uint8Array {
  return encodeEndpoint(endpoint)
}

/** @throws BUNDLES_PREVIOUS_NODE */
export function decodePreviousNode(data: Uint8Array): EndpointId {
  return decode('BUNDLES_PREVIOUS_NODE', data, readEndpoint)
}

export function encodeBundleAge(ageMs: number): Uint8Array {
  return new CborWriter(9).uint(ageMs).written.slice()
}

/** Milliseconds. @throws BUNDLES_AGE */
export function decodeBundleAge(data: Uint8Array): number {
  return decode('BUNDLES_AGE', data, ({ cbor }) => cbor.uint('age', {}))
}

export function encodeHopCount({ limit, count }: HopCount): Uint8Array {
  return new CborWriter(19).array(2).uint(limit).uint(count).written.slice()
}

/** @throws BUNDLES_HOP_COUNT */
export function decodeHopCount(data: Uint8Array): HopCount {
  return decode('BUNDLES_HOP_COUNT', data, ({ cbor }) => {
    cbor.array('hop count', { min: 2, max: 2 })
    return { limit: cbor.uint('limit', { min: 1, max: 255 }), count: cbor.uint('count', {}) }
  })
}

/** Whatever is wrong inside fails with the block's own code; what it was is the cause. */
function decode<Result>(code: ExtensionCode, data: Uint8Array, read: (source: BlockReader) => Result): Result {
  if (data.length > MAX_PRIMARY_BLOCK_BYTES) throw BUNDLES_ERRORS.create(code, { detail: 'too long' })
  try {
    const source = new BlockReader(data, code)
    const result = read(source)
    source.cbor.end('data')
    return result
  } catch (cause) {
    throw BUNDLES_ERRORS.create(code, { cause })
  }
}
