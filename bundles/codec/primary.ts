/*
 * Primary block (RFC 9171 §4.3.1): an array of 8 to 11 items
 *
 *   [ 7, flags, crc_type, destination, source, report_to, [creation_time, sequence], lifetime,
 *     fragment_offset, total_length,      only in a fragment
 *     crc ]                               bstr 2 or 4, only when crc_type is not 0
 *
 * Times are milliseconds, creation time since the DTN epoch 2000-01-01T00:00:00Z; 0 means that the source has no clock.
 */
import { type CborValue, shape } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_PRIMARY_BLOCK_BYTES } from '../limits.ts'
import { checkCrc, decodeBlock, encodeBlock, readCrcType } from './block.ts'
import type { CrcType } from './crc.ts'
import { type EndpointId, endpointFromCbor, endpointToCbor } from './endpoint.ts'

/** The DTN epoch, in milliseconds since the Unix epoch. */
export const DTN_EPOCH_MS = Date.UTC(2000, 0, 1)

/** Bundle processing control flags (RFC 9171 §4.2.3). Unknown bits are kept and mean nothing. */
export const BUNDLE_FLAGS = {
  isFragment: 0x1,
  administrativeRecord: 0x2,
  mustNotFragment: 0x4,
  acknowledgementRequested: 0x20,
  statusTimeRequested: 0x40,
  reportReception: 0x4000,
  reportForwarding: 0x10000,
  reportDelivery: 0x20000,
  reportDeletion: 0x40000,
} as const

/** True when `flags` has any bit of `mask`; also for flags beyond 32 bits, which operators on numbers would cut. */
export function hasFlag(flags: number, mask: number): boolean {
  return (BigInt(flags) & BigInt(mask)) !== 0n
}

/** When a bundle was made: with its source it identifies the bundle (RFC 9171 §4.2.7). */
export interface CreationTimestamp {
  /** Milliseconds since {@link DTN_EPOCH_MS}; 0 when the source has no clock. */
  readonly timeMs: number
  readonly sequence: number
}

export interface PrimaryBlock {
  readonly flags: number
  readonly crcType: CrcType
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly reportTo: EndpointId
  readonly creation: CreationTimestamp
  readonly lifetimeMs: number
  /** Present in a fragment: where its payload belongs in the whole, in bytes. */
  readonly fragment?: { readonly offset: number; readonly totalLength: number }
}

/** Bytes of the primary block, CRC included. */
export function encodePrimary(block: PrimaryBlock): Uint8Array {
  const items: CborValue[] = [
    7,
    block.flags,
    block.crcType,
    endpointToCbor(block.destination),
    endpointToCbor(block.source),
    endpointToCbor(block.reportTo),
    [block.creation.timeMs, block.creation.sequence],
    block.lifetimeMs,
  ]
  if (block.fragment) items.push(block.fragment.offset, block.fragment.totalLength)
  return encodeBlock(items, block.crcType)
}

/**
 * The primary block that `bytes` hold, its CRC checked.
 * @throws BUNDLES_VERSION, BUNDLES_PRIMARY_BLOCK, BUNDLES_CRC_TYPE, BUNDLES_CRC, BUNDLES_ENDPOINT
 */
export function decodePrimary(bytes: Uint8Array): PrimaryBlock {
  const limits = { maxBytes: MAX_PRIMARY_BLOCK_BYTES, maxDepth: 3, maxItems: 40 }
  return decodeBlock(bytes, { code: 'BUNDLES_PRIMARY_BLOCK', limits }, (value) =>
    readPrimary(bytes, shape.array(value, 'primary block', { min: 8, max: 11 })),
  )
}

function readPrimary(bytes: Uint8Array, items: readonly CborValue[]): PrimaryBlock {
  if (items[0] !== 7) throw BUNDLES_ERRORS.create('BUNDLES_VERSION')
  const flags = shape.uint(items[1], 'flags')
  const crcType = readCrcType(items[2])
  const isFragment = hasFlag(flags, BUNDLE_FLAGS.isFragment)
  if (items.length !== 8 + (isFragment ? 2 : 0) + (crcType === 0 ? 0 : 1))
    throw BUNDLES_ERRORS.create('BUNDLES_PRIMARY_BLOCK', { detail: 'number of items' })
  checkCrc(bytes, crcType, items.at(-1))
  const creation = shape.array(items[6], 'creation timestamp', { min: 2, max: 2 })
  const block = {
    flags,
    crcType,
    destination: endpointFromCbor(items[3]),
    source: endpointFromCbor(items[4]),
    reportTo: endpointFromCbor(items[5]),
    creation: { timeMs: shape.uint(creation[0], 'creation time'), sequence: shape.uint(creation[1], 'sequence') },
    lifetimeMs: shape.uint(items[7], 'lifetime'),
  }
  if (!isFragment) return block
  return {
    ...block,
    fragment: { offset: shape.uint(items[8], 'offset'), totalLength: shape.uint(items[9], 'total length') },
  }
}
