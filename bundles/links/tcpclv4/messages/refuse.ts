/*
 * XFER_REFUSE (RFC 9174 §5.2.4), 10 bytes:
 *
 *   0      1        2
 *   | 0x03 | reason | transfer id u64 |
 */
import type { Input } from '../input.ts'
import { MESSAGE } from '../numbers.ts'
import type { Output } from '../output.ts'

export interface Refuse {
  readonly reason: number
  readonly transferId: number
}

export function writeRefuse(out: Output, refuse: Refuse): void {
  out.u8(MESSAGE.refuse).u8(refuse.reason).u64(refuse.transferId)
}

export function readRefuse(input: Input): Refuse {
  input.u8()
  return { reason: input.u8(), transferId: input.u64() }
}
