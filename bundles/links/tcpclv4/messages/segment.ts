/*
 * XFER_SEGMENT (RFC 9174 §5.2.2); the items are there with START only:
 *
 *   0      1       2             10
 *   | 0x01 | flags | transfer id | [ length of items u32 | transfer extension items ] | length u64 | data |
 *
 * Transfer Length item (§5.2.5.1): | flags | 0x0001 | 8 | length of the bundle u64 |
 */
import { MAX_LINK_EXTENSION_BYTES } from '../../../limits.ts'
import { Input, malformed } from '../input.ts'
import { CRITICAL, MESSAGE, SEGMENT_FLAG, TRANSFER_LENGTH } from '../numbers.ts'
import type { Output } from '../output.ts'
import { type ExtensionItem, readItems } from './extension-items.ts'

const LENGTH_ITEM_BYTES = 13

/** Everything of a segment before its data. */
export interface SegmentHead {
  readonly start: boolean
  readonly end: boolean
  readonly transferId: number
  readonly extensions: readonly ExtensionItem[]
  /** Of its data, in bytes. */
  readonly length: number
}

/** A segment to write. The Transfer Length item goes with the first of several. */
export interface Segment {
  readonly start: boolean
  readonly end: boolean
  readonly transferId: number
  /** Of the whole bundle, in bytes. */
  readonly transferLength: number
  readonly data: Uint8Array
}

export function writeSegment(out: Output, segment: Segment): void {
  const { start, end, data } = segment
  out.u8(MESSAGE.segment).u8((start ? SEGMENT_FLAG.start : 0) | (end ? SEGMENT_FLAG.end : 0))
  out.u64(segment.transferId)
  if (start && end) out.u32(0)
  else if (start) {
    out.u32(LENGTH_ITEM_BYTES).u8(CRITICAL).u16(TRANSFER_LENGTH).u16(8).u64(segment.transferLength)
  }
  out.u64(data.length).data(data)
}

/** Reads up to the data. @throws BUNDLES_LINK_MALFORMED */
export function readSegmentHead(input: Input): SegmentHead {
  input.u8()
  const flags = input.u8()
  const start = (flags & SEGMENT_FLAG.start) !== 0
  const transferId = input.u64()
  const extensions = start ? readItems(input.list(MAX_LINK_EXTENSION_BYTES)) : []
  return { start, end: (flags & SEGMENT_FLAG.end) !== 0, transferId, extensions, length: input.u64() }
}

/**
 * Length of the bundle that a Transfer Length item announces.
 * @throws BUNDLES_LINK_MALFORMED
 */
export function transferLengthOf(item: ExtensionItem): number {
  if (item.value.length !== 8) throw malformed()
  const input = new Input()
  input.push(item.value)
  return input.u64()
}
