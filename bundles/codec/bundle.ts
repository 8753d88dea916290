import { encodeCbor } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { BLOCK_TYPES, type CanonicalBlock } from './canonical.ts'
import { type EndpointId, endpointKey } from './endpoint.ts'
import { decodeBundleAge, decodeHopCount, decodePreviousNode, type HopCount } from './extension.ts'
import type { PrimaryBlock } from './primary.ts'

/** A bundle; the payload block is the last of `blocks`. */
export interface Bundle {
  readonly primary: PrimaryBlock
  readonly blocks: readonly CanonicalBlock[]
}

/** What identifies a bundle or a fragment (RFC 9171 §4.2.7, §5.8), as 32 bytes; the same however its source is encoded. */
export function bundleId({ primary, blocks }: Bundle): Uint8Array {
  const { source, creation, fragment } = primary
  const place = fragment ? [fragment.offset, blocks.at(-1)?.data.length ?? 0] : []
  return sha256(encodeCbor(['gapmesh-bundle-1', endpointKey(source), creation.timeMs, creation.sequence, ...place]))
}

/** The application data. */
export function payloadOf(bundle: Bundle): Uint8Array {
  return bundle.blocks.at(-1)?.data ?? new Uint8Array()
}

/** Milliseconds of the Bundle Age block; undefined without one, or when it is encrypted. @throws BUNDLES_AGE */
export function bundleAgeMs(bundle: Bundle): number | undefined {
  return readExtension(bundle, BLOCK_TYPES.bundleAge, decodeBundleAge)
}

/** @throws BUNDLES_HOP_COUNT */
export function hopCountOf(bundle: Bundle): HopCount | undefined {
  return readExtension(bundle, BLOCK_TYPES.hopCount, decodeHopCount)
}

/** @throws BUNDLES_PREVIOUS_NODE */
export function previousNodeOf(bundle: Bundle): EndpointId | undefined {
  return readExtension(bundle, BLOCK_TYPES.previousNode, decodePreviousNode)
}

function readExtension<Result>(
  bundle: Bundle,
  wanted: number,
  decode: (data: Uint8Array) => Result,
): Result | undefined {
  const block = bundle.blocks.find(({ type }) => type === wanted)
  return block && decode(block.data)
}
