import { checkOptionKeys, checkWholeNumber } from '../../core/index.ts'
import { DEFAULT_MAX_BUNDLES, DEFAULT_MAX_QUEUE_BYTES, MAX_REMEMBERED_BUNDLES } from '../limits.ts'
import { StoredQueue } from './stored-queue.ts'
import type { BundleQueue, BundleQueueDependencies, BundleQueueOptions } from './types.ts'

/**
 * Opens the queue in `database`: counts what is there, drops what expired meanwhile.
 * @throws BUNDLES_DAMAGED when the index is not readable
 */
export async function openBundleQueue(
  options: BundleQueueOptions,
  dependencies: BundleQueueDependencies,
): Promise<BundleQueue> {
  checkOptionKeys('bundle queue', options, ['maxBundles', 'maxBytes', 'maxRemembered', 'relaxed'])
  const { maxBundles = DEFAULT_MAX_BUNDLES, maxBytes = DEFAULT_MAX_QUEUE_BYTES } = options
  const { maxRemembered = MAX_REMEMBERED_BUNDLES, relaxed = false } = options
  checkWholeNumber('maxBundles', maxBundles, { min: 1, max: 10_000_000 })
  checkWholeNumber('maxBytes', maxBytes, { min: 1, max: Number.MAX_SAFE_INTEGER })
  checkWholeNumber('maxRemembered', maxRemembered, { min: 1, max: MAX_REMEMBERED_BUNDLES })
  const queue = new StoredQueue({ maxBundles, maxBytes, maxRemembered, relaxed }, dependencies)
  await queue.open()
  return queue
}
