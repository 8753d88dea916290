import type { CborWriter } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { CRC_BYTES, type CrcType, crcHolds, fillCrc } from './crc.ts'
import type { BlockReader } from './reader.ts'

/** CRC fields before their CRC is known. */
const ZEROS = { 1: new Uint8Array(CRC_BYTES[1]), 2: new Uint8Array(CRC_BYTES[2]) } as const

/** The CRC type that comes next. @throws BUNDLES_CRC_TYPE */
export function readCrcType(source: BlockReader): CrcType {
  const type = source.cbor.uint('CRC type', {})
  if (type !== 0 && type !== 1 && type !== 2) throw BUNDLES_ERRORS.create('BUNDLES_CRC_TYPE')
  return type
}

/**
 * Reads the CRC of `type` that ends the block which began at `start`.
 * @throws BUNDLES_CRC when it is not the right one
 */
export function readCrc(source: BlockReader, start: number, type: CrcType): void {
  if (type === 0) return
  const size = CRC_BYTES[type]
  source.within('BUNDLES_CRC', () => source.cbor.bytes('CRC', { min: size, max: size }))
  if (!crcHolds(source.cbor.since(start), type)) throw BUNDLES_ERRORS.create('BUNDLES_CRC')
}

/** Ends the block that began at `start` with its CRC, if it has one. */
export function writeCrc(writer: CborWriter, start: number, type: CrcType): void {
  if (type === 0) return
  writer.bytes(ZEROS[type])
  fillCrc(writer.written, type, start)
}
