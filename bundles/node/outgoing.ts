import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  type Bundle,
  bundleAgeMs,
  type CanonicalBlock,
  type EndpointId,
  encodeBundle,
  encodeBundleAge,
  encodeHandling,
  encodeHopCount,
  encodePreviousNode,
  HANDLING_BLOCK,
  type HandlingBlock,
  hopCountOf,
} from '../codec/index.ts'

/** What changes in a bundle when a node hands it on (RFC 9171 §5.4). */
export interface Passage {
  /** Node endpoint that hands it on. */
  readonly self: EndpointId
  /** How long it lay here. */
  readonly heldMs: number
  readonly handling: HandlingBlock
}

/**
 * Bytes of a bundle as it leaves a node: Previous Node names that node, the age has grown, one more hop is counted, and the
 * handling block says what the receiver may do. Every other block is as it came. Blocks that are encrypted stay as they are.
 */
export function outgoing(bundle: Bundle, { self, heldMs, handling }: Passage): Uint8Array {
  const hops = readable(() => hopCountOf(bundle))
  const ageMs = readable(() => bundleAgeMs(bundle))
  const changes = new Map<number, Uint8Array>([
    [BLOCK_TYPES.previousNode, encodePreviousNode(self)],
    [HANDLING_BLOCK, encodeHandling(handling)],
  ])
  if (hops !== undefined) changes.set(BLOCK_TYPES.hopCount, encodeHopCount({ ...hops, count: hops.count + 1 }))
  if (ageMs !== undefined) changes.set(BLOCK_TYPES.bundleAge, encodeBundleAge(ageMs + Math.max(0, Math.round(heldMs))))
  const kept = bundle.blocks.map((block) => replaced(block, changes))
  const added = [BLOCK_TYPES.previousNode, HANDLING_BLOCK].filter((type) => !kept.some((block) => block.type === type))
  return encodeBundle({ primary: bundle.primary, blocks: withBlocks(kept, added, changes) }, { relaxed: true })
}

function replaced(block: CanonicalBlock, changes: ReadonlyMap<number, Uint8Array>): CanonicalBlock {
  const data = changes.get(block.type)
  return data === undefined ? block : { ...block, data }
}

/** New blocks get numbers that none has, and stand before the payload. */
function withBlocks(
  blocks: readonly CanonicalBlock[],
  types: readonly number[],
  data: ReadonlyMap<number, Uint8Array>,
): CanonicalBlock[] {
  const first = Math.max(1, ...blocks.map(({ number }) => number)) + 1
  const added = types.map((type, at): CanonicalBlock => {
    return { type, number: first + at, flags: flagsOf(type), crcType: 0, data: data.get(type) ?? new Uint8Array() }
  })
  return [...added, ...blocks]
}

/** A node of another kind carries the handling block on; each fragment has it. */
function flagsOf(type: number): number {
  return type === HANDLING_BLOCK ? BLOCK_FLAGS.replicateInFragments : 0
}

function readable<Value>(read: () => Value | undefined): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
