/** CRC types (RFC 9171 §4.2.1): none, CRC-16/X-25, CRC-32C (Castagnoli). */
export type CrcType = 0 | 1 | 2

/** Length of the CRC of each type in bytes. */
export const CRC_BYTES: Readonly<Record<CrcType, number>> = { 0: 0, 1: 2, 2: 4 }

const X25 = reflectedTable(0x8408)
const CASTAGNOLI = reflectedTable(0x82f63b78)

function reflectedTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value >>> 0
  })
}

function run(table: Uint32Array, start: number, bytes: Uint8Array): number {
  let value = start
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return value
}

/** CRC-16/X-25 (ITU-T X.25 §2.2.7.4) of `bytes`. */
export function crc16(bytes: Uint8Array): number {
  return (run(X25, 0xffff, bytes) ^ 0xffff) & 0xffff
}

/** CRC-32C (RFC 4960 appendix B) of `bytes`. */
export function crc32c(bytes: Uint8Array): number {
  return (run(CASTAGNOLI, 0xffffffff, bytes) ^ 0xffffffff) >>> 0
}

/**
 * Writes the CRC into the last bytes of an encoded block that ends in a CRC field, in network byte order. The CRC
 * covers the whole block with that field zero (RFC 9171 §4.3.1, §4.3.2).
 */
export function fillCrc(block: Uint8Array, type: CrcType): void {
  const length = CRC_BYTES[type]
  if (length === 0) return
  const at = block.length - length
  block.fill(0, at)
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  if (type === 1) view.setUint16(at, crc16(block))
  else view.setUint32(at, crc32c(block))
}

/** True when an encoded block that ends in a CRC field of `type` carries the right one. */
export function crcHolds(block: Uint8Array, type: CrcType): boolean {
  const expected = new Uint8Array(block)
  fillCrc(expected, type)
  return Buffer.compare(expected, block) === 0
}
