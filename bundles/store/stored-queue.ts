import { type Clock, type Timer, toHex } from '../../core/index.ts'
import type { Database, Operation } from '../../core/store/index.ts'
import { type Bundle, bundleId, decodeBundle, type EndpointId } from '../codec/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { expiresAtMs } from '../expiry.ts'
import { EXPIRY_BATCH, EXPIRY_RETRY_MS, MAX_PEEK, MAX_QUEUED_BUNDLE_BYTES } from '../limits.ts'
import { QueueEntries } from './entries.ts'
import type { QueuedContent } from './keys.ts'
import type { Acceptance, BundleQueue, BundleQueueDependencies, BundleQueueOptions, QueuedBundle } from './types.ts'

/** {@link BundleQueue} on the node's database. Accepting goes side by side, taking out one at a time. */
export class StoredQueue implements BundleQueue {
  readonly #options: Required<BundleQueueOptions>
  readonly #database: Database
  readonly #entries: QueueEntries
  readonly #clock: Clock
  readonly #clockTrusted: () => boolean
  readonly #onError: (error: unknown) => void
  /** Acceptances under way by bundle id, so that two copies at once are one. */
  readonly #accepting = new Map<string, Promise<Acceptance>>()
  #turn: Promise<unknown> = Promise.resolve()
  #count = 0
  #bytes = 0
  #remembered = 0
  #nextOrder = 0
  #mustRecount = false
  #recounting: Promise<void> | undefined
  #timer: { readonly atMs: number; readonly handle: Timer } | undefined
  #closed = false

  constructor(options: Required<BundleQueueOptions>, dependencies: BundleQueueDependencies) {
    this.#options = options
    this.#database = dependencies.database
    this.#entries = new QueueEntries(dependencies)
    this.#clock = dependencies.clock
    this.#clockTrusted = dependencies.clockTrusted ?? (() => true)
    this.#onError = dependencies.onError ?? (() => {})
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  async open(): Promise<void> {
    await this.#recount()
    await this.#expire()
  }

  async accept(bytes: Uint8Array): Promise<Acceptance> {
    if (this.#closed) throw BUNDLES_ERRORS.create('BUNDLES_CLOSED')
    if (bytes.length > MAX_QUEUED_BUNDLE_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_NOT_QUEUEABLE')
    const bundle = decodeBundle(bytes, this.#options)
    const id = bundleId(bundle)
    const key = toHex(id)
    const underWay = this.#accepting.get(key)
    if (underWay !== undefined) return { ...(await underWay), status: 'duplicate' }
    const accepted = this.#acceptNew(id, bundle, bytes).finally(() => this.#accepting.delete(key))
    this.#accepting.set(key, accepted)
    return accepted
  }

  async #acceptNew(id: Uint8Array, bundle: Bundle, bytes: Uint8Array): Promise<Acceptance> {
    await this.#recountIfNeeded()
    if (await this.#entries.isKnown(id)) return { status: 'duplicate', id }
    const receivedAtMs = this.#clock.now()
    const endMs = expiresAtMs(bundle, { receivedAtMs, clockTrusted: this.#clockTrusted() })
    if (endMs <= receivedAtMs) throw BUNDLES_ERRORS.create('BUNDLES_EXPIRED')
    const { destination } = bundle.primary
    const content = { destination, receivedAtMs, expiresAtMs: endMs, bytes }
    await this.#store(id, content)
    return { status: 'accepted', id }
  }

  /** Counts again while nothing is being accepted; what comes meanwhile waits, so that its reservation is not lost. */
  async #recountIfNeeded(): Promise<void> {
    if (this.#mustRecount && this.#accepting.size === 0) {
      this.#recounting ??= this.#inTurn(() => this.#recount()).finally(() => {
        this.#recounting = undefined
      })
    }
    await this.#recounting
  }

  /** Room is reserved before the write, so that bundles arriving together do not overfill the queue. */
  async #store(id: Uint8Array, content: QueuedContent): Promise<void> {
    const size = content.bytes.length
    if (this.#count >= this.#options.maxBundles || this.#bytes + size > this.#options.maxBytes)
      throw BUNDLES_ERRORS.create('BUNDLES_QUEUE_FULL', { metadata: { count: this.#count, bytes: this.#bytes } })
    this.#count += 1
    this.#bytes += size
    try {
      await this.#database.commit(this.#entries.put(id, content, this.#nextOrder++))
    } catch (error) {
      // A refused write may have reached the disk all the same: only the disk knows the count now.
      this.#mustRecount = true
      this.#count -= 1
      this.#bytes -= size
      throw error
    }
    this.#remembered += 1
    this.#arm(content.expiresAtMs)
    if (this.#remembered > this.#options.maxRemembered)
      await this.#inTurn(() => this.#trimMemory()).catch(this.#onError)
  }

  async peek(destination: EndpointId, maxCount: number): Promise<QueuedBundle[]> {
    const found: QueuedBundle[] = []
    const wanted = Math.min(maxCount, MAX_PEEK)
    if (!(wanted >= 1)) return found
    for await (const id of this.#entries.idsFor(destination)) {
      const queued = await this.#getReadable(id)
      if (queued !== undefined) found.push(queued)
      if (found.length === wanted) break
    }
    return found
  }

  async get(id: Uint8Array): Promise<QueuedBundle | undefined> {
    const content = await this.#entries.content(id)
    if (content === undefined || content.expiresAtMs <= this.#clock.now()) return undefined
    const { bytes, receivedAtMs } = content
    // Relaxed: what was accepted under other options is still carried.
    const bundle = decodeBundle(bytes, { relaxed: true })
    return { id, bundle, bytes, receivedAtMs, expiresAtMs: content.expiresAtMs }
  }

  /** A damaged bundle must not keep the ones behind it from leaving. */
  async #getReadable(id: Uint8Array): Promise<QueuedBundle | undefined> {
    try {
      return await this.get(id)
    } catch (error) {
      if (!BUNDLES_ERRORS.matches(error)) throw error
      this.#onError(error)
      return undefined
    }
  }

  take(destination: EndpointId): Promise<QueuedBundle | undefined> {
    return this.#inTurn(async () => {
      const [first] = await this.peek(destination, 1)
      if (first !== undefined) await this.#remove(first.id)
      return first
    })
  }

  remove(id: Uint8Array): Promise<boolean> {
    return this.#inTurn(() => this.#remove(id))
  }

  async #remove(id: Uint8Array): Promise<boolean> {
    const content = await this.#entries.content(id)
    if (content === undefined) return false
    const entry = await this.#entries.entry(id, content.expiresAtMs)
    if (entry === undefined) throw BUNDLES_ERRORS.create('BUNDLES_DAMAGED', { detail: 'an index entry is missing' })
    await this.#commitRemoval(this.#entries.remove(id, content.expiresAtMs, entry), { count: 1, bytes: entry.size })
    return true
  }

  async #commitRemoval(operations: Operation[], freed: { count: number; bytes: number }): Promise<void> {
    try {
      await this.#database.commit(operations)
    } catch (error) {
      this.#mustRecount = true
      throw error
    }
    this.#count -= freed.count
    this.#bytes -= freed.bytes
  }

  /** One after another: what takes bundles out must not see one that is just being taken out. */
  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => {
      if (this.#closed) throw BUNDLES_ERRORS.create('BUNDLES_CLOSED')
      return action()
    })
    this.#turn = result.catch(() => {})
    return result
  }

  async #recount(): Promise<void> {
    let [count, bytes, remembered] = [0, 0, 0]
    for await (const { entry } of this.#entries.byExpiry()) {
      count += 1
      bytes += entry.size
      this.#nextOrder = Math.max(this.#nextOrder, entry.order + 1)
    }
    for await (const _ of this.#entries.seenByExpiry()) remembered += 1
    this.#count = count
    this.#bytes = bytes
    this.#remembered = remembered
    this.#mustRecount = false
  }

  /** Drops what is past its lifetime and sets the timer for the next. */
  async #expire(): Promise<void> {
    const nowMs = this.#clock.now()
    while ((await this.#dropExpired(nowMs)) + (await this.#forgetExpired(nowMs)) > 0);
    for await (const { atMs } of this.#entries.seenByExpiry()) {
      this.#arm(atMs)
      break
    }
    for await (const { atMs } of this.#entries.byExpiry()) {
      this.#arm(atMs)
      break
    }
  }

  async #dropExpired(nowMs: number): Promise<number> {
    const operations: Operation[] = []
    const freed = { count: 0, bytes: 0 }
    for await (const { id, atMs, entry } of this.#entries.byExpiry(nowMs)) {
      operations.push(...this.#entries.remove(id, atMs, entry))
      freed.count += 1
      freed.bytes += entry.size
      if (freed.count === EXPIRY_BATCH) break
    }
    if (freed.count > 0) await this.#commitRemoval(operations, freed)
    return freed.count
  }

  async #forgetExpired(nowMs: number): Promise<number> {
    return this.#forget(EXPIRY_BATCH, nowMs)
  }

  async #trimMemory(): Promise<void> {
    await this.#forget(Math.max(0, this.#remembered - this.#options.maxRemembered))
  }

  /** Forgets at most `maxCount` bundles, soonest expiry first, none that expires after `untilMs`. */
  async #forget(maxCount: number, untilMs = Number.MAX_SAFE_INTEGER): Promise<number> {
    const operations: Operation[] = []
    let count = 0
    for await (const { id, atMs } of this.#entries.seenByExpiry()) {
      if (count >= maxCount || atMs > untilMs) break
      operations.push(...this.#entries.forget(id, atMs))
      count += 1
    }
    if (count > 0) await this.#database.commit(operations)
    this.#remembered -= count
    return count
  }

  #arm(atMs: number): void {
    if (this.#closed || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return
    this.#timer?.handle.cancel()
    const delayMs = Math.max(0, atMs - this.#clock.now())
    this.#timer = { atMs, handle: this.#clock.setTimer(delayMs, () => this.#onTimer(), { unref: true }) }
  }

  #onTimer(): void {
    this.#timer = undefined
    this.#inTurn(() => this.#expire()).catch((error) => {
      if (this.#closed) return
      this.#onError(error)
      this.#arm(this.#clock.now() + EXPIRY_RETRY_MS)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.handle.cancel()
    this.#timer = undefined
    await Promise.allSettled([...this.#accepting.values(), this.#turn])
  }
}
