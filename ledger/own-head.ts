import { equalBytes } from '../core/index.ts'
import type { ChainPlace } from './chain-state.ts'

/** What one peer knows as the head of the asking node's chain; undefined when it knows none. */
export interface HeadAnswer {
  /** node_id of the peer. */
  readonly from: string
  readonly head: ChainPlace | undefined
}

/**
 * May this node append, judged by what its peers know of its chain?
 *
 * - `same`: some peer knows exactly this head, none knows more. Append.
 * - `ahead-of-peers`: peers know less, or nothing. Append.
 * - `behind`: a peer knows a higher head: this store is a restored backup or lost its tail. Fetch own blocks from the
 *   peers named, from `fromSeq` on, then judge again; appending now would sign a second block at a used number.
 * - `forked`: a peer knows another block at a number held here. Stop, an operator decides.
 *
 * Heads are claims. Before acting on `behind` or `forked` the block it names is fetched from `peers` and its signature
 * verified; the answer of a peer that cannot show it is dropped, and the rest judged again.
 */
export type OwnHeadDecision =
  | { readonly kind: 'same' | 'ahead-of-peers'; readonly witnesses: number }
  | { readonly kind: 'behind'; readonly fromSeq: number; readonly head: ChainPlace; readonly peers: readonly string[] }
  | { readonly kind: 'forked'; readonly head: ChainPlace; readonly peers: readonly string[] }

export interface OwnHeadQuestion {
  /** Own head; undefined when nothing was ever appended here. */
  readonly own: ChainPlace | undefined
  readonly answers: readonly HeadAnswer[]
  /** Ids of own blocks at the numbers that the answers name, as far as they are held. */
  readonly ownIds: ReadonlyMap<number, Uint8Array>
}

/** Decides {@link OwnHeadDecision}; a fork outweighs a higher head, a higher head outweighs agreement. */
export function decideOwnHead(question: OwnHeadQuestion): OwnHeadDecision {
  const ownSeq = question.own?.seq ?? 0
  const heads = question.answers.flatMap(({ from, head }) => (head === undefined ? [] : [{ from, head }]))
  const forks = heads.filter(({ head }) => head.seq <= ownSeq && !holds(question.ownIds, head))
  const [fork] = forks
  if (fork) return { kind: 'forked', head: fork.head, peers: naming(forks, fork.head) }
  const [highest] = heads.map(({ head }) => head).sort((a, b) => b.seq - a.seq)
  if (highest !== undefined && highest.seq > ownSeq)
    return { kind: 'behind', fromSeq: ownSeq + 1, head: highest, peers: naming(heads, highest) }
  const agreeing = heads.filter(({ head }) => head.seq === ownSeq).length
  if (agreeing > 0) return { kind: 'same', witnesses: agreeing }
  return { kind: 'ahead-of-peers', witnesses: question.answers.length }
}

function holds(ownIds: ReadonlyMap<number, Uint8Array>, place: ChainPlace): boolean {
  const id = ownIds.get(place.seq)
  return id !== undefined && equalBytes(id, place.id)
}

function naming(heads: readonly { from: string; head: ChainPlace }[], place: ChainPlace): string[] {
  return heads.flatMap(({ from, head }) => (head.seq === place.seq && equalBytes(head.id, place.id) ? [from] : []))
}
