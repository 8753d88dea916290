/*
 * MSG_REJECT (RFC 9174 §5.1.2), 3 bytes:
 *
 *   0      1        2
 *   | 0x06 | reason | type of the message |
 */
import type { Input } from '../input.ts'
import { MESSAGE } from '../numbers.ts'
import type { Output } from '../output.ts'

export interface Reject {
  readonly reason: number
  /** Type of the message that is rejected. */
  readonly type: number
}

export function writeReject(out: Output, reject: Reject): void {
  out.u8(MESSAGE.reject).u8(reject.reason).u8(reject.type)
}

export function readReject(input: Input): Reject {
  input.u8()
  return { reason: input.u8(), type: input.u8() }
}
