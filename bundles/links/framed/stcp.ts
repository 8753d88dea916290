/*
 * STCP (draft-burleigh-dtn-stcp §2): each bundle behind its length.
 *
 *   0              4
 *   | length u32   | bundle
 */
import type { Framing } from './framing.ts'

const HEADER_BYTES = 4

/** The framing of STCP. */
export const STCP: Framing = {
  name: 'stcp',
  header(length) {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32BE(length)
    return header
  },
  read(bytes) {
    return bytes.length < HEADER_BYTES ? undefined : { headerBytes: HEADER_BYTES, length: bytes.readUInt32BE() }
  },
}
