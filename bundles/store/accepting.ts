import { isGapmeshError, toHex } from '../../core/index.ts'
import { type Bundle, bundleId, decodeBundle } from '../codec/index.ts'
import { PRIORITIES } from '../codec/priority.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { expiresAtMs } from '../expiry.ts'
import { MAX_BUNDLE_BYTES, MAX_EVICTION_TRIES, MAX_INLINE_BUNDLE_BYTES } from '../limits.ts'
import { chooseEvictions, decideRoom, type Load, type NoRoom } from '../quota.ts'
import type { DiskWatch } from './disk-watch.ts'
import type { Indexed, Waiting } from './entries.ts'
import { CONSTRAINTS, nodeHash, peerHash, type QueuedContent } from './keys.ts'
import { occupantOf, type QueueParts } from './parts.ts'
import type { Removal } from './removal.ts'
import type { Acceptance, Handling } from './types.ts'

/** A bundle on its way into the queue. */
interface Newcomer {
  readonly indexed: Indexed
  readonly content: QueuedContent
  readonly bytes: Uint8Array
}

export interface AcceptingDependencies {
  readonly removal: Removal
  readonly disk: DiskWatch
  /** Whether the wall clock may be believed now. */
  readonly clockTrusted: () => boolean
  readonly onAccepted: (accepted: Waiting) => void
  readonly onDoubt: () => void
}

const REFUSAL: Readonly<Record<NoRoom, 'BUNDLES_NOT_QUEUEABLE' | 'BUNDLES_PEER_QUOTA' | 'BUNDLES_QUEUE_FULL'>> = {
  'too-large': 'BUNDLES_NOT_QUEUEABLE',
  peer: 'BUNDLES_PEER_QUOTA',
  full: 'BUNDLES_QUEUE_FULL',
}

/** Takes bundles in: each is on disk with all its entries, or it is not there. Different bundles go side by side. */
export class Accepting {
  readonly #parts: QueueParts
  readonly #deps: AcceptingDependencies
  /** Number of the next arrival. */
  nextOrder = 0

  constructor(parts: QueueParts, dependencies: AcceptingDependencies) {
    this.#parts = parts
    this.#deps = dependencies
  }

  /** See `BundleQueue.accept`. */
  async accept(bytes: Uint8Array, handling: Handling): Promise<Acceptance> {
    const { options, files, counters } = this.#parts
    const maxBytes = files === undefined ? MAX_INLINE_BUNDLE_BYTES : MAX_BUNDLE_BYTES
    if (bytes.length > maxBytes) throw BUNDLES_ERRORS.create('BUNDLES_NOT_QUEUEABLE')
    const bundle = decodeBundle(bytes, options)
    const id = bundleId(bundle)
    try {
      const isNew = await this.#tryOften({ id, bundle, bytes, handling })
      if (isNew) counters.accepted += 1
      return { status: isNew ? 'accepted' : 'duplicate', id }
    } catch (error) {
      counters.refused += 1
      throw error
    }
  }

  /** What must leave is chosen without holding its id, so it may be gone when it is held: then it is chosen again. */
  async #tryOften(arrival: Arrival): Promise<boolean> {
    const { locks } = this.#parts
    const name = toHex(arrival.id)
    let evictable: readonly Indexed[] = []
    for (let tries = 0; tries < MAX_EVICTION_TRIES; tries += 1) {
      const names = [name, ...evictable.map(({ id }) => toHex(id))]
      const outcome = await locks.run(names, () => this.#try(arrival, evictable))
      if (typeof outcome === 'boolean') return outcome
      const { priority = PRIORITIES.normal } = arrival.handling
      const chosen = await chooseEvictions(this.#candidates(), { needed: outcome, priority })
      if (chosen === undefined) break
      evictable = chosen
    }
    throw this.#noRoom('full')
  }

  async *#candidates(): AsyncIterable<Indexed & { sizeBytes: number }> {
    for await (const indexed of this.#parts.entries.all()) yield { ...indexed, sizeBytes: indexed.entry.sizeBytes }
  }

  /** True when the bundle is queued now, false when it was before, else what has to leave first. */
  async #try(arrival: Arrival, evictable: readonly Indexed[]): Promise<boolean | Load> {
    const { entries, load, options } = this.#parts
    if (await entries.isKnown(arrival.id)) return false
    const newcomer = this.#newcomer(arrival)
    await this.#deps.disk.check(newcomer.indexed.priority)
    const evicted = await this.#stillThere(evictable)
    // From here to the commit nothing waits: the room that is found is the room that is taken.
    for (const gone of evicted) load.subtract(occupantOf(gone))
    const decision = decideRoom(occupantOf(newcomer.indexed), load, options)
    for (const gone of evicted) load.add(occupantOf(gone))
    if (decision.room === 'none') throw this.#noRoom(decision.why)
    if (decision.room === 'evict') return decision.needed
    load.add(occupantOf(newcomer.indexed))
    await this.#store(newcomer, evicted)
    return true
  }

  async #stillThere(evictable: readonly Indexed[]): Promise<Indexed[]> {
    const found = await Promise.all(evictable.map((indexed) => this.#parts.entries.at(indexed)))
    return found.filter((indexed) => indexed !== undefined)
  }

  async #store({ indexed, content, bytes }: Newcomer, evicted: readonly Indexed[]): Promise<void> {
    const { entries, files, load, counters } = this.#parts
    try {
      if (indexed.entry.inFile) await files?.write(indexed.id, bytes)
      await this.#deps.removal.commit(evicted, false, entries.put(indexed, content))
    } catch (cause) {
      load.subtract(occupantOf(indexed))
      this.#deps.disk.refused()
      // A refused write may have reached the disk all the same: only the disk knows the count now.
      this.#deps.onDoubt()
      if (isGapmeshError(cause, 'CORE_STORE_CLOSED')) throw BUNDLES_ERRORS.create('BUNDLES_CLOSED')
      throw BUNDLES_ERRORS.create('BUNDLES_DISK_FULL', { cause })
    }
    this.#deps.disk.wrote()
    counters.evicted += evicted.length
    const { id, priority, expiresAtMs: endMs, entry } = indexed
    this.#deps.onAccepted({ id, priority, expiresAtMs: endMs, order: entry.order })
  }

  #newcomer({ id, bundle, bytes, handling }: Arrival): Newcomer {
    const { clock, time } = this.#parts
    const { priority = PRIORITIES.normal, peer, constraints = ['forward'], copies = 0 } = handling
    const { destination, source } = bundle.primary
    const wallMs = clock.now()
    const endMs = expiresAtMs(bundle, { receivedAtMs: wallMs, clockTrusted: this.#deps.clockTrusted() })
    if (endMs <= wallMs) throw BUNDLES_ERRORS.create('BUNDLES_EXPIRED')
    const receivedAtMs = time.now()
    const inFile = bytes.length > MAX_INLINE_BUNDLE_BYTES
    const entry = {
      sizeBytes: bytes.length,
      order: this.nextOrder++,
      constraints: constraints.reduce((bits, name) => bits | CONSTRAINTS[name], 0),
      copies,
      nodeHash: nodeHash(destination),
      peerHash: peer === undefined ? undefined : peerHash(peer),
      inFile,
    }
    const endsAtMs = Math.min(receivedAtMs + (endMs - wallMs), Number.MAX_SAFE_INTEGER)
    return {
      indexed: { id, priority, expiresAtMs: endsAtMs, entry },
      content: { destination, source, receivedAtMs, peer, bytes: inFile ? undefined : bytes },
      bytes,
    }
  }

  #noRoom(why: NoRoom): Error {
    const { count, bytes } = this.#parts.load.total
    return BUNDLES_ERRORS.create(REFUSAL[why], { metadata: { count, bytes } })
  }
}

interface Arrival {
  readonly id: Uint8Array
  readonly bundle: Bundle
  readonly bytes: Uint8Array
  readonly handling: Handling
}
