/*
 * What the store remembers of one chain, next to its blocks. Deterministic CBOR, an array of seven:
 *
 *   [ held_seq, held_id, count, announced_seq, announced_id, sealed_seq, conflicts ]
 *
 * A seq of 0 means none; its id is then 32 zero bytes.
 */
import { decodeCbor, encodeCbor, shape } from '../core/index.ts'
import { noBlock } from './microblock.ts'

/** Last known block of one origin's chain. */
export interface ChainHead {
  readonly origin: string
  readonly seq: number
  readonly id: Uint8Array
}

/** A place in a chain; seq 0 is before the first block. */
export interface ChainPlace {
  readonly seq: number
  readonly id: Uint8Array
}

export interface ChainState {
  /** Last block that is held; every block before it is held too. */
  readonly held: ChainPlace
  /** Blocks held. Kept apart from `held.seq` so that lost blocks show. */
  readonly count: number
  /** Highest head that the origin itself announced. */
  readonly announced: ChainPlace
  /** Blocks up to here are carried by a post-quantum seal; 0 while none is. */
  readonly sealedSeq: number
  /** Conflicting blocks kept. */
  readonly conflicts: number
}

/** A chain of which nothing is known. */
export function emptyChain(): ChainState {
  const none = { seq: 0, id: noBlock() }
  return { held: none, count: 0, announced: none, sealedSeq: 0, conflicts: 0 }
}

/** The higher of the held and the announced head; undefined when there is neither. */
export function bestHead(origin: string, state: ChainState): ChainHead | undefined {
  const best = state.announced.seq > state.held.seq ? state.announced : state.held
  return best.seq === 0 ? undefined : { origin, seq: best.seq, id: best.id }
}

/** Bytes of {@link ChainState}. */
export function encodeChainState(state: ChainState): Uint8Array {
  const { held, announced } = state
  return encodeCbor([held.seq, held.id, state.count, announced.seq, announced.id, state.sealedSeq, state.conflicts])
}

/**
 * The state of {@link encodeChainState}.
 * @throws CORE_CBOR_… when the bytes are anything else
 */
export function decodeChainState(bytes: Uint8Array): ChainState {
  const items = shape.array(decodeCbor(bytes, { maxBytes: 256, maxDepth: 1, maxItems: 8 }), 'chain', { min: 7, max: 7 })
  const id = (at: number) => shape.bytes(items[at], 'id', { min: 32, max: 32 })
  return {
    held: { seq: shape.uint(items[0], 'held_seq'), id: id(1) },
    count: shape.uint(items[2], 'count'),
    announced: { seq: shape.uint(items[3], 'announced_seq'), id: id(4) },
    sealedSeq: shape.uint(items[5], 'sealed_seq'),
    conflicts: shape.uint(items[6], 'conflicts'),
  }
}
