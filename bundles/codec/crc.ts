/** CRC types (RFC 9171 §4.2.1): none, CRC-16/X-25, CRC-32C (Castagnoli). */
export type CrcType = 0 | 1 | 2

/** Length of the CRC of each type in bytes. */
export const CRC_BYTES: Readonly<Record<CrcType, number>> = { 0: 0, 1: 2, 2: 4 }

/** Polynomial reflected, first value, and what the last one is combined with. */
interface CrcKind {
  readonly table: Int32Array
  readonly mask: number
}

const KINDS: Readonly<Record<1 | 2, CrcKind>> = {
  1: { table: slicingTable(0x8408), mask: 0xffff },
  2: { table: slicingTable(0x82f63b78), mask: 0xffffffff },
}

/**
 * Eight tables in a row: the one at 256 × k says what a byte does to the CRC once k more bytes have passed, so that eight
 * bytes are taken at a time (Kounavis and Berry, "slicing-by-8"). A CRC of 16 bits is one of 32 with zeros in front.
 */
function slicingTable(polynomial: number): Int32Array {
  const table = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    table[byte] = value
  }
  for (let at = 256; at < table.length; at += 1) {
    const before = table[at - 256] ?? 0
    table[at] = (before >>> 8) ^ (table[before & 0xff] ?? 0)
  }
  return table
}

/** State of a CRC before the first byte. */
export function crcStart(type: CrcType): number {
  return type === 0 ? 0 : KINDS[type].mask | 0
}

/** State of a CRC after some more bytes. */
export function crcUpdate(type: CrcType, state: number, bytes: Uint8Array): number {
  return type === 0 ? 0 : run(KINDS[type].table, state, { bytes, from: 0, to: bytes.length })
}

/** The CRC that a state stands for. */
export function crcEnd(type: CrcType, state: number): number {
  return type === 0 ? 0 : ((state ^ KINDS[type].mask) & KINDS[type].mask) >>> 0
}

function run(
  t: Int32Array,
  start: number,
  { bytes, from, to }: { bytes: Uint8Array; from: number; to: number },
): number {
  let crc = start
  let at = from
  for (const end = to - 7; at < end; at += 8) {
    const low = crc ^ byte4(bytes, at)
    const high = byte4(bytes, at + 4)
    crc =
      (t[0x700 + (low & 0xff)] as number) ^
      (t[0x600 + ((low >>> 8) & 0xff)] as number) ^
      (t[0x500 + ((low >>> 16) & 0xff)] as number) ^
      (t[0x400 + (low >>> 24)] as number) ^
      (t[0x300 + (high & 0xff)] as number) ^
      (t[0x200 + ((high >>> 8) & 0xff)] as number) ^
      (t[0x100 + ((high >>> 16) & 0xff)] as number) ^
      (t[high >>> 24] as number)
  }
  for (; at < to; at += 1) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return crc
}

function byte4(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

/** CRC-16/X-25 (ITU-T X.25 §2.2.7.4) of `bytes`. */
export function crc16(bytes: Uint8Array): number {
  return crcEnd(1, crcUpdate(1, crcStart(1), bytes))
}

/** CRC-32C (RFC 4960 appendix B) of `bytes`. */
export function crc32c(bytes: Uint8Array): number {
  return crcEnd(2, crcUpdate(2, crcStart(2), bytes))
}

/** The CRC that a state stands for once its own field, zero, has been taken in (RFC 9171 §4.3.1, §4.3.2). */
export function crcOverField(type: 1 | 2, state: number): number {
  const { table } = KINDS[type]
  let crc = state
  for (let left = CRC_BYTES[type]; left > 0; left -= 1) crc = (crc >>> 8) ^ (table[crc & 0xff] as number)
  return crcEnd(type, crc)
}

/** The CRC of the block in `bytes` from `from` to `to`, which ends in its field; the field counts as zero. */
function crcOfBlock(type: 1 | 2, bytes: Uint8Array, { from, to }: { from: number; to: number }): number {
  return crcOverField(type, run(KINDS[type].table, crcStart(type), { bytes, from, to: to - CRC_BYTES[type] }))
}

/** Writes the CRC into the end of the block that `bytes` hold from `from` on, in network byte order. */
export function fillCrc(bytes: Uint8Array, type: CrcType, from = 0): void {
  if (type === 0) return
  const crc = crcOfBlock(type, bytes, { from, to: bytes.length })
  for (let back = 1; back <= CRC_BYTES[type]; back += 1) bytes[bytes.length - back] = crc >>> (8 * (back - 1))
}

/** True when an encoded block that ends in a CRC field of `type` carries the right one. */
export function crcHolds(block: Uint8Array, type: CrcType): boolean {
  if (type === 0) return true
  let crc = crcOfBlock(type, block, { from: 0, to: block.length })
  for (let back = 1; back <= CRC_BYTES[type]; back += 1) {
    if (block[block.length - back] !== (crc & 0xff)) return false
    crc >>>= 8
  }
  return true
}
