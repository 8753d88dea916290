/*
 * Two levels. What a bundle must be for anybody to read it is checked always (rules.ts). What else RFC 9171 and RFC 9172
 * forbid is policy: `strict`, the default, refuses it, `relaxed` takes it, since implementations in use send it, and so do
 * the examples of RFC 9173. What strict takes all the same: docs/adr/0030-what-strict-takes-all-the-same.md.
 */
import { BUNDLES_ERRORS } from '../errors.ts'
import type { Bundle } from './bundle.ts'
import { BLOCK_TYPES } from './canonical.ts'
import { type EndpointId, isDtnUri, NULL_ENDPOINT } from './endpoint.ts'
import { BLOCK_FLAGS, BUNDLE_FLAGS, hasFlag } from './flags.ts'
import type { PrimaryBlock } from './primary.ts'
import type { BundleFindings, ReadSecurityBlock, SecurityFindings } from './rules.ts'

/** Names of the two levels. */
export type BundlePolicy = 'strict' | 'relaxed'

export interface BundleRules {
  /** Takes what {@link checkPolicy} refuses: the level `relaxed` instead of `strict`. Default false. */
  readonly relaxed?: boolean
}

/**
 * Checks what policy `strict` refuses and `relaxed` takes.
 * @throws BUNDLES_PRIMARY_UNPROTECTED, BUNDLES_AGE_MISSING, BUNDLES_CONTROL_FLAGS, BUNDLES_FRAGMENT_RANGE,
 *   BUNDLES_ENDPOINT_DTN, BUNDLES_SECURITY_NESTED, BUNDLES_SECURITY_TWICE, BUNDLES_SECURITY_FLAGS,
 *   BUNDLES_SECURITY_EXPOSED
 */
export function checkPolicy(bundle: Bundle, { security, previousNode }: BundleFindings, rules: BundleRules = {}): void {
  if (rules.relaxed === true) return
  const { primary, blocks } = bundle
  checkFragment(primary, blocks.at(-1)?.data.length ?? 0)
  for (const endpoint of [primary.destination, primary.source, primary.reportTo]) checkName(endpoint)
  if (previousNode !== undefined) checkName(previousNode)
  if (primary.creation.timeMs === 0 && !blocks.some(({ type }) => type === BLOCK_TYPES.bundleAge))
    throw BUNDLES_ERRORS.create('BUNDLES_AGE_MISSING')
  if (primary.crcType === 0 && !security.mayCoverPrimary) throw BUNDLES_ERRORS.create('BUNDLES_PRIMARY_UNPROTECTED')
  if (security.integrity.length + security.confidentiality.length > 0) checkSecurity(bundle, security)
}

/**
 * Checks that a fragment is none that must not be, and within its whole. The payload may not be there yet.
 * @throws BUNDLES_CONTROL_FLAGS, BUNDLES_FRAGMENT_RANGE
 */
export function checkFragment({ flags, fragment }: PrimaryBlock, payloadBytes: number): void {
  if (fragment === undefined) return
  if (hasFlag(flags, BUNDLE_FLAGS.mustNotFragment)) throw BUNDLES_ERRORS.create('BUNDLES_CONTROL_FLAGS')
  if (fragment.offset + payloadBytes > fragment.totalLength) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_RANGE')
}

function checkName(endpoint: EndpointId): void {
  if (endpoint !== NULL_ENDPOINT && endpoint.startsWith('dtn:') && !isDtnUri(endpoint))
    throw BUNDLES_ERRORS.create('BUNDLES_ENDPOINT_DTN')
}

function checkSecurity({ blocks }: Bundle, { integrity, confidentiality, encrypted }: SecurityFindings): void {
  const typeOf = new Map(blocks.map(({ number, type }) => [number, type]))
  const targetsOf = (securities: readonly ReadSecurityBlock[]) => securities.flatMap(({ targets }) => targets)
  for (const { targets, source, block } of [...integrity, ...confidentiality]) {
    checkName(source)
    const types = targets.map((target) => typeOf.get(target))
    const nested = block.type === BLOCK_TYPES.integrity && types.includes(BLOCK_TYPES.integrity)
    if (nested || types.includes(BLOCK_TYPES.confidentiality)) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_NESTED')
  }
  for (const targets of [targetsOf(integrity), targetsOf(confidentiality)]) {
    if (new Set(targets).size !== targets.length) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_TWICE')
  }
  if (confidentiality.some(({ block }) => hasFlag(block.flags, BLOCK_FLAGS.discardIfUnprocessable)))
    throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_FLAGS')
  if (targetsOf(integrity).some((target) => encrypted.has(target)))
    throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_EXPOSED')
}
