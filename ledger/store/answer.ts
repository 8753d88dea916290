import { equalBytes } from '../../core/index.ts'
import type { ChainPlace } from '../chain-state.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import { MAX_BLOCKS_PER_ANSWER } from '../limits.ts'
import { decodeMicroblock, type Microblock } from '../microblock.ts'

/**
 * Blocks of one chain as a peer sent them, decoded and linked to each other. What fails here every node would refuse.
 * @throws LEDGER_TOO_MANY_BLOCKS, LEDGER_BLOCK_TOO_LARGE, LEDGER_BLOCK_MALFORMED, LEDGER_BLOCK_ORIGIN, LEDGER_BLOCK_LINK
 */
export function decodeAnswer(origin: string, encoded: readonly Uint8Array[]): Microblock[] {
  if (encoded.length > MAX_BLOCKS_PER_ANSWER) throw LEDGER_ERRORS.create('LEDGER_TOO_MANY_BLOCKS')
  const blocks: Microblock[] = []
  for (const bytes of encoded) {
    const block = decodeMicroblock(bytes)
    if (block.nodeId !== origin) throw LEDGER_ERRORS.create('LEDGER_BLOCK_ORIGIN')
    const before = blocks.at(-1)
    if (before !== undefined && !follows(block, before)) throw LEDGER_ERRORS.create('LEDGER_BLOCK_LINK')
    blocks.push(block)
  }
  return blocks
}

/** True when `block` is the next one after `place`. */
export function follows(block: Microblock, place: ChainPlace): boolean {
  return block.seq === place.seq + 1 && equalBytes(block.prev, place.id)
}

/** What an answer means for the chain that is held. */
export type AnswerPlan =
  | { readonly kind: 'known' }
  | { readonly kind: 'extends'; readonly fresh: readonly Microblock[] }
  | { readonly kind: 'gap' }
  /** The first different block at a number that is held. */
  | { readonly kind: 'conflict'; readonly other: Microblock }
  /** The next number, but on another chain; where they part is not known yet. */
  | { readonly kind: 'diverges'; readonly other: Microblock }

/**
 * Compares an answer (linked, in order) with the chain that is held.
 * @param heldIds ids of the held blocks at the numbers of the answer
 */
export function planAnswer(
  blocks: readonly Microblock[],
  held: ChainPlace,
  heldIds: ReadonlyMap<number, Uint8Array>,
): AnswerPlan {
  const [first] = blocks
  if (first === undefined) return { kind: 'known' }
  if (first.seq > held.seq + 1) return { kind: 'gap' }
  const other = blocks.find((block) => block.seq <= held.seq && !sameAsHeld(block, heldIds))
  if (other !== undefined) return { kind: 'conflict', other }
  const fresh = blocks.filter((block) => block.seq > held.seq)
  const [next] = fresh
  if (next === undefined) return { kind: 'known' }
  return follows(next, held) ? { kind: 'extends', fresh } : { kind: 'diverges', other: next }
}

function sameAsHeld(block: Microblock, heldIds: ReadonlyMap<number, Uint8Array>): boolean {
  const id = heldIds.get(block.seq)
  return id !== undefined && equalBytes(id, block.id)
}
