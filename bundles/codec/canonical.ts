/*
 * Canonical block (RFC 9171 §4.3.2): an array of 5 or 6 items
 *
 *   [ type, number, flags, crc_type, data bstr, crc ]      crc bstr 2 or 4, only when crc_type is not 0
 */
import { shape } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_BUNDLE_BYTES } from '../limits.ts'
import { checkCrc, decodeBlock, encodeBlock, readCrcType } from './block.ts'
import type { CrcType } from './crc.ts'

/** Block types by number (IANA, RFC 9171 §9.1, RFC 9172 §11.1). */
export const BLOCK_TYPES = {
  payload: 1,
  previousNode: 6,
  bundleAge: 7,
  hopCount: 10,
  integrity: 11,
  confidentiality: 12,
} as const

/** Block processing control flags (RFC 9171 §4.2.4). Unknown bits are kept and mean nothing. */
export const BLOCK_FLAGS = {
  replicateInFragments: 0x1,
  reportIfUnprocessable: 0x2,
  deleteBundleIfUnprocessable: 0x4,
  discardIfUnprocessable: 0x10,
} as const

/** A block after the primary one. Types that are not known here are carried as they are. */
export interface CanonicalBlock {
  readonly type: number
  /** 1 for the payload, else 2 or more, unique in the bundle. */
  readonly number: number
  readonly flags: number
  readonly crcType: CrcType
  /** Block-type-specific data. */
  readonly data: Uint8Array
}

/** Bytes of the block, CRC included. */
export function encodeCanonical({ type, number, flags, crcType, data }: CanonicalBlock): Uint8Array {
  return encodeBlock([type, number, flags, crcType, data], crcType)
}

/**
 * The block that `bytes` hold, its CRC checked.
 * @throws BUNDLES_BLOCK, BUNDLES_CRC_TYPE, BUNDLES_CRC
 */
export function decodeCanonical(bytes: Uint8Array): CanonicalBlock {
  const limits = { maxBytes: MAX_BUNDLE_BYTES, maxDepth: 1, maxItems: 7 }
  return decodeBlock(bytes, { code: 'BUNDLES_BLOCK', limits }, (value) => {
    const items = shape.array(value, 'block', { min: 5, max: 6 })
    const crcType = readCrcType(items[3])
    if (items.length !== (crcType === 0 ? 5 : 6)) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK', { detail: 'CRC field' })
    checkCrc(bytes, crcType, items[5])
    return {
      type: shape.uint(items[0], 'type'),
      number: shape.uint(items[1], 'number'),
      flags: shape.uint(items[2], 'flags'),
      crcType,
      data: shape.bytes(items[4], 'data'),
    }
  })
}
