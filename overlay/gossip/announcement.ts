import { type CborValue, decodeCbor, encodeCbor, isDnsLabel, shape } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_ANNOUNCED_HEADS, MAX_ANNOUNCEMENT_BYTES } from '../limits.ts'
import type { ChainHead } from '../ports.ts'

/*
 * Announcement of chain heads, sent on the microblock topic: deterministic CBOR
 *
 *   [ [ id: bstr .size 32, origin: tstr (node_id), seq: uint >= 1 ], ... ]   1 to 256 entries, one per origin, by origin
 */

const ID_BYTES = 32
const MAX_ORIGIN_BYTES = 63

/**
 * Encodes heads of different origins, at most {@link MAX_ANNOUNCED_HEADS}.
 * @throws {TypeError} when there are none, too many, or two of one origin
 */
export function encodeAnnouncement(heads: readonly ChainHead[]): Uint8Array {
  const sorted = [...heads].sort((a, b) => (a.origin < b.origin ? -1 : 1))
  if (sorted.length === 0 || sorted.length > MAX_ANNOUNCED_HEADS || !oncePerOrigin(sorted)) {
    throw new TypeError(`an announcement has 1 to ${MAX_ANNOUNCED_HEADS} heads, one per origin`)
  }
  return encodeCbor(sorted.map((head): CborValue => [head.id, head.origin, head.seq]))
}

/** @throws OVERLAY_ANNOUNCEMENT_MALFORMED */
export function decodeAnnouncement(bytes: Uint8Array): readonly ChainHead[] {
  try {
    const limits = { maxBytes: MAX_ANNOUNCEMENT_BYTES, maxDepth: 2, maxItems: 1 + MAX_ANNOUNCED_HEADS * 4 }
    const items = shape.array(decodeCbor(bytes, limits), 'heads', { min: 1, max: MAX_ANNOUNCED_HEADS })
    const heads = items.map(readHead)
    if (!oncePerOrigin(heads)) throw OVERLAY_ERRORS.create('OVERLAY_ANNOUNCEMENT_MALFORMED')
    return heads
  } catch (cause) {
    throw OVERLAY_ERRORS.create('OVERLAY_ANNOUNCEMENT_MALFORMED', { cause })
  }
}

function readHead(value: CborValue): ChainHead {
  const [id, origin, seq] = shape.array(value, 'head', { min: 3, max: 3 })
  const name = shape.text(origin, 'origin', { min: 1, max: MAX_ORIGIN_BYTES })
  if (!isDnsLabel(name)) throw OVERLAY_ERRORS.create('OVERLAY_ANNOUNCEMENT_MALFORMED')
  return {
    id: shape.bytes(id, 'id', { min: ID_BYTES, max: ID_BYTES }),
    origin: name,
    seq: shape.uint(seq, 'seq', { min: 1 }),
  }
}

function oncePerOrigin(sorted: readonly ChainHead[]): boolean {
  return sorted.every((head, at) => at === 0 || (sorted[at - 1]?.origin ?? '') < head.origin)
}
