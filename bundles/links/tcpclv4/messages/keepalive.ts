/*
 * KEEPALIVE (RFC 9174 §5.1.1), 1 byte:
 *
 *   | 0x04 |
 */
import type { Input } from '../input.ts'
import { MESSAGE } from '../numbers.ts'
import type { Output } from '../output.ts'

export function writeKeepalive(out: Output): void {
  out.u8(MESSAGE.keepalive)
}

export function readKeepalive(input: Input): void {
  input.u8()
}
