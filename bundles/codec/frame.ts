/*
 * Bundle (RFC 9171 §4.1): the one place where the RFC wants an indefinite length
 *
 *   9f  primary block  canonical block …  payload block  ff
 */
import { CborWriter } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_BLOCKS, MAX_BUNDLE_BYTES } from '../limits.ts'
import type { Bundle } from './bundle.ts'
import { BLOCK_ROOM, type CanonicalBlock, readCanonical, writeCanonical } from './canonical.ts'
import { type BundleRules, checkPolicy } from './policy.ts'
import { primaryRoom, readPrimary, writePrimary } from './primary.ts'
import { BlockReader } from './reader.ts'
import { checkRules } from './rules.ts'

/** First byte of a bundle: the head of an array of indefinite length. */
export const BEGIN = 0x9f

/** Last byte of a bundle. */
export const BREAK = 0xff

/**
 * Bytes of a bundle, CRCs computed.
 * @throws the codes of {@link decodeBundle} for a bundle that it would refuse
 */
export function encodeBundle(bundle: Bundle, rules?: BundleRules): Uint8Array {
  checkPolicy(bundle, checkRules(bundle), rules)
  if (bundle.blocks.length >= MAX_BLOCKS) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_BLOCKS')
  const room = roomOf(bundle)
  if (room > MAX_BUNDLE_BYTES + MAX_BLOCKS * BLOCK_ROOM) throw BUNDLES_ERRORS.create('BUNDLES_TOO_LARGE')
  const written = write(bundle, room)
  if (written.length > MAX_BUNDLE_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_TOO_LARGE')
  return written
}

function roomOf({ primary, blocks }: Bundle): number {
  return blocks.reduce((sum, { data }) => sum + BLOCK_ROOM + data.length, 2 + primaryRoom(primary))
}

function write({ primary, blocks }: Bundle, room: number): Uint8Array {
  const writer = new CborWriter(room).encoded(Uint8Array.of(BEGIN))
  writePrimary(writer, primary)
  for (const block of blocks) writeCanonical(writer, block)
  return writer.encoded(Uint8Array.of(BREAK)).written
}

/** Length of the bytes of a bundle; its payload, which may be long, is not copied for it. */
export function sizeOfBundle({ primary, blocks }: Bundle): number {
  const payload = blocks.at(-1)?.data ?? new Uint8Array()
  const small = { primary, blocks: blocks.with(-1, { ...(blocks.at(-1) as CanonicalBlock), data: new Uint8Array() }) }
  const head = new CborWriter(9).bytesHead(payload.length).written.length
  return write(small, roomOf(small)).length - 1 + head + payload.length
}

/**
 * The bundle that `bytes` hold, decoded strictly: caps first, every CRC checked, blocks in deterministic CBOR of
 * definite lengths. Encoding it gives the same bytes.
 * @throws BUNDLES_… by the rule that was broken
 */
export function decodeBundle(bytes: Uint8Array, rules?: BundleRules): Bundle {
  if (bytes.length > MAX_BUNDLE_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_TOO_LARGE')
  if (bytes[0] !== BEGIN || bytes.at(-1) !== BREAK) throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED')
  const source = new BlockReader(bytes.subarray(1, -1), 'BUNDLES_BLOCK')
  const primary = readPrimary(source)
  const blocks: CanonicalBlock[] = []
  while (source.cbor.next !== undefined) {
    if (blocks.length === MAX_BLOCKS - 1) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_BLOCKS')
    blocks.push(readCanonical(source))
  }
  if (blocks.length === 0) throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED', { detail: 'no block but the primary' })
  const bundle = { primary, blocks }
  checkPolicy(bundle, checkRules(bundle), rules)
  return bundle
}
