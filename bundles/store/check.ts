import { equalBytes, toHex } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import { bundleId, decodeBundle } from '../codec/index.ts'
import { MAX_PROBLEMS } from '../limits.ts'
import { type Indexed, QueueEntries } from './entries.ts'
import { PayloadFiles } from './payload-files.ts'

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
  /** Where large bundles lie; as in the queue's options. */
  readonly directory?: string
}

/** Opens every queued bundle and compares the indexes with them, both ways. Changes nothing. */
export async function checkBundleQueue(dependencies: QueueCheckDependencies): Promise<QueueReport> {
  const { database, sealer, directory } = dependencies
  const entries = new QueueEntries({ database, sealer })
  const files = directory === undefined ? undefined : new PayloadFiles({ directory, sealer })
  const problems: QueueProblem[] = []
  let problemCount = 0
  let bundlesChecked = 0
  const add = (kind: QueueProblemKind, id: Uint8Array, message: string) => {
    problemCount += 1
    if (problems.length < MAX_PROBLEMS) problems.push({ kind, id: toHex(id), message })
  }
  for await (const id of entries.ids()) {
    bundlesChecked += 1
    const indexed = await entries.indexed(id)
    if (indexed === undefined) add('index-missing', id, 'a queued bundle is not in the indexes')
    else if (!(await opens({ entries, files }, indexed)))
      add('bundle-unreadable', id, 'a queued bundle does not open or is another one')
    else if (!(await waits(entries, indexed))) add('index-missing', id, 'a queued bundle waits in no index')
  }
  for await (const { id } of entries.all()) {
    if (!(await entries.has(id))) add('bundle-missing', id, 'the expiry index names a bundle that is not there')
  }
  for await (const place of entries.indexedPlaces()) {
    const indexed = await entries.at(place)
    if (indexed === undefined) add('bundle-missing', place.id, 'an index names a bundle that is not there')
    else if (indexed.entry.order !== place.order) add('index-differs', place.id, 'an index names another place')
  }
  return { problems, problemCount, bundlesChecked }
}

async function opens(
  { entries, files }: { entries: QueueEntries; files: PayloadFiles | undefined },
  { id, entry }: Indexed,
): Promise<boolean> {
  try {
    const content = await entries.content(id)
    const bytes = content?.bytes ?? (await files?.read(id))
    if (content === undefined || bytes === undefined || bytes.length !== entry.sizeBytes) return false
    const bundle = decodeBundle(bytes, { relaxed: true })
    return equalBytes(bundleId(bundle), id) && bundle.primary.destination === content.destination
  } catch {
    return false
  }
}

/** Whether every index in which the bundle should stand names it there. */
async function waits(entries: QueueEntries, indexed: Indexed): Promise<boolean> {
  const found = await entries.waitingAt(indexed)
  return found.every((id) => id !== undefined && equalBytes(id, indexed.id))
}
