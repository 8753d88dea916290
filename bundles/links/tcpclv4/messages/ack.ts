/*
 * XFER_ACK (RFC 9174 §5.2.3), 18 bytes; the flags are those of the segment, the length is of all data up to its end:
 *
 *   0      1       2             10
 *   | 0x02 | flags | transfer id | acknowledged length u64 |
 */
import type { Input } from '../input.ts'
import { MESSAGE, SEGMENT_FLAG } from '../numbers.ts'
import type { Output } from '../output.ts'

export interface Ack {
  readonly start: boolean
  readonly end: boolean
  readonly transferId: number
  readonly length: number
}

export function writeAck(out: Output, ack: Ack): void {
  out.u8(MESSAGE.ack).u8((ack.start ? SEGMENT_FLAG.start : 0) | (ack.end ? SEGMENT_FLAG.end : 0))
  out.u64(ack.transferId).u64(ack.length)
}

export function readAck(input: Input): Ack {
  input.u8()
  const flags = input.u8()
  return {
    start: (flags & SEGMENT_FLAG.start) !== 0,
    end: (flags & SEGMENT_FLAG.end) !== 0,
    transferId: input.u64(),
    length: input.u64(),
  }
}
