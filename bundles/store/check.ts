import { equalBytes, toHex } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import { bundleId, decodeBundle } from '../codec/index.ts'
import { MAX_PROBLEMS } from '../limits.ts'
import { QueueEntries } from './entries.ts'
import type { QueuedContent } from './keys.ts'

/** What a check of the queue can find. */
export type QueueProblemKind = 'bundle-unreadable' | 'bundle-missing' | 'index-missing' | 'index-differs'

export interface QueueProblem {
  readonly kind: QueueProblemKind
  /** Bundle id, hexadecimal. */
  readonly id: string
  /** One plain sentence for an operator. */
  readonly message: string
}

export interface QueueReport {
  /** At most MAX_PROBLEMS of them. */
  readonly problems: readonly QueueProblem[]
  /** All that were found. */
  readonly problemCount: number
  readonly bundlesChecked: number
}

export interface QueueCheckDependencies {
  readonly database: Database
  readonly sealer: Sealer
}

/** Opens every queued bundle and compares the indexes with them, both ways. Changes nothing. */
export async function checkBundleQueue(dependencies: QueueCheckDependencies): Promise<QueueReport> {
  const entries = new QueueEntries(dependencies)
  const problems: QueueProblem[] = []
  let problemCount = 0
  let bundlesChecked = 0
  const add = (kind: QueueProblemKind, id: Uint8Array, message: string) => {
    problemCount += 1
    if (problems.length < MAX_PROBLEMS) problems.push({ kind, id: toHex(id), message })
  }
  for await (const id of entries.ids()) {
    bundlesChecked += 1
    const content = await readContent(entries, id)
    if (content === undefined) add('bundle-unreadable', id, 'a queued bundle does not open or is another one')
    else if (!(await isIndexed(entries, id, content))) add('index-missing', id, 'a queued bundle is not in the indexes')
  }
  for await (const { id, atMs } of entries.byExpiry()) {
    const content = await readContent(entries, id)
    if (content === undefined) add('bundle-missing', id, 'the expiry index names a bundle that is not there')
    else if (content.expiresAtMs !== atMs) add('index-differs', id, 'the expiry index names another time')
  }
  for await (const id of entries.indexedIds()) {
    if ((await readContent(entries, id)) === undefined)
      add('bundle-missing', id, 'the destination index names a bundle that is not there')
  }
  return { problems, problemCount, bundlesChecked }
}

async function readContent(entries: QueueEntries, id: Uint8Array): Promise<QueuedContent | undefined> {
  try {
    const content = await entries.content(id)
    if (content === undefined) return undefined
    const bundle = decodeBundle(content.bytes, { relaxed: true })
    return equalBytes(bundleId(bundle), id) && bundle.primary.destination === content.destination ? content : undefined
  } catch {
    return undefined
  }
}

async function isIndexed(entries: QueueEntries, id: Uint8Array, content: QueuedContent): Promise<boolean> {
  const entry = await entries.entry(id, content.expiresAtMs)
  if (entry === undefined || entry.size !== content.bytes.length) return false
  const indexed = await entries.idAt(entry)
  return indexed !== undefined && equalBytes(indexed, id)
}
