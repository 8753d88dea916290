import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type CanonicalBlock,
  findSecurity,
  hasFlag,
  payloadOf,
  sizeOfBundle,
} from './codec/index.ts'
import { BUNDLES_ERRORS } from './errors.ts'

/** Extension blocks that every fragment needs whatever their flag says: without its age or hop count it would live on. */
const ALWAYS_REPLICATED: readonly number[] = [BLOCK_TYPES.bundleAge, BLOCK_TYPES.hopCount]

/**
 * Splits a bundle, or a fragment of one, into fragments of at most `maxBytes` bytes each (RFC 9171 §5.8). The fragment
 * with the beginning of the payload keeps all blocks, the others those that must be replicated, so that a payload that
 * fits is one bundle: the very same. The primary block stays as it is but for the fragment's place.
 * @throws BUNDLES_MUST_NOT_FRAGMENT, BUNDLES_FRAGMENT_TOO_SMALL when the blocks alone are longer
 */
export function fragmentBundle(bundle: Bundle, maxBytes: number): Bundle[] {
  if (sizeOfBundle(bundle) <= maxBytes) return [bundle]
  const length = payloadOf(bundle).length
  const ends: number[] = []
  for (let start = 0; start < length || ends.length === 0; ) {
    start += roomFor(bundle, start, maxBytes)
    ends.push(Math.min(start, length))
  }
  return fragmentAt(bundle, ends.slice(0, -1))
}

/**
 * Splits a bundle before these bytes of its payload, which rise.
 * @throws BUNDLES_MUST_NOT_FRAGMENT; a TypeError when a cut is not within the payload
 */
export function fragmentAt(bundle: Bundle, cuts: readonly number[]): Bundle[] {
  checkMayFragment(bundle)
  const length = payloadOf(bundle).length
  const edges = [0, ...cuts, length]
  for (const [at, edge] of edges.entries()) {
    const previous = edges[at - 1] ?? -1
    if (!Number.isSafeInteger(edge) || (edge <= previous && length > 0))
      throw new TypeError('cuts of a payload rise and lie within it')
  }
  return edges.slice(1).map((end, at) => pieceOf(bundle, edges[at] ?? 0, end))
}

/** Bytes of payload that fit into the fragment that begins at `start` of this payload. */
function roomFor(bundle: Bundle, start: number, maxBytes: number): number {
  checkMayFragment(bundle)
  const length = payloadOf(bundle).length
  // The head of a byte string grows with it: what the longest would need is set aside.
  const around = sizeOfBundle(pieceOf(bundle, start, start)) + 8
  const room = Math.min(maxBytes - around, length - start)
  if (room < 1) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_TOO_SMALL', { detail: `${around} bytes are taken` })
  return room
}

function checkMayFragment({ primary }: Bundle): void {
  if (hasFlag(primary.flags, BUNDLE_FLAGS.mustNotFragment)) throw BUNDLES_ERRORS.create('BUNDLES_MUST_NOT_FRAGMENT')
}

function pieceOf(bundle: Bundle, start: number, end: number): Bundle {
  const { primary, blocks } = bundle
  const payload = payloadOf(bundle)
  const whole = primary.fragment ?? { offset: 0, totalLength: payload.length }
  const replicated = start === 0 ? undefined : replicatedBlocks(bundle)
  const fragment = { offset: whole.offset + start, totalLength: whole.totalLength }
  const flags = hasFlag(primary.flags, BUNDLE_FLAGS.isFragment)
    ? primary.flags
    : primary.flags + BUNDLE_FLAGS.isFragment
  return {
    primary: { ...primary, flags, fragment },
    blocks: blocks
      .filter(({ number, type }) => type === BLOCK_TYPES.payload || (replicated?.has(number) ?? true))
      .map((block) => (block.type === BLOCK_TYPES.payload ? { ...block, data: payload.subarray(start, end) } : block)),
  }
}

/**
 * Numbers of the blocks that go into every fragment. A fragment whose payload is encrypted says so (RFC 9172 §3.8), one
 * whose primary block has no CRC brings what covers it, and a security block comes with its targets: it would be malformed
 * without them. None is added to a fragment (RFC 9172 §5.2), all come from the whole.
 */
function replicatedBlocks({ primary, blocks }: Bundle): ReadonlySet<number> {
  const { integrity, confidentiality } = findSecurity(blocks)
  const isNeeded = ({ targets, block }: (typeof integrity)[number]) =>
    targets.includes(block.type === BLOCK_TYPES.confidentiality ? 1 : 0) &&
    (block.type === BLOCK_TYPES.confidentiality || primary.crcType === 0)
  const needed = [...integrity, ...confidentiality].filter(isNeeded).map(({ block }) => block.number)
  const isReplicated = ({ type, flags }: CanonicalBlock) =>
    ALWAYS_REPLICATED.includes(type) || hasFlag(flags, BLOCK_FLAGS.replicateInFragments)
  const numbers = new Set([...needed, ...blocks.filter(isReplicated).map(({ number }) => number)])
  // Nobody can say here what an encrypted integrity block covers: where it goes, all go.
  const unread = blocks.filter(
    ({ type, number }) => type === BLOCK_TYPES.integrity && !integrity.some(({ block }) => block.number === number),
  )
  for (let size = 0; size < numbers.size; ) {
    size = numbers.size
    for (const { targets, block } of [...integrity, ...confidentiality]) {
      const encrypts =
        block.type === BLOCK_TYPES.confidentiality && targets.some((target) => target > 1 && numbers.has(target))
      if (encrypts) numbers.add(block.number)
      if (numbers.has(block.number)) for (const target of targets) numbers.add(target)
    }
  }
  const isEverywhere = primary.crcType === 0 || unread.some(({ number }) => numbers.has(number))
  return unread.length > 0 && isEverywhere ? new Set(blocks.map(({ number }) => number)) : numbers
}

/** False for a fragment: security blocks are for whole bundles (RFC 9172 §5.2). */
export function mayAddSecurity({ primary }: Bundle): boolean {
  return primary.fragment === undefined
}
