/*
 * SESS_TERM (RFC 9174 §6.1), 3 bytes:
 *
 *   0      1       2
 *   | 0x05 | flags | reason |        flags: 0x01 REPLY
 */
import type { Input } from '../input.ts'
import { MESSAGE } from '../numbers.ts'
import type { Output } from '../output.ts'

const REPLY = 0x01

export interface Terminate {
  readonly reply: boolean
  readonly reason: number
}

export function writeTerminate(out: Output, terminate: Terminate): void {
  out
    .u8(MESSAGE.terminate)
    .u8(terminate.reply ? REPLY : 0)
    .u8(terminate.reason)
}

export function readTerminate(input: Input): Terminate {
  input.u8()
  return { reply: (input.u8() & REPLY) !== 0, reason: input.u8() }
}
