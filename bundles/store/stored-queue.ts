import { Locks, toHex } from '../../core/index.ts'
import { decodeBundle } from '../codec/index.ts'
import { ALL_PRIORITIES, type PriorityName, priorityName } from '../codec/priority.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_PEEK, MAX_WAITING_TASKS, WAITING_PAGE } from '../limits.ts'
import { type Load, QueueLoad } from '../quota.ts'
import { Accepting } from './accepting.ts'
import { DiskWatch } from './disk-watch.ts'
import { type Indexed, QueueEntries, type Waiting } from './entries.ts'
import { Expiring } from './expiring.ts'
import { CONSTRAINTS, constraintsOf, type QueuedContent, type QueueEntry } from './keys.ts'
import { occupantOf, type QueueParts } from './parts.ts'
import { PayloadFiles } from './payload-files.ts'
import { Removal } from './removal.ts'
import { TimeKeeper } from './time-keeper.ts'
import type {
  Acceptance,
  BundleQueue,
  BundleQueueDependencies,
  BundleUpdate,
  Handling,
  QueuedBundle,
  QueueStatus,
  WaitingQuery,
} from './types.ts'

export type StoredQueueOptions = QueueParts['options'] & { readonly directory: string | undefined }

/** {@link BundleQueue} on the node's database. Work on different bundles goes side by side. */
export class StoredQueue implements BundleQueue {
  readonly #parts: QueueParts
  readonly #keeper: TimeKeeper
  readonly #disk: DiskWatch
  readonly #removal: Removal
  readonly #expiring: Expiring
  readonly #accepting: Accepting
  readonly #listeners = new Set<(accepted: Waiting) => void>()
  #recounting: Promise<void> | undefined
  #mustRecount = true
  #closed = false

  static async open(options: StoredQueueOptions, dependencies: BundleQueueDependencies): Promise<StoredQueue> {
    const { database, clock, clockTrusted = () => true } = dependencies
    const load = new QueueLoad()
    const isNeeded = () => load.total.count > 0
    const keeper = await TimeKeeper.open({ database, clock, clockTrusted, isNeeded })
    const queue = new StoredQueue(options, { ...dependencies, clockTrusted }, { keeper, load })
    await queue.#begin()
    return queue
  }

  private constructor(
    { directory, ...options }: StoredQueueOptions,
    dependencies: BundleQueueDependencies & { clockTrusted: () => boolean },
    { keeper, load }: { keeper: TimeKeeper; load: QueueLoad },
  ) {
    const { database, sealer, clock, clockTrusted, freeBytes, onError = () => {} } = dependencies
    this.#keeper = keeper
    this.#parts = {
      options,
      database,
      entries: new QueueEntries({ database, sealer }),
      files: directory === undefined ? undefined : new PayloadFiles({ directory, sealer }),
      locks: new Locks(MAX_WAITING_TASKS, () => BUNDLES_ERRORS.create('BUNDLES_BUSY')),
      load,
      time: keeper.time,
      clock,
      counters: { accepted: 0, refused: 0, evicted: 0, expired: 0 },
      onError,
    }
    const onDoubt = () => {
      this.#mustRecount = true
    }
    this.#disk = new DiskWatch(options, { clock, freeBytes })
    this.#removal = new Removal(this.#parts, onDoubt)
    this.#expiring = new Expiring(this.#parts, this.#removal)
    this.#accepting = new Accepting(this.#parts, {
      removal: this.#removal,
      disk: this.#disk,
      clockTrusted,
      onAccepted: (accepted) => this.#accepted(accepted),
      onDoubt,
    })
  }

  async #begin(): Promise<void> {
    const { files, entries } = this.#parts
    await this.#recountIfNeeded()
    await files?.sweep((id) => entries.has(id))
    await this.#expiring.run()
  }

  now(): number {
    return this.#parts.time.now()
  }

  status(): QueueStatus {
    const { load, counters, options } = this.#parts
    const byPriority = Object.fromEntries(ALL_PRIORITIES.map((priority) => [priorityName(priority), load.of(priority)]))
    return {
      ...load.total,
      state: this.#disk.state,
      byPriority: byPriority as Record<PriorityName, Load>,
      limits: { count: options.maxBundles, bytes: options.maxBytes },
      remembered: this.#expiring.remembered,
      ...counters,
    }
  }

  async accept(bytes: Uint8Array, handling: Handling = {}): Promise<Acceptance> {
    this.#checkOpen()
    await this.#recountIfNeeded()
    return this.#accepting.accept(bytes, handling)
  }

  async waiting({ scope, after, notGivenTo, limit }: WaitingQuery): Promise<Waiting[]> {
    const wanted = Math.min(limit, MAX_PEEK)
    const nowMs = this.now()
    const found: Waiting[] = []
    let page: Waiting[] = []
    const take = async () => {
      const ids = page.map(({ id }) => id)
      const given = notGivenTo === undefined ? [] : await this.given(ids, notGivenTo)
      found.push(...page.filter((_, at) => given[at] !== true))
      page = []
    }
    for await (const waiting of this.#parts.entries.waiting(scope, after)) {
      if (found.length >= wanted) break
      if (waiting.expiresAtMs > nowMs) page.push(waiting)
      if (page.length === Math.min(WAITING_PAGE, wanted)) await take()
    }
    if (found.length < wanted) await take()
    return found.slice(0, Math.max(0, wanted))
  }

  given(ids: readonly Uint8Array[], peer: string): Promise<boolean[]> {
    return this.#parts.entries.given(ids, peer)
  }

  async get(id: Uint8Array): Promise<QueuedBundle | undefined> {
    const { entries, files } = this.#parts
    const [indexed, content] = await Promise.all([entries.indexed(id), entries.content(id)])
    if (indexed === undefined || content === undefined || indexed.expiresAtMs <= this.now()) return undefined
    const bytes = content.bytes ?? (await files?.read(id))
    if (bytes === undefined)
      throw BUNDLES_ERRORS.create('BUNDLES_DAMAGED', { detail: 'no directory for large bundles' })
    return queued({ indexed, content, bytes })
  }

  ids(prefix?: Uint8Array): AsyncIterable<Uint8Array> {
    return this.#parts.entries.ids(prefix)
  }

  isKnown(id: Uint8Array): Promise<boolean> {
    return this.#parts.entries.isKnown(id)
  }

  givenCount(id: Uint8Array): Promise<number> {
    return this.#parts.entries.givenCount(id)
  }

  update(id: Uint8Array, { givenTo, release = [], copies }: BundleUpdate): Promise<boolean> {
    return this.#holding(id, async (indexed) => {
      const { entries, database } = this.#parts
      const bits = release.reduce((sum, name) => sum | CONSTRAINTS[name], 0)
      const constraints = indexed.entry.constraints & ~bits
      if (constraints === 0) return this.#removeHeld(indexed)
      const entry: QueueEntry = { ...indexed.entry, constraints, copies: copies ?? indexed.entry.copies }
      const given = givenTo === undefined ? [] : [entries.give(id, givenTo)]
      await database.commit([...given, ...entries.replace(indexed, entry)])
    })
  }

  remove(id: Uint8Array): Promise<boolean> {
    return this.#holding(id, (indexed) => this.#removeHeld(indexed))
  }

  async #removeHeld(indexed: Indexed): Promise<void> {
    await this.#removal.commit([indexed], true)
    await this.#expiring.remember(1, indexed.expiresAtMs).catch(this.#parts.onError)
  }

  /** Runs `action` on a queued bundle that nobody else touches meanwhile; false when it is not there. */
  async #holding(id: Uint8Array, action: (indexed: Indexed) => Promise<void>): Promise<boolean> {
    this.#checkOpen()
    return this.#parts.locks.run([toHex(id)], async () => {
      const indexed = await this.#parts.entries.indexed(id)
      if (indexed !== undefined) await action(indexed)
      return indexed !== undefined
    })
  }

  onAccepted(listener: (accepted: Waiting) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #accepted(accepted: Waiting): void {
    this.#expiring.arm(accepted.expiresAtMs)
    for (const listener of this.#listeners) listener(accepted)
  }

  /** Counts again while nothing is being changed, after a commit of which nobody knows whether it reached the disk. */
  async #recountIfNeeded(): Promise<void> {
    if (!this.#mustRecount) return
    this.#recounting ??= this.#parts.locks
      .run('all', () => this.#recount())
      .finally(() => {
        this.#recounting = undefined
      })
    await this.#recounting
  }

  async #recount(): Promise<void> {
    const { load, entries } = this.#parts
    this.#mustRecount = false
    load.clear()
    for await (const indexed of entries.all()) {
      load.add(occupantOf(indexed))
      this.#accepting.nextOrder = Math.max(this.#accepting.nextOrder, indexed.entry.order + 1)
    }
    await this.#expiring.recount()
  }

  #checkOpen(): void {
    if (this.#closed) throw BUNDLES_ERRORS.create('BUNDLES_CLOSED')
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#expiring.close()
    await this.#parts.locks.idle()
    await this.#keeper.close()
    await this.#removal.close()
  }
}

function queued(parts: { indexed: Indexed; content: QueuedContent; bytes: Uint8Array }): QueuedBundle {
  const { indexed, content, bytes } = parts
  const { id, priority, expiresAtMs, entry } = indexed
  // Relaxed: what was accepted under other options is still carried.
  const bundle = decodeBundle(bytes, { relaxed: true })
  const { peer, receivedAtMs } = content
  const constraints = constraintsOf(entry.constraints)
  return { id, bundle, bytes, priority, constraints, copies: entry.copies, peer, receivedAtMs, expiresAtMs }
}
