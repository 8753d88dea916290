import { uintBytes, uintFromBytes } from '../../core/index.ts'
import { type Database, type Operation, ROOM, type Room } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import type { EndpointId } from '../codec/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import {
  decodeContent,
  decodeEntry,
  destinationHash,
  destinationKey,
  encodeContent,
  encodeEntry,
  expiryKey,
  type QueuedContent,
  type QueueEntry,
  readExpiryKey,
  readSeenExpiryKey,
  seenExpiryKey,
  seenExpiryRange,
  seenKey,
} from './keys.ts'

/** The queue's entries on disk: reading, and the operations that write. Decides nothing. */
export class QueueEntries {
  readonly #bundles: Room
  readonly #byExpiry: Room
  readonly #byDestination: Room
  readonly #seen: Room
  readonly #sealer: Sealer

  constructor(dependencies: { database: Database; sealer: Sealer }) {
    this.#bundles = dependencies.database.room(ROOM.bundles)
    this.#byExpiry = dependencies.database.room(ROOM.bundlesByExpiry)
    this.#byDestination = dependencies.database.room(ROOM.bundlesByDestination)
    this.#seen = dependencies.database.room(ROOM.bundlesSeen)
    this.#sealer = dependencies.sealer
  }

  /** Operations that queue a bundle, indexes and memory of it included. */
  put(id: Uint8Array, content: QueuedContent, order: number): Operation[] {
    const hash = destinationHash(content.destination)
    const entry = { size: content.bytes.length, order, destinationHash: hash }
    return [
      this.#bundles.put(id, this.#sealer.seal(encodeContent(content), id)),
      this.#byExpiry.put(expiryKey(content.expiresAtMs, id), encodeEntry(entry)),
      this.#byDestination.put(destinationKey(hash, order), id),
      this.#seen.put(seenKey(id), uintBytes(content.expiresAtMs)),
      this.#seen.put(seenExpiryKey(content.expiresAtMs, id), new Uint8Array()),
    ]
  }

  /** Operations that take a bundle out of the queue; that it was seen stays known. */
  remove(id: Uint8Array, expiresAtMs: number, entry: QueueEntry): Operation[] {
    return [
      this.#bundles.delete(id),
      this.#byExpiry.delete(expiryKey(expiresAtMs, id)),
      this.#byDestination.delete(destinationKey(entry.destinationHash, entry.order)),
    ]
  }

  /** Operations that forget that a bundle was seen. */
  forget(id: Uint8Array, expiresAtMs: number): Operation[] {
    return [this.#seen.delete(seenKey(id)), this.#seen.delete(seenExpiryKey(expiresAtMs, id))]
  }

  /** True while the bundle is queued or remembered. */
  async isKnown(id: Uint8Array): Promise<boolean> {
    return (await this.#seen.has(seenKey(id))) || (await this.#bundles.has(id))
  }

  /** The queued bundle with `id`. @throws BUNDLES_DAMAGED when it does not open */
  async content(id: Uint8Array): Promise<QueuedContent | undefined> {
    const sealed = await this.#bundles.get(id)
    if (sealed === undefined) return undefined
    try {
      return decodeContent(this.#sealer.open(sealed, id))
    } catch (cause) {
      throw BUNDLES_ERRORS.create('BUNDLES_DAMAGED', { cause, detail: 'a queued bundle does not open' })
    }
  }

  async entry(id: Uint8Array, expiresAtMs: number): Promise<QueueEntry | undefined> {
    const bytes = await this.#byExpiry.get(expiryKey(expiresAtMs, id))
    return bytes && decodeEntry(bytes)
  }

  async idAt(entry: QueueEntry): Promise<Uint8Array | undefined> {
    return this.#byDestination.get(destinationKey(entry.destinationHash, entry.order))
  }

  /** Ids queued for `destination`, in order of arrival. */
  async *idsFor(destination: EndpointId): AsyncIterable<Uint8Array> {
    const hash = destinationHash(destination)
    const range = { gte: hash, lte: destinationKey(hash, Number.MAX_SAFE_INTEGER) }
    for await (const [, id] of this.#byDestination.entries(range)) yield id
  }

  /** Queued bundles by expiry, up to and including `untilMs`. */
  async *byExpiry(
    untilMs = Number.MAX_SAFE_INTEGER,
  ): AsyncIterable<{ id: Uint8Array; atMs: number; entry: QueueEntry }> {
    const lte = expiryKey(untilMs, new Uint8Array(32).fill(0xff))
    for await (const [key, value] of this.#byExpiry.entries({ lte })) {
      yield { ...readExpiryKey(key), entry: decodeEntry(value) }
    }
  }

  /** Remembered bundles by expiry. */
  async *seenByExpiry(): AsyncIterable<{ id: Uint8Array; atMs: number }> {
    for await (const key of this.#seen.keys(seenExpiryRange())) yield readSeenExpiryKey(key)
  }

  /** Expiry that the memory of `id` names. */
  async seenUntil(id: Uint8Array): Promise<number | undefined> {
    const bytes = await this.#seen.get(seenKey(id))
    return bytes && uintFromBytes(bytes)
  }

  /** Ids of all queued bundles. */
  ids(): AsyncIterable<Uint8Array> {
    return this.#bundles.keys()
  }

  /** All ids in the destination index. */
  async *indexedIds(): AsyncIterable<Uint8Array> {
    for await (const [, id] of this.#byDestination.entries()) yield id
  }
}
