/*
 * Handling block of gapmesh, block type 192 (RFC 9171 §9.1 leaves 192 to 255 to private use). RFC 9171 says neither how
 * urgent a bundle is nor how many copies of it may be made; nodes of other kinds carry the block on unread:
 *
 *   [ priority 0..3, copies uint ]      copies: those that the receiver may hand out, its own included; 0: as many as it likes
 */
import { decodeCbor, encodeCbor, shape } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_COPIES } from '../limits.ts'
import { ALL_PRIORITIES, type Priority } from './priority.ts'

/** Type number of the handling block. */
export const HANDLING_BLOCK = 192

/** How a bundle wants to be handled. */
export interface HandlingBlock {
  readonly priority: Priority
  /** Copies that its holder may hand out, its own included; 0: as many as it likes. At most MAX_COPIES. */
  readonly copies: number
}

export function encodeHandling({ priority, copies }: HandlingBlock): Uint8Array {
  return encodeCbor([priority, copies])
}

/** @throws BUNDLES_HANDLING */
export function decodeHandling(data: Uint8Array): HandlingBlock {
  try {
    const items = shape.array(decodeCbor(data, { maxBytes: 16, maxDepth: 1, maxItems: 3 }), 'handling', {
      min: 2,
      max: 2,
    })
    return {
      priority: shape.oneOf(items[0], 'priority', ALL_PRIORITIES),
      copies: shape.uint(items[1], 'copies', { max: MAX_COPIES }),
    }
  } catch (cause) {
    throw BUNDLES_ERRORS.create('BUNDLES_HANDLING', { cause })
  }
}
