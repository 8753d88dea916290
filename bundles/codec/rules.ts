import { BUNDLES_ERRORS } from '../errors.ts'
import type { Bundle } from './bundle.ts'
import { BLOCK_TYPES, type CanonicalBlock } from './canonical.ts'
import { type EndpointId, isNullEndpoint } from './endpoint.ts'
import { decodeBundleAge, decodeHopCount, decodePreviousNode } from './extension.ts'
import { BLOCK_FLAGS, BUNDLE_FLAGS, hasFlag } from './flags.ts'
import type { PrimaryBlock } from './primary.ts'
import { decodeSecurityBlock, type SecurityBlock } from './security.ts'

const REPORT_FLAGS =
  BUNDLE_FLAGS.reportReception |
  BUNDLE_FLAGS.reportForwarding |
  BUNDLE_FLAGS.reportDelivery |
  BUNDLE_FLAGS.reportDeletion

/** Blocks that occur at most once (RFC 9171 §4.4). */
const SINGLE_TYPES: readonly number[] = [BLOCK_TYPES.previousNode, BLOCK_TYPES.bundleAge, BLOCK_TYPES.hopCount]

/** A security block that can be read, and the block it is in. */
export interface ReadSecurityBlock extends SecurityBlock {
  readonly block: CanonicalBlock
}

/** What the security blocks of a bundle say. */
export interface SecurityFindings {
  readonly integrity: readonly ReadSecurityBlock[]
  readonly confidentiality: readonly ReadSecurityBlock[]
  /** Numbers of blocks whose data is ciphertext. */
  readonly encrypted: ReadonlySet<number>
  /** True when an integrity block covers the primary block, or one that is encrypted itself may. */
  readonly mayCoverPrimary: boolean
}

/** What the checks of a bundle came upon. */
export interface BundleFindings {
  readonly security: SecurityFindings
  /** Of the Previous Node block, where it is not encrypted. */
  readonly previousNode: EndpointId | undefined
}

/**
 * Checks what no single block shows and every node must be able to rely on: flags, numbers, order and blocks that belong
 * together. What else RFC 9171 forbids is {@link checkPolicy}'s.
 * @throws BUNDLES_ANONYMOUS_FRAGMENTABLE, BUNDLES_ANONYMOUS_REPORTS, BUNDLES_ADMINISTRATIVE_REPORTS, BUNDLES_BLOCK_FLAGS,
 *   BUNDLES_BLOCK_NUMBER, BUNDLES_BLOCK_NUMBER_RESERVED, BUNDLES_BLOCK_TWICE, BUNDLES_PAYLOAD_BLOCK,
 *   BUNDLES_PAYLOAD_MISSING, BUNDLES_PAYLOAD_TWICE, BUNDLES_PAYLOAD_NUMBER, BUNDLES_FRAGMENT_FIELDS,
 *   BUNDLES_SECURITY_TARGET, BUNDLES_SECURITY_PRIMARY, and the code of each extension block
 */
export function checkRules({ primary, blocks }: Bundle): BundleFindings {
  checkFlags(primary, blocks)
  checkPayload(blocks)
  checkNumbers(blocks)
  if (hasFlag(primary.flags, BUNDLE_FLAGS.isFragment) !== (primary.fragment !== undefined))
    throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_FIELDS')
  const security = findSecurity(blocks)
  return { security, previousNode: checkExtensions(blocks, security.encrypted) }
}

function checkFlags({ source, flags }: PrimaryBlock, blocks: readonly CanonicalBlock[]): void {
  const anonymous = isNullEndpoint(source)
  if (anonymous && !hasFlag(flags, BUNDLE_FLAGS.mustNotFragment))
    throw BUNDLES_ERRORS.create('BUNDLES_ANONYMOUS_FRAGMENTABLE')
  if (!anonymous && !hasFlag(flags, BUNDLE_FLAGS.administrativeRecord)) return
  if (hasFlag(flags, REPORT_FLAGS))
    throw BUNDLES_ERRORS.create(anonymous ? 'BUNDLES_ANONYMOUS_REPORTS' : 'BUNDLES_ADMINISTRATIVE_REPORTS')
  if (blocks.some((block) => hasFlag(block.flags, BLOCK_FLAGS.reportIfUnprocessable)))
    throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_FLAGS')
}

function checkPayload(blocks: readonly CanonicalBlock[]): void {
  const at = blocks.findIndex(({ type }) => type === BLOCK_TYPES.payload)
  if (at === -1) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_MISSING')
  if (blocks.findLastIndex(({ type }) => type === BLOCK_TYPES.payload) !== at)
    throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_TWICE')
  if (at !== blocks.length - 1) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_BLOCK')
  if (blocks[at]?.number !== 1) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_NUMBER')
}

function checkNumbers(blocks: readonly CanonicalBlock[]): void {
  if (blocks.length === 1) return
  const numbers = new Set<number>()
  const singles = new Set<number>()
  for (const { number, type } of blocks) {
    if (number === 0) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_NUMBER_RESERVED')
    if (numbers.has(number)) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_NUMBER')
    if (singles.has(type)) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_TWICE')
    numbers.add(number)
    if (SINGLE_TYPES.includes(type)) singles.add(type)
  }
}

const NOTHING_SECURED: SecurityFindings = {
  integrity: [],
  confidentiality: [],
  encrypted: new Set(),
  mayCoverPrimary: false,
}

function isSecurity({ type }: CanonicalBlock): boolean {
  return type === BLOCK_TYPES.integrity || type === BLOCK_TYPES.confidentiality
}

/**
 * Reads the security blocks; an integrity block that is encrypted cannot be read.
 * @throws BUNDLES_SECURITY_BLOCK, BUNDLES_SECURITY_TARGET, BUNDLES_SECURITY_PRIMARY
 */
export function findSecurity(blocks: readonly CanonicalBlock[]): SecurityFindings {
  if (!blocks.some(isSecurity)) return NOTHING_SECURED
  const numbers = new Set([0, ...blocks.map(({ number }) => number)])
  const read = (block: CanonicalBlock): ReadSecurityBlock => {
    const security = decodeSecurityBlock(block.data)
    if (!security.targets.every((target) => numbers.has(target) && target !== block.number))
      throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_TARGET', { detail: `block ${block.number}` })
    return { ...security, block }
  }
  const confidentiality = blocks.filter(({ type }) => type === BLOCK_TYPES.confidentiality).map(read)
  const encrypted = new Set(confidentiality.flatMap(({ targets }) => targets))
  if (encrypted.has(0)) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_PRIMARY')
  const signed = blocks.filter(({ type }) => type === BLOCK_TYPES.integrity)
  const integrity = signed.filter(({ number }) => !encrypted.has(number)).map(read)
  const mayCoverPrimary = integrity.length < signed.length || integrity.some(({ targets }) => targets.includes(0))
  return { integrity, confidentiality, encrypted, mayCoverPrimary }
}

function checkExtensions(blocks: readonly CanonicalBlock[], encrypted: ReadonlySet<number>): EndpointId | undefined {
  let previousNode: EndpointId | undefined
  for (const { type, number, data } of blocks) {
    if (encrypted.has(number)) continue
    if (type === BLOCK_TYPES.previousNode) previousNode = decodePreviousNode(data)
    if (type === BLOCK_TYPES.bundleAge) decodeBundleAge(data)
    if (type === BLOCK_TYPES.hopCount) decodeHopCount(data)
  }
  return previousNode
}
