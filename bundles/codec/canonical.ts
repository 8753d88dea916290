/*
 * Canonical block (RFC 9171 §4.3.2): an array of 5 or 6 items
 *
 *   [ type, number, flags, crc_type, data bstr, crc ]      crc bstr 2 or 4, only when crc_type is not 0
 */
import type { CborWriter } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { readCrc, readCrcType, writeCrc } from './block.ts'
import type { CrcType } from './crc.ts'
import type { BlockReader } from './reader.ts'

/** Block types by number (IANA, RFC 9171 §9.1, RFC 9172 §11.1). */
export const BLOCK_TYPES = {
  payload: 1,
  previousNode: 6,
  bundleAge: 7,
  hopCount: 10,
  integrity: 11,
  confidentiality: 12,
} as const

/** What a block says before its data. */
export interface BlockHeader {
  readonly type: number
  /** 1 for the payload, else 2 or more, unique in the bundle. */
  readonly number: number
  readonly flags: number
  readonly crcType: CrcType
}

/** A block after the primary one. Types that are not known here are carried as they are. */
export interface CanonicalBlock extends BlockHeader {
  /** Block-type-specific data. */
  readonly data: Uint8Array
}

const BLOCK_ITEMS = { min: 5, max: 6 } as const
const ANY = {} as const

/** Room that a block takes at most beside its data, in bytes. */
export const BLOCK_ROOM = 48

/** Writes everything of a block that comes before its data: `dataLength` bytes. */
export function writeBlockHead(writer: CborWriter, block: BlockHeader, dataLength: number): void {
  writer.array(block.crcType === 0 ? 5 : 6)
  writer.uint(block.type).uint(block.number).uint(block.flags).uint(block.crcType).bytesHead(dataLength)
}

/** Writes the block, CRC included. */
export function writeCanonical(writer: CborWriter, block: CanonicalBlock): void {
  const start = writer.length
  writeBlockHead(writer, block, block.data.length)
  writer.encoded(block.data)
  writeCrc(writer, start, block.crcType)
}

/**
 * The header that comes next, up to the data.
 * @throws BUNDLES_BLOCK, BUNDLES_CRC_TYPE, and what the reader throws
 */
export function readBlockHeader(source: BlockReader): BlockHeader {
  const { cbor } = source
  const items = cbor.array('block', BLOCK_ITEMS)
  const type = cbor.uint('type', ANY)
  const number = cbor.uint('number', ANY)
  const flags = cbor.uint('flags', ANY)
  const crcType = readCrcType(source)
  if (items !== (crcType === 0 ? 5 : 6)) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK', { detail: 'CRC field' })
  return { type, number, flags, crcType }
}

/**
 * The block that comes next, its CRC checked.
 * @throws BUNDLES_BLOCK, BUNDLES_CRC_TYPE, BUNDLES_CRC, and what the reader throws
 */
export function readCanonical(source: BlockReader): CanonicalBlock {
  const { cbor } = source
  const start = cbor.at
  const { type, number, flags, crcType } = readBlockHeader(source)
  const data = new Uint8Array(cbor.bytes('data'))
  readCrc(source, start, crcType)
  return { type, number, flags, crcType, data }
}
