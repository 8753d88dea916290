import type { Clock, RandomSource } from '../../core/index.ts'
import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  type Bundle,
  type CanonicalBlock,
  DTN_EPOCH_MS,
  type EndpointId,
  encodeBundleAge,
  encodeHandling,
  encodeHopCount,
  HANDLING_BLOCK,
  NULL_ENDPOINT,
} from '../codec/index.ts'
import type { Priority } from '../codec/priority.ts'

/** Bytes of a sequence number that is drawn at random: two bundles of one millisecond, or of a node without a clock, differ. */
const SEQUENCE_BYTES = 6

export interface Composition {
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly payload: Uint8Array
  readonly lifetimeMs: number
  readonly priority: Priority
  readonly copies: number
  readonly hopLimit: number
}

export interface ComposeDependencies {
  readonly clock: Pick<Clock, 'now'>
  readonly random: RandomSource
  readonly clockTrusted: boolean
}

/** A new bundle, with age, hop count and handling, so that nodes of every kind can judge it. */
export function compose(parts: Composition, { clock, random, clockTrusted }: ComposeDependencies): Bundle {
  const { source, destination, payload, lifetimeMs, priority, copies, hopLimit } = parts
  const timeMs = clockTrusted ? Math.max(0, clock.now() - DTN_EPOCH_MS) : 0
  const sequence = random.bytes(SEQUENCE_BYTES).reduce((number, byte) => number * 256 + byte, 0)
  const extension = (type: number, number: number, flags: number, data: Uint8Array): CanonicalBlock => {
    return { type, number, flags, crcType: 0, data }
  }
  return {
    primary: {
      flags: 0,
      crcType: 2,
      source,
      destination,
      reportTo: NULL_ENDPOINT,
      creation: { timeMs, sequence },
      lifetimeMs,
    },
    blocks: [
      extension(BLOCK_TYPES.bundleAge, 2, BLOCK_FLAGS.replicateInFragments, encodeBundleAge(0)),
      extension(
        BLOCK_TYPES.hopCount,
        3,
        BLOCK_FLAGS.replicateInFragments,
        encodeHopCount({ limit: hopLimit, count: 0 }),
      ),
      extension(HANDLING_BLOCK, 4, BLOCK_FLAGS.replicateInFragments, encodeHandling({ priority, copies })),
      { type: BLOCK_TYPES.payload, number: 1, flags: 0, crcType: 2, data: payload },
    ],
  }
}
