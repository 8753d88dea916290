/*
 * MTCP (draft-ietf-dtn-mtcpcl-01 §3): each bundle is a CBOR byte string of definite length.
 *
 *   0x40–0x57            length 0 to 23 | bundle
 *   0x58 | u8            length         | bundle
 *   0x59 | u16           length         | bundle
 *   0x5a | u32           length         | bundle
 *   0x5b | u64           length         | bundle
 *
 * The shortest form is written; longer ones are read too, since the draft does not ask for the shortest.
 */
import { BUNDLES_ERRORS } from '../../errors.ts'
import type { Framing } from './framing.ts'

const BYTE_STRING = 0x40
const DIRECT = 24

/** The framing of MTCP. */
export const MTCP: Framing = {
  name: 'mtcp',
  header(length) {
    if (length < DIRECT) return Uint8Array.of(BYTE_STRING + length)
    const size = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 4
    const header = Buffer.alloc(1 + size)
    header[0] = BYTE_STRING + DIRECT + Math.log2(size)
    header.writeUIntBE(length, 1, size)
    return header
  },
  read(bytes) {
    const first = bytes[0]
    if (first === undefined) return undefined
    const information = first - BYTE_STRING
    if (information < 0 || information > DIRECT + 3) throw BUNDLES_ERRORS.create('BUNDLES_LINK_MALFORMED')
    if (information < DIRECT) return { headerBytes: 1, length: information }
    const size = 2 ** (information - DIRECT)
    if (bytes.length < 1 + size) return undefined
    return { headerBytes: 1 + size, length: size < 8 ? bytes.readUIntBE(1, size) : Number(bytes.readBigUInt64BE(1)) }
  },
}
