import { equalBytes } from '../core/index.ts'
import {
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  endpointKey,
  type FragmentPlace,
  type PrimaryBlock,
  payloadOf,
} from './codec/index.ts'
import { BUNDLES_ERRORS } from './errors.ts'
import { MAX_BUNDLE_BYTES, MAX_FRAGMENTS, MAX_PAYLOAD_BYTES } from './limits.ts'

/** Bytes of a payload. */
export interface PayloadRange {
  readonly offset: number
  readonly length: number
}

/** Which bytes of one payload have come in fragments, and which are missing. Holds no bytes. */
export class ReassemblyPlan {
  readonly totalLength: number
  readonly #maxFragments: number
  /** In order of their offsets, none touching another's bytes. */
  readonly #ranges: PayloadRange[] = []
  #receivedBytes = 0

  /** @throws BUNDLES_REASSEMBLY_TOO_LARGE */
  constructor(totalLength: number, { maxFragments = MAX_FRAGMENTS, maxBytes = MAX_PAYLOAD_BYTES } = {}) {
    if (totalLength > maxBytes) throw BUNDLES_ERRORS.create('BUNDLES_REASSEMBLY_TOO_LARGE')
    this.totalLength = totalLength
    this.#maxFragments = maxFragments
  }

  /** What has come, in order. */
  get ranges(): readonly PayloadRange[] {
    return this.#ranges
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  get complete(): boolean {
    return this.#receivedBytes === this.totalLength
  }

  /**
   * Takes a fragment's place into account; false when just this range is there already.
   * @throws BUNDLES_FRAGMENT_MISMATCH when it is of another total length, BUNDLES_FRAGMENT_RANGE when it is empty or
   *   reaches beyond the whole, BUNDLES_FRAGMENT_OVERLAP, BUNDLES_TOO_MANY_FRAGMENTS; the plan is then as before
   */
  add({ offset, totalLength }: FragmentPlace, length: number): boolean {
    if (totalLength !== this.totalLength) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_MISMATCH', { detail: 'length' })
    if ((length < 1 && totalLength > 0) || offset + length > totalLength)
      throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_RANGE')
    const at = this.#firstFrom(offset)
    const [before, next] = [this.#ranges[at - 1], this.#ranges[at]]
    if (next?.offset === offset && next.length === length) return false
    const overlaps =
      (before !== undefined && before.offset + before.length > offset) || (next && next.offset < offset + length)
    if (overlaps) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_OVERLAP')
    if (this.#ranges.length >= this.#maxFragments) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_FRAGMENTS')
    this.#ranges.splice(at, 0, { offset, length })
    this.#receivedBytes += length
    return true
  }

  /** What is missing, in order. */
  holes(): PayloadRange[] {
    const holes: PayloadRange[] = []
    let at = 0
    for (const { offset, length } of [...this.#ranges, { offset: this.totalLength, length: 0 }]) {
      if (offset > at) holes.push({ offset: at, length: offset - at })
      at = offset + length
    }
    return holes
  }

  /** Index of the first range that begins at `offset` or behind it. */
  #firstFrom(offset: number): number {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ranges[middle]?.offset ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What fragments of one bundle have in common, as text. Fragments are of one bundle when it is the same (RFC 9171 §5.9). */
export function wholeKey({ source, creation }: PrimaryBlock): string {
  return `${endpointKey(source)} ${creation.timeMs} ${creation.sequence}`
}

/** The primary block of the whole that a fragment is of. */
export function wholePrimary({ fragment: _, ...primary }: PrimaryBlock): PrimaryBlock {
  return { ...primary, flags: primary.flags - (primary.flags & BUNDLE_FLAGS.isFragment) }
}

/**
 * The bundle that fragments in any order, with any of them twice, are of (RFC 9171 §5.9): its blocks are those of the
 * fragment with the beginning of the payload, which has them all. For bundles that fit into memory.
 * @throws BUNDLES_FRAGMENTS_MISSING, BUNDLES_FRAGMENT_MISMATCH, BUNDLES_FRAGMENT_OVERLAP, BUNDLES_FRAGMENT_RANGE,
 *   BUNDLES_TOO_MANY_FRAGMENTS, BUNDLES_REASSEMBLY_TOO_LARGE
 */
export function reassembleBundle(fragments: readonly Bundle[]): Bundle {
  const [any] = fragments
  if (any?.primary.fragment === undefined) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENTS_MISSING')
  const plan = new ReassemblyPlan(any.primary.fragment.totalLength, { maxBytes: MAX_BUNDLE_BYTES })
  const parts = new Map<number, Bundle>()
  for (const fragment of fragments) {
    checkAlike(any.primary, fragment.primary)
    const place = fragment.primary.fragment ?? { offset: 0, totalLength: -1 }
    if (plan.add(place, payloadOf(fragment).length)) parts.set(place.offset, fragment)
    else checkSamePayload(parts.get(place.offset), fragment)
  }
  const first = parts.get(0)
  if (!plan.complete || first === undefined) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENTS_MISSING')
  const data = new Uint8Array(plan.totalLength)
  for (const [offset, part] of parts) data.set(payloadOf(part), offset)
  return {
    primary: wholePrimary(first.primary),
    blocks: first.blocks.map((block) => (block.type === BLOCK_TYPES.payload ? { ...block, data } : block)),
  }
}

/**
 * Checks that two fragments may be of one bundle.
 * @throws BUNDLES_FRAGMENT_MISMATCH
 */
export function checkAlike(one: PrimaryBlock, other: PrimaryBlock): void {
  const facts = (primary: PrimaryBlock) => {
    const { flags, crcType, destination, source, reportTo, lifetimeMs, fragment } = primary
    return [wholeKey(primary), flags, crcType, destination, source, reportTo, lifetimeMs, fragment?.totalLength].join(
      ' ',
    )
  }
  if (facts(one) !== facts(other)) throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_MISMATCH')
}

function checkSamePayload(one: Bundle | undefined, other: Bundle): void {
  if (one === undefined || !equalBytes(payloadOf(one), payloadOf(other)))
    throw BUNDLES_ERRORS.create('BUNDLES_FRAGMENT_OVERLAP', { detail: 'other bytes in the same place' })
}
