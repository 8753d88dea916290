import { type Bundle, decodeHandling, HANDLING_BLOCK, type HandlingBlock, hopCountOf } from '../codec/index.ts'
import { PRIORITIES } from '../codec/priority.ts'
import type { RoutedBundle } from '../routing/index.ts'
import type { QueuedBundle } from '../store/index.ts'

/** How a bundle that came in wants to be handled; one without a readable handling block is like any other. */
export function handlingOf(bundle: Bundle): HandlingBlock {
  const block = bundle.blocks.find(({ type }) => type === HANDLING_BLOCK)
  if (block === undefined) return { priority: PRIORITIES.normal, copies: 0 }
  try {
    return decodeHandling(block.data)
  } catch {
    return { priority: PRIORITIES.normal, copies: 0 }
  }
}

/** What routing sees of a queued bundle. */
export function routedBundle({ bundle, priority, copies, peer, bytes }: QueuedBundle): RoutedBundle {
  const { source, destination } = bundle.primary
  return { source, destination, priority, copies, hops: routedHops(bundle), from: peer, sizeBytes: bytes.length }
}

/** The hop count of a bundle; undefined where there is none, or none that can be read. */
export function routedHops(bundle: Bundle) {
  try {
    return hopCountOf(bundle)
  } catch {
    return undefined
  }
}
