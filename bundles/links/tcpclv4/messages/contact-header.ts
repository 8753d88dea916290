/*
 * Contact header (RFC 9174 §4.2), 6 bytes, the first of each direction:
 *
 *   0      4         5       6
 *   "dtn!" | version | flags |        flags: 0x01 CAN_TLS, the rest reserved: sent 0, ignored
 */
import { type Input, malformed } from '../input.ts'
import type { Output } from '../output.ts'

/** The version spoken here. */
export const TCPCL_VERSION = 4

const MAGIC = Buffer.from('dtn!', 'latin1')
const CAN_TLS = 0x01

/** First word of each side. */
export interface ContactHeader {
  readonly version: number
  readonly canTls: boolean
}

export function writeContactHeader(out: Output, header: ContactHeader): void {
  out.data(MAGIC)
  out.u8(header.version).u8(header.canTls ? CAN_TLS : 0)
}

/** @throws BUNDLES_LINK_MALFORMED at the first byte that is not of the magic: nothing more is waited for */
export function readContactHeader(input: Input): ContactHeader {
  for (const byte of MAGIC) if (input.u8() !== byte) throw malformed()
  return { version: input.u8(), canTls: (input.u8() & CAN_TLS) !== 0 }
}
