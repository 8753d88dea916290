import { concatBytes, decodeCbor, encodeCbor, shape, uintBytes, uintFromBytes, utf8 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { type EndpointId, nodeOf } from '../codec/index.ts'
import { ALL_PRIORITIES, HIGHEST_PRIORITY, type Priority } from '../codec/priority.ts'

/*
 * Entries of the queue (prefixes in core/store/rooms.ts); numbers are big-endian, so that keys sort by them:
 *
 *   bundles               id(32)                                    sealed dCBOR [ destination, source, received_at, peer / null, bundle / null ]
 *   bundlesByExpiry       priority(1) expires_at(8) id(32)          dCBOR [ size, order, constraints, copies, node hash, peer hash / null, in_file ]
 *   bundlesByDestination  node hash(32) rank(1) order(8)           id(32) expires_at(8)
 *   bundlesWaiting        constraint(1) rank(1) order(8)            id(32) expires_at(8)
 *   bundlesSeen           00 id(32)                                 expires_at(8) priority(1)
 *   bundlesSeen           01 expires_at(8) id(32)                   nothing; only once the bundle is gone
 *   bundlesGiven          id(32) peer hash(16)                      nothing
 *
 * `rank` is 3 less the priority: the most urgent sort first. `order` counts arrivals. A bundle that is null lies in a
 * file of its own (payload-files.ts). Outside the seal are hashes and numbers only.
 */

const SEEN_BY_ID = Uint8Array.of(0)
const SEEN_BY_EXPIRY = Uint8Array.of(1)
const ID_BYTES = 32
const PEER_HASH_BYTES = 16

/** Why a bundle is still here (RFC 9171 §3.1, retention constraints); bits of `constraints`. Append-only. */
export const CONSTRAINTS = { forward: 1, deliver: 2, reassemble: 4 } as const

/** A retention constraint: to be forwarded, delivered here, or joined with other fragments. */
export type Constraint = keyof typeof CONSTRAINTS

/** Where a bundle stands in the indexes. */
export interface Place {
  readonly id: Uint8Array
  readonly priority: Priority
  readonly expiresAtMs: number
}

/** What the indexes say of a queued bundle besides. */
export interface QueueEntry {
  /** Length of the bundle in bytes. */
  readonly sizeBytes: number
  readonly order: number
  /** Bits of {@link CONSTRAINTS}. */
  readonly constraints: number
  /** Copies that may still be handed out; what that means is the routing strategy's. */
  readonly copies: number
  /** Of the node that the destination is at. */
  readonly nodeHash: Uint8Array
  readonly peerHash: Uint8Array | undefined
  readonly inFile: boolean
}

/** A queued bundle as it is sealed. */
export interface QueuedContent {
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly receivedAtMs: number
  /** Whom it came from. */
  readonly peer: EndpointId | undefined
  /** Undefined when it lies in a file. */
  readonly bytes: Uint8Array | undefined
}

/** What bundles for one node are found by. @param endpoint any of its endpoints */
export function nodeHash(endpoint: EndpointId): Uint8Array {
  return sha256(utf8(nodeOf(endpoint)))
}

export function peerHash(peer: EndpointId): Uint8Array {
  return sha256(utf8(peer)).subarray(0, PEER_HASH_BYTES)
}

/** The names of the constraints in `bits`. */
export function constraintsOf(bits: number): Constraint[] {
  return (Object.keys(CONSTRAINTS) as Constraint[]).filter((name) => (bits & CONSTRAINTS[name]) !== 0)
}

export function expiryKey({ priority, expiresAtMs, id }: Place): Uint8Array {
  return concatBytes(Uint8Array.of(priority), uintBytes(expiresAtMs), id)
}

/** Keys of one priority up to and including `untilMs`. */
export function expiryRange(priority: Priority, untilMs: number): { gte: Uint8Array; lte: Uint8Array } {
  return {
    gte: Uint8Array.of(priority),
    lte: expiryKey({ priority, expiresAtMs: untilMs, id: new Uint8Array(ID_BYTES).fill(0xff) }),
  }
}

/** The place that an {@link expiryKey} names. */
export function readExpiryKey(key: Uint8Array): Place {
  const priority = ALL_PRIORITIES[key[0] ?? 0] ?? 0
  return { priority, expiresAtMs: uintFromBytes(key.subarray(1, 9)), id: key.slice(9, 9 + ID_BYTES) }
}

/** Rank and order of a bundle: how the waiting ones are sorted. */
export interface Position {
  readonly priority: Priority
  readonly order: number
}

export function waitingKey(constraint: Constraint, position: Position): Uint8Array {
  return concatBytes(Uint8Array.of(CONSTRAINTS[constraint]), positionBytes(position))
}

export function destinationKey(hash: Uint8Array, position: Position): Uint8Array {
  return concatBytes(hash, positionBytes(position))
}

function positionBytes({ priority, order }: Position): Uint8Array {
  return concatBytes(Uint8Array.of(HIGHEST_PRIORITY - priority), uintBytes(order))
}

/** The position at the end of a {@link waitingKey} or {@link destinationKey}. */
export function readPosition(key: Uint8Array): Position {
  const rank = key[key.length - 9] ?? 0
  return { priority: ALL_PRIORITIES[HIGHEST_PRIORITY - rank] ?? 0, order: uintFromBytes(key.subarray(-8)) }
}

/** What stands behind a waiting or destination key. */
export function placeValue({ id, expiresAtMs }: Place): Uint8Array {
  return concatBytes(id, uintBytes(expiresAtMs))
}

/** Id and expiry of a {@link placeValue}. */
export function readPlaceValue(value: Uint8Array): { id: Uint8Array; expiresAtMs: number } {
  return { id: value.slice(0, ID_BYTES), expiresAtMs: uintFromBytes(value.subarray(ID_BYTES, ID_BYTES + 8)) }
}

export function seenKey(id: Uint8Array): Uint8Array {
  return concatBytes(SEEN_BY_ID, id)
}

export function seenValue({ expiresAtMs, priority }: Place): Uint8Array {
  return concatBytes(uintBytes(expiresAtMs), Uint8Array.of(priority))
}

/** The place of bundle `id` by its {@link seenValue}. */
export function readSeenValue(id: Uint8Array, value: Uint8Array): Place {
  return { id, expiresAtMs: uintFromBytes(value.subarray(0, 8)), priority: ALL_PRIORITIES[value[8] ?? 0] ?? 0 }
}

export function seenExpiryKey({ expiresAtMs, id }: Omit<Place, 'priority'>): Uint8Array {
  return concatBytes(SEEN_BY_EXPIRY, uintBytes(expiresAtMs), id)
}

/** Bounds of all {@link seenExpiryKey}s. */
export function seenExpiryRange(): { gte: Uint8Array } {
  return { gte: SEEN_BY_EXPIRY }
}

/** Time and id of a {@link seenExpiryKey}. */
export function readSeenExpiryKey(key: Uint8Array): Omit<Place, 'priority'> {
  return { expiresAtMs: uintFromBytes(key.subarray(1, 9)), id: key.slice(9, 9 + ID_BYTES) }
}

export function givenKey(id: Uint8Array, hash: Uint8Array): Uint8Array {
  return concatBytes(id, hash)
}

/** Bounds of the {@link givenKey}s of a bundle. */
export function givenRange(id: Uint8Array): { gte: Uint8Array; lte: Uint8Array } {
  return { gte: id, lte: givenKey(id, new Uint8Array(PEER_HASH_BYTES).fill(0xff)) }
}

export function encodeEntry(entry: QueueEntry): Uint8Array {
  const { sizeBytes, order, constraints, copies, nodeHash: node, peerHash: peer, inFile } = entry
  return encodeCbor([sizeBytes, order, constraints, copies, node, peer ?? null, inFile])
}

/** @throws CORE_CBOR_… */
export function decodeEntry(bytes: Uint8Array): QueueEntry {
  const items = shape.array(decodeCbor(bytes, { maxBytes: 128 }), 'entry', { min: 7, max: 7 })
  const peer = items[5]
  return {
    sizeBytes: shape.uint(items[0], 'size'),
    order: shape.uint(items[1], 'order'),
    constraints: shape.uint(items[2], 'constraints', { min: 1, max: 7 }),
    copies: shape.uint(items[3], 'copies'),
    nodeHash: shape.bytes(items[4], 'node', { min: 32, max: 32 }),
    peerHash: peer === null ? undefined : shape.bytes(peer, 'peer', { min: PEER_HASH_BYTES, max: PEER_HASH_BYTES }),
    inFile: items[6] === true,
  }
}

export function encodeContent({ destination, source, receivedAtMs, peer, bytes }: QueuedContent): Uint8Array {
  return encodeCbor([destination, source, receivedAtMs, peer ?? null, bytes ?? null])
}

/** @throws CORE_CBOR_… */
export function decodeContent(encoded: Uint8Array): QueuedContent {
  const items = shape.array(decodeCbor(encoded, { maxBytes: encoded.length }), 'content', { min: 5, max: 5 })
  const [destination, source, receivedAt, peer, bytes] = items
  return {
    destination: shape.text(destination, 'destination'),
    source: shape.text(source, 'source'),
    receivedAtMs: shape.uint(receivedAt, 'received_at'),
    peer: peer === null ? undefined : shape.text(peer, 'peer'),
    bytes: bytes === null ? undefined : shape.bytes(bytes, 'bundle'),
  }
}
