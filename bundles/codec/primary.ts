/*
 * Primary block (RFC 9171 §4.3.1): an array of 8 to 11 items
 *
 *   [ 7, flags, crc_type, destination, source, report_to, [creation_time, sequence], lifetime,
 *     fragment_offset, total_length,      only in a fragment
 *     crc ]                               bstr 2 or 4, only when crc_type is not 0
 *
 * Times are milliseconds, creation time since the DTN epoch 2000-01-01T00:00:00Z; 0 means that the source has no clock.
 */
import type { CborReader, CborWriter } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { readCrc, readCrcType, writeCrc } from './block.ts'
import { CRC_BYTES, type CrcType } from './crc.ts'
import type { EndpointId } from './endpoint.ts'
import { endpointRoom, readEndpoint, writeEndpoint } from './endpoint-cbor.ts'
import { BUNDLE_FLAGS, hasFlag } from './flags.ts'
import type { BlockReader } from './reader.ts'

/** The DTN epoch, in milliseconds since the Unix epoch. */
export const DTN_EPOCH_MS = Date.UTC(2000, 0, 1)

/** When a bundle was made: with its source it identifies the bundle (RFC 9171 §4.2.7). */
export interface CreationTimestamp {
  /** Milliseconds since {@link DTN_EPOCH_MS}; 0 when the source has no clock. */
  readonly timeMs: number
  readonly sequence: number
}

/** Where the payload of a fragment belongs. */
export interface FragmentPlace {
  /** In the whole payload, in bytes. */
  readonly offset: number
  /** Length of the whole payload, in bytes. */
  readonly totalLength: number
}

export interface PrimaryBlock {
  readonly flags: number
  readonly crcType: CrcType
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly reportTo: EndpointId
  readonly creation: CreationTimestamp
  readonly lifetimeMs: number
  /** Present in a fragment. */
  readonly fragment?: FragmentPlace
}

/** Room that the primary block takes at most, in bytes. */
export function primaryRoom({ destination, source, reportTo }: PrimaryBlock): number {
  return 80 + endpointRoom(destination) + endpointRoom(source) + endpointRoom(reportTo)
}

/** Writes the primary block, CRC included. @throws what {@link writeEndpoint} throws */
export function writePrimary(writer: CborWriter, block: PrimaryBlock): void {
  const { crcType, creation, fragment } = block
  const start = writer.length
  writer.array(8 + (fragment === undefined ? 0 : 2) + (crcType === 0 ? 0 : 1))
  writer.uint(7).uint(block.flags).uint(crcType)
  for (const endpoint of [block.destination, block.source, block.reportTo]) writeEndpoint(writer, endpoint)
  writer.array(2).uint(creation.timeMs).uint(creation.sequence).uint(block.lifetimeMs)
  if (fragment !== undefined) writer.uint(fragment.offset).uint(fragment.totalLength)
  writeCrc(writer, start, crcType)
}

/**
 * The primary block that comes next, its CRC checked.
 * @throws BUNDLES_VERSION, BUNDLES_PRIMARY_BLOCK, BUNDLES_FRAGMENT_FIELDS, BUNDLES_CRC_TYPE, BUNDLES_CRC, and what
 *   {@link readEndpoint} throws
 */
export function readPrimary(source: BlockReader): PrimaryBlock {
  const { cbor } = source
  return source.within('BUNDLES_PRIMARY_BLOCK', () => {
    const start = cbor.at
    const items = cbor.array('primary block', { min: 8, max: 11 })
    if (cbor.uint('version', {}) !== 7) throw BUNDLES_ERRORS.create('BUNDLES_VERSION')
    const flags = cbor.uint('flags', {})
    const crcType = readCrcType(source)
    const isFragment = hasFlag(flags, BUNDLE_FLAGS.isFragment)
    checkItems(items - (CRC_BYTES[crcType] === 0 ? 0 : 1), isFragment)
    const block = {
      flags,
      crcType,
      destination: readEndpoint(source),
      source: readEndpoint(source),
      reportTo: readEndpoint(source),
      creation: readCreation(cbor),
      lifetimeMs: cbor.uint('lifetime', {}),
      ...(isFragment && { fragment: { offset: cbor.uint('offset', {}), totalLength: cbor.uint('total length', {}) } }),
    }
    readCrc(source, start, crcType)
    return block
  })
}

/** The creation timestamp that comes next. */
export function readCreation(cbor: CborReader): CreationTimestamp {
  cbor.array('creation timestamp', { min: 2, max: 2 })
  return { timeMs: cbor.uint('creation time', {}), sequence: cbor.uint('sequence', {}) }
}

function checkItems(items: number, isFragment: boolean): void {
  if (items === (isFragment ? 10 : 8)) return
  if (items === (isFragment ? 8 : 10)) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_FIELDS')
  throw BUNDLES_ERRORS.create('BUNDLES_PRIMARY_BLOCK', { detail: 'number of items' })
}
