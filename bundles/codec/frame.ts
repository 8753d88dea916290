/*
 * Bundle (RFC 9171 §4.1): the one place where the RFC wants an indefinite length
 *
 *   9f  primary block  canonical block …  payload block  ff
 */
import { concatBytes } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_BLOCKS, MAX_BUNDLE_BYTES } from '../limits.ts'
import type { Bundle } from './bundle.ts'
import { decodeCanonical, encodeCanonical } from './canonical.ts'
import { splitSequence } from './items.ts'
import { decodePrimary, encodePrimary } from './primary.ts'
import { type BundleRules, checkRules } from './rules.ts'

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
