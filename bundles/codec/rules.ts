import { BUNDLES_ERRORS } from '../errors.ts'
import type { Bundle } from './bundle.ts'
import { BLOCK_FLAGS, BLOCK_TYPES, type CanonicalBlock } from './canonical.ts'
import { NULL_ENDPOINT } from './endpoint.ts'
import { decodeBundleAge, decodeHopCount, decodePreviousNode } from './extension.ts'
import { BUNDLE_FLAGS, hasFlag, type PrimaryBlock } from './primary.ts'
import { decodeSecurityFrame, type SecurityFrame } from './security.ts'

const REPORT_FLAGS =
  BUNDLE_FLAGS.reportReception |
  BUNDLE_FLAGS.reportForwarding |
  BUNDLE_FLAGS.reportDelivery |
  BUNDLE_FLAGS.reportDeletion

/** Blocks that occur at most once (RFC 9171 §4.4). */
const SINGLE_TYPES: readonly number[] = [BLOCK_TYPES.previousNode, BLOCK_TYPES.bundleAge, BLOCK_TYPES.hopCount]

export interface BundleRules {
  /**
   * Accepts two things against RFC 9171 that many implementations, and the examples of RFC 9173, do: a primary block
   * with neither CRC nor integrity block (§4.3.1), and no Bundle Age block although there is no creation time (§4.2.7).
   * Default false.
   */
  readonly relaxed?: boolean
}

/**
 * Checks what no single block shows: flags, numbers, order and blocks that belong together.
 * @throws BUNDLES_CONTROL_FLAGS, BUNDLES_BLOCK_FLAGS, BUNDLES_BLOCK_NUMBER, BUNDLES_BLOCK_TWICE, BUNDLES_PAYLOAD_BLOCK,
 *   BUNDLES_AGE_MISSING, BUNDLES_PRIMARY_BLOCK, BUNDLES_PRIMARY_UNPROTECTED, and the code of each extension block
 */
export function checkRules({ primary, blocks }: Bundle, rules: BundleRules = {}): void {
  checkFlags(primary, blocks)
  checkNumbers(blocks)
  checkFragment(primary, blocks)
  const security = checkSecurity(blocks)
  checkExtensions(blocks, security)
  if (rules.relaxed === true) return
  if (primary.creation.timeMs === 0 && !blocks.some(({ type }) => type === BLOCK_TYPES.bundleAge))
    throw BUNDLES_ERRORS.create('BUNDLES_AGE_MISSING')
  if (primary.crcType === 0 && !security.mayCoverPrimary) throw BUNDLES_ERRORS.create('BUNDLES_PRIMARY_UNPROTECTED')
}

function checkFlags(primary: PrimaryBlock, blocks: readonly CanonicalBlock[]): void {
  const anonymous = primary.source === NULL_ENDPOINT
  if (anonymous && !hasFlag(primary.flags, BUNDLE_FLAGS.mustNotFragment))
    throw BUNDLES_ERRORS.create('BUNDLES_CONTROL_FLAGS', { detail: 'anonymous and yet to be fragmented' })
  if (!anonymous && !hasFlag(primary.flags, BUNDLE_FLAGS.administrativeRecord)) return
  if (hasFlag(primary.flags, REPORT_FLAGS))
    throw BUNDLES_ERRORS.create('BUNDLES_CONTROL_FLAGS', { detail: 'reports asked for where none may be sent' })
  if (blocks.some(({ flags }) => hasFlag(flags, BLOCK_FLAGS.reportIfUnprocessable)))
    throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_FLAGS', { detail: 'reports asked for where none may be sent' })
}

function checkNumbers(blocks: readonly CanonicalBlock[]): void {
  const payloads = blocks.filter(({ type }) => type === BLOCK_TYPES.payload)
  if (payloads.length !== 1 || blocks.at(-1)?.type !== BLOCK_TYPES.payload || blocks.at(-1)?.number !== 1)
    throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_BLOCK')
  const numbers = new Set(blocks.map(({ number }) => number))
  if (numbers.size !== blocks.length || numbers.has(0)) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_NUMBER')
  for (const single of SINGLE_TYPES) {
    if (blocks.filter(({ type }) => type === single).length > 1) throw BUNDLES_ERRORS.create('BUNDLES_BLOCK_TWICE')
  }
}

function checkFragment({ flags, fragment }: PrimaryBlock, blocks: readonly CanonicalBlock[]): void {
  if (hasFlag(flags, BUNDLE_FLAGS.isFragment) !== (fragment !== undefined))
    throw BUNDLES_ERRORS.create('BUNDLES_PRIMARY_BLOCK', { detail: 'fragment' })
  if (fragment === undefined) return
  if (hasFlag(flags, BUNDLE_FLAGS.mustNotFragment))
    throw BUNDLES_ERRORS.create('BUNDLES_CONTROL_FLAGS', { detail: 'a fragment that must not be one' })
  if (fragment.offset + (blocks.at(-1)?.data.length ?? 0) > fragment.totalLength)
    throw BUNDLES_ERRORS.create('BUNDLES_PRIMARY_BLOCK', { detail: 'the fragment reaches beyond the whole' })
}

interface SecurityFindings {
  /** Numbers of blocks whose data is ciphertext. */
  readonly encrypted: ReadonlySet<number>
  /** True when an integrity block covers the primary block, or one that is encrypted itself may. */
  readonly mayCoverPrimary: boolean
}

function checkSecurity(blocks: readonly CanonicalBlock[]): SecurityFindings {
  const numbers = new Set([0, ...blocks.map(({ number }) => number)])
  const frameOf = (block: CanonicalBlock): SecurityFrame => {
    const frame = decodeSecurityFrame(block.data)
    if (!frame.targets.every((target) => numbers.has(target) && target !== block.number))
      throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { detail: 'a target is not there' })
    return frame
  }
  const ciphers = blocks.filter(({ type }) => type === BLOCK_TYPES.confidentiality).map(frameOf)
  const encrypted = new Set(ciphers.flatMap(({ targets }) => targets))
  if (encrypted.has(0)) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { detail: 'the primary block encrypted' })
  const integrity = blocks.filter(({ type }) => type === BLOCK_TYPES.integrity)
  const readable = integrity.filter(({ number }) => !encrypted.has(number)).map(frameOf)
  const mayCoverPrimary = readable.length < integrity.length || readable.some(({ targets }) => targets.includes(0))
  return { encrypted, mayCoverPrimary }
}

function checkExtensions(blocks: readonly CanonicalBlock[], { encrypted }: SecurityFindings): void {
  for (const { type, number, data } of blocks) {
    if (encrypted.has(number)) continue
    if (type === BLOCK_TYPES.previousNode) decodePreviousNode(data)
    if (type === BLOCK_TYPES.bundleAge) decodeBundleAge(data)
    if (type === BLOCK_TYPES.hopCount) decodeHopCount(data)
  }
}
