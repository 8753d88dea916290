import { concatBytes } from '../../core/index.ts'
import { type Database, type Operation, ROOM, type Room } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import type { EndpointId } from '../codec/index.ts'
import { ALL_PRIORITIES, type Priority } from '../codec/priority.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import {
  type Constraint,
  constraintsOf,
  decodeContent,
  decodeEntry,
  destinationKey,
  encodeContent,
  encodeEntry,
  expiryKey,
  expiryRange,
  givenKey,
  givenRange,
  nodeHash,
  type Place,
  type Position,
  peerHash,
  placeValue,
  type QueuedContent,
  type QueueEntry,
  readExpiryKey,
  readPlaceValue,
  readPosition,
  readSeenExpiryKey,
  readSeenValue,
  seenExpiryKey,
  seenExpiryRange,
  seenKey,
  seenValue,
  waitingKey,
} from './keys.ts'

/** No id is above this one. */
const LAST_ID = new Uint8Array(32).fill(0xff)

/** A queued bundle in the indexes. */
export interface Indexed extends Place {
  readonly entry: QueueEntry
}

/** A bundle that waits, where an index names it. */
export interface Waiting extends Place, Position {}

/** Which waiting bundles to list: those of one constraint, or those to be forwarded to one node, whatever endpoint of it. */
export type Scope = { readonly constraint: Constraint } | { readonly node: EndpointId }

/** The queue's entries on disk: reading, and the operations that write. Decides nothing. */
export class QueueEntries {
  readonly #bundles: Room
  readonly #byExpiry: Room
  readonly #byDestination: Room
  readonly #waiting: Room
  readonly #seen: Room
  readonly #given: Room
  readonly #sealer: Sealer

  constructor({ database, sealer }: { database: Database; sealer: Sealer }) {
    this.#bundles = database.room(ROOM.bundles)
    this.#byExpiry = database.room(ROOM.bundlesByExpiry)
    this.#byDestination = database.room(ROOM.bundlesByDestination)
    this.#waiting = database.room(ROOM.bundlesWaiting)
    this.#seen = database.room(ROOM.bundlesSeen)
    this.#given = database.room(ROOM.bundlesGiven)
    this.#sealer = sealer
  }

  /** Operations that queue a bundle, indexes and memory of it included; whom it came from has it. */
  put(indexed: Indexed, content: QueuedContent): Operation[] {
    const { id, entry } = indexed
    return [
      ...(entry.peerHash === undefined ? [] : [this.#given.put(givenKey(id, entry.peerHash), new Uint8Array())]),
      this.#bundles.put(id, this.#sealer.seal(encodeContent(content), id)),
      this.#byExpiry.put(expiryKey(indexed), encodeEntry(entry)),
      ...constraintsOf(entry.constraints).flatMap((constraint) => this.#putWaiting(indexed, constraint)),
      this.#seen.put(seenKey(id), seenValue(indexed)),
    ]
  }

  /** Operations that take a bundle out of the queue. @param remember whether it is known as seen until it expires */
  async remove(indexed: Indexed, remember: boolean): Promise<Operation[]> {
    const { id, entry } = indexed
    const operations = [
      remember ? this.#seen.put(seenExpiryKey(indexed), new Uint8Array()) : this.#seen.delete(seenKey(id)),
      this.#bundles.delete(id),
      this.#byExpiry.delete(expiryKey(indexed)),
      ...constraintsOf(entry.constraints).flatMap((constraint) => this.#deleteWaiting(indexed, constraint)),
    ]
    for await (const key of this.#given.keys(givenRange(id))) operations.push(this.#given.delete(key))
    return operations
  }

  /** Operations that put `entry` in the place of the one that is there. */
  replace(indexed: Indexed, entry: QueueEntry): Operation[] {
    const gone = constraintsOf(indexed.entry.constraints & ~entry.constraints)
    const come = constraintsOf(entry.constraints & ~indexed.entry.constraints)
    return [
      this.#byExpiry.put(expiryKey(indexed), encodeEntry(entry)),
      ...gone.flatMap((constraint) => this.#deleteWaiting(indexed, constraint)),
      ...come.flatMap((constraint) => this.#putWaiting(indexed, constraint)),
    ]
  }

  #putWaiting(indexed: Indexed, constraint: Constraint): Operation[] {
    const value = placeValue(indexed)
    const position = { priority: indexed.priority, order: indexed.entry.order }
    const waiting = this.#waiting.put(waitingKey(constraint, position), value)
    if (constraint !== 'forward') return [waiting]
    return [waiting, this.#byDestination.put(destinationKey(indexed.entry.nodeHash, position), value)]
  }

  #deleteWaiting(indexed: Indexed, constraint: Constraint): Operation[] {
    const position = { priority: indexed.priority, order: indexed.entry.order }
    const waiting = this.#waiting.delete(waitingKey(constraint, position))
    if (constraint !== 'forward') return [waiting]
    return [waiting, this.#byDestination.delete(destinationKey(indexed.entry.nodeHash, position))]
  }

  /** The operation that remembers that `peer` has the bundle. */
  give(id: Uint8Array, peer: EndpointId): Operation {
    return this.#given.put(givenKey(id, peerHash(peer)), new Uint8Array())
  }

  /** For each of `ids`, whether `peer` is known to have it. */
  async given(ids: readonly Uint8Array[], peer: EndpointId): Promise<boolean[]> {
    const hash = peerHash(peer)
    const found = await this.#given.getMany(ids.map((id) => givenKey(id, hash)))
    return found.map((value) => value !== undefined)
  }

  /** How many peers are known to have the bundle. */
  async givenCount(id: Uint8Array): Promise<number> {
    let count = 0
    for await (const _ of this.#given.keys(givenRange(id))) count += 1
    return count
  }

  /** Operations that forget a bundle that is gone. */
  forget(place: Omit<Place, 'priority'>): Operation[] {
    return [this.#seen.delete(seenKey(place.id)), this.#seen.delete(seenExpiryKey(place))]
  }

  /** True while the bundle is queued or remembered. */
  isKnown(id: Uint8Array): Promise<boolean> {
    return this.#seen.has(seenKey(id))
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

  /** Where the queued bundle with `id` stands. */
  async indexed(id: Uint8Array): Promise<Indexed | undefined> {
    const value = await this.#seen.get(seenKey(id))
    return value && this.at(readSeenValue(id, value))
  }

  /** What stands at `place`. */
  async at(place: Place): Promise<Indexed | undefined> {
    const bytes = await this.#byExpiry.get(expiryKey(place))
    return (
      bytes && { id: place.id, priority: place.priority, expiresAtMs: place.expiresAtMs, entry: decodeEntry(bytes) }
    )
  }

  /** Waiting bundles, most urgent first, then first come first, `after` a position. */
  async *waiting(scope: Scope, after?: Position): AsyncIterable<Waiting> {
    const { room, from, to } = this.#range(scope, after)
    const start = after === undefined ? { gte: from } : { gt: from }
    for await (const [key, value] of room.entries({ ...start, lte: to })) {
      yield { ...readPlaceValue(value), ...readPosition(key) }
    }
  }

  #range(scope: Scope, after: Position | undefined): { room: Room; from: Uint8Array; to: Uint8Array } {
    const first = after ?? { priority: ALL_PRIORITIES.at(-1) ?? 0, order: 0 }
    const last = { priority: 0, order: Number.MAX_SAFE_INTEGER } as const
    if ('constraint' in scope) {
      const keyOf = (position: Position) => waitingKey(scope.constraint, position)
      return { room: this.#waiting, from: keyOf(first), to: keyOf(last) }
    }
    const hash = nodeHash(scope.node)
    return { room: this.#byDestination, from: destinationKey(hash, first), to: destinationKey(hash, last) }
  }

  /** Queued bundles of one priority by expiry, up to and including `untilMs`. */
  async *byExpiry(priority: Priority, untilMs = Number.MAX_SAFE_INTEGER): AsyncIterable<Indexed> {
    for await (const [key, value] of this.#byExpiry.entries(expiryRange(priority, untilMs))) {
      yield { ...readExpiryKey(key), entry: decodeEntry(value) }
    }
  }

  /** All queued bundles, lowest priority first, then soonest to expire first: the order in which they are evicted. */
  async *all(): AsyncIterable<Indexed> {
    for (const priority of ALL_PRIORITIES) yield* this.byExpiry(priority)
  }

  /** When the next queued bundle expires. */
  async nextExpiryMs(): Promise<number | undefined> {
    let nextMs: number | undefined
    for (const priority of ALL_PRIORITIES) {
      for await (const { expiresAtMs } of this.byExpiry(priority)) {
        nextMs = Math.min(nextMs ?? expiresAtMs, expiresAtMs)
        break
      }
    }
    return nextMs
  }

  /** Bundles that are gone and remembered, by expiry. */
  async *seenByExpiry(): AsyncIterable<Omit<Place, 'priority'>> {
    for await (const key of this.#seen.keys(seenExpiryRange())) yield readSeenExpiryKey(key)
  }

  /** Ids of the queued bundles that begin with `prefix`. */
  ids(prefix: Uint8Array = new Uint8Array()): AsyncIterable<Uint8Array> {
    return this.#bundles.keys({ gte: prefix, lte: concatBytes(prefix, LAST_ID) })
  }

  has(id: Uint8Array): Promise<boolean> {
    return this.#bundles.has(id)
  }

  /** What stands where the indexes should name this bundle. */
  async waitingAt({ priority, entry }: Indexed): Promise<(Uint8Array | undefined)[]> {
    const position = { priority, order: entry.order }
    const constraints = constraintsOf(entry.constraints)
    const values = await this.#waiting.getMany(constraints.map((constraint) => waitingKey(constraint, position)))
    if (constraints.includes('forward')) {
      values.push(await this.#byDestination.get(destinationKey(entry.nodeHash, position)))
    }
    return values.map((value) => value && readPlaceValue(value).id)
  }

  /** Every place that the waiting and destination indexes name. */
  async *indexedPlaces(): AsyncIterable<Waiting> {
    for (const room of [this.#waiting, this.#byDestination]) {
      for await (const [key, value] of room.entries()) yield { ...readPlaceValue(value), ...readPosition(key) }
    }
  }
}
