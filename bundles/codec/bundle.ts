/*
 * Bundle (RFC 9171 §4.1): the one place where the RFC wants an indefinite length
 *
 *   9f  primary block  canonical block …  payload block  ff
 */
import { concatBytes, encodeCbor } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_BLOCKS, MAX_BUNDLE_BYTES } from '../limits.ts'
import { BLOCK_TYPES, type CanonicalBlock, decodeCanonical, encodeCanonical } from './canonical.ts'
import type { EndpointId } from './endpoint.ts'
import { decodeBundleAge, decodeHopCount, decodePreviousNode, type HopCount } from './extension.ts'
import { splitSequence } from './items.ts'
import { decodePrimary, encodePrimary, type PrimaryBlock } from './primary.ts'
import { type BundleRules, checkRules } from './rules.ts'

/** A bundle; the payload block is the last of `blocks`. */
export interface Bundle {
  readonly primary: PrimaryBlock
  readonly blocks: readonly CanonicalBlock[]
}

const BEGIN = 0x9f
const BREAK = 0xff

/**
 * Bytes of a bundle, CRCs computed.
 * @throws the codes of {@link decodeBundle} for a bundle that it would refuse
 */
export function encodeBundle(bundle: Bundle, rules?: BundleRules): Uint8Array {
  checkRules(bundle, rules)
  if (bundle.blocks.length >= MAX_BLOCKS) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_BLOCKS')
  const parts = [encodePrimary(bundle.primary), ...bundle.blocks.map(encodeCanonical)]
  const bytes = concatBytes(Uint8Array.of(BEGIN), ...parts, Uint8Array.of(BREAK))
  if (bytes.length > MAX_BUNDLE_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_TOO_LARGE')
  return bytes
}

/**
 * The bundle that `bytes` hold, decoded strictly: caps first, every CRC checked, blocks in deterministic CBOR of
 * definite lengths. Encoding it gives the same bytes.
 * @throws BUNDLES_… by the rule that was broken
 */
export function decodeBundle(bytes: Uint8Array, rules?: BundleRules): Bundle {
  if (bytes.length > MAX_BUNDLE_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_TOO_LARGE')
  if (bytes[0] !== BEGIN || bytes.at(-1) !== BREAK) throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED')
  const [first, ...others] = splitSequence(bytes.subarray(1, -1), MAX_BLOCKS)
  if (first === undefined || others.length === 0) throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED')
  const bundle = { primary: decodePrimary(first), blocks: others.map(decodeCanonical) }
  checkRules(bundle, rules)
  return bundle
}

/** What identifies a bundle or a fragment (RFC 9171 §4.2.7, §5.8), as 32 bytes. */
export function bundleId({ primary, blocks }: Bundle): Uint8Array {
  const { source, creation, fragment } = primary
  const place = fragment ? [fragment.offset, blocks.at(-1)?.data.length ?? 0] : []
  return sha256(encodeCbor(['gapmesh-bundle-1', source, creation.timeMs, creation.sequence, ...place]))
}

/** The application data. */
export function payloadOf(bundle: Bundle): Uint8Array {
  return bundle.blocks.at(-1)?.data ?? new Uint8Array()
}

/** Milliseconds of the Bundle Age block; undefined without one, or when it is encrypted. @throws BUNDLES_AGE */
export function bundleAgeMs(bundle: Bundle): number | undefined {
  return readExtension(bundle, BLOCK_TYPES.bundleAge, decodeBundleAge)
}

/** @throws BUNDLES_HOP_COUNT */
export function hopCountOf(bundle: Bundle): HopCount | undefined {
  return readExtension(bundle, BLOCK_TYPES.hopCount, decodeHopCount)
}

/** @throws BUNDLES_PREVIOUS_NODE */
export function previousNodeOf(bundle: Bundle): EndpointId | undefined {
  return readExtension(bundle, BLOCK_TYPES.previousNode, decodePreviousNode)
}

function readExtension<Result>(
  bundle: Bundle,
  wanted: number,
  decode: (data: Uint8Array) => Result,
): Result | undefined {
  const block = bundle.blocks.find(({ type }) => type === wanted)
  return block && decode(block.data)
}
