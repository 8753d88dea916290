import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { CRC_BYTES, type CrcType, crcHolds, fillCrc } from './crc.ts'

/** Bytes of the block that consists of `items` and, unless `crcType` is 0, their CRC. */
export function encodeBlock(items: readonly CborValue[], crcType: CrcType): Uint8Array {
  const bytes = encodeCbor(crcType === 0 ? [...items] : [...items, new Uint8Array(CRC_BYTES[crcType])])
  fillCrc(bytes, crcType)
  return bytes
}

/**
 * What `read` makes of the CBOR in a block.
 * @throws `code` for what is not CBOR or not of the right shape; what `read` throws of this room
 */
export function decodeBlock<Block>(
  bytes: Uint8Array,
  { code, limits }: { code: 'BUNDLES_BLOCK' | 'BUNDLES_PRIMARY_BLOCK'; limits: CborLimits },
  read: (value: CborValue) => Block,
): Block {
  try {
    return read(decodeCbor(bytes, limits))
  } catch (cause) {
    if (BUNDLES_ERRORS.matches(cause)) throw cause
    throw BUNDLES_ERRORS.create(code, { cause })
  }
}

/** @throws BUNDLES_CRC_TYPE */
export function readCrcType(value: CborValue | undefined): CrcType {
  if (value !== 0 && value !== 1 && value !== 2) throw BUNDLES_ERRORS.create('BUNDLES_CRC_TYPE')
  return value
}

/**
 * Checks that the last item is a CRC of `type` and the right one.
 * @throws BUNDLES_CRC
 */
export function checkCrc(bytes: Uint8Array, type: CrcType, crc: CborValue | undefined): void {
  if (type === 0) return
  if (!(crc instanceof Uint8Array) || crc.length !== CRC_BYTES[type] || !crcHolds(bytes, type))
    throw BUNDLES_ERRORS.create('BUNDLES_CRC')
}
