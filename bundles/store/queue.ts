import { checkOptionKeys, checkWholeNumber } from '../../core/index.ts'
import {
  DEFAULT_CONTROL_PERCENT,
  DEFAULT_MAX_BUNDLES,
  DEFAULT_MAX_QUEUE_BYTES,
  DEFAULT_MIN_FREE_BYTES,
  DEFAULT_PEER_PERCENT,
  MAX_REMEMBERED_BUNDLES,
} from '../limits.ts'
import { StoredQueue, type StoredQueueOptions } from './stored-queue.ts'
import type { BundleQueue, BundleQueueDependencies, BundleQueueOptions } from './types.ts'

/** Bounds of the options that are whole numbers, with their defaults. */
const NUMBERS = {
  maxBundles: { value: DEFAULT_MAX_BUNDLES, min: 1, max: 10_000_000 },
  maxBytes: { value: DEFAULT_MAX_QUEUE_BYTES, min: 1, max: Number.MAX_SAFE_INTEGER },
  controlPercent: { value: DEFAULT_CONTROL_PERCENT, min: 0, max: 90 },
  peerPercent: { value: DEFAULT_PEER_PERCENT, min: 1, max: 100 },
  maxRemembered: { value: MAX_REMEMBERED_BUNDLES, min: 1, max: MAX_REMEMBERED_BUNDLES },
  minFreeBytes: { value: DEFAULT_MIN_FREE_BYTES, min: 0, max: Number.MAX_SAFE_INTEGER },
} as const

/**
 * Opens the queue in `database`: counts what is there, drops what expired meanwhile.
 * @throws BUNDLES_DAMAGED when an index is not readable; {TypeError} for a wrong option
 */
export async function openBundleQueue(
  options: BundleQueueOptions,
  dependencies: BundleQueueDependencies,
): Promise<BundleQueue> {
  const names = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]
  checkOptionKeys('bundle queue', options, [...names, 'relaxed', 'directory'])
  const numbers = names.map((name) => {
    const { value: standard, ...bounds } = NUMBERS[name]
    const value = options[name] ?? standard
    checkWholeNumber(name, value, bounds)
    return [name, value]
  })
  const { relaxed = false, directory } = options
  return StoredQueue.open({ ...Object.fromEntries(numbers), relaxed, directory } as StoredQueueOptions, dependencies)
}
