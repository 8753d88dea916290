import { concatBytes, decodeCbor, encodeCbor, shape, uintBytes, uintFromBytes, utf8 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import type { EndpointId } from '../codec/index.ts'

/*
 * Entries of the queue (prefixes in core/store/rooms.ts); numbers are big-endian, so that keys sort by them:
 *
 *   bundles               id(32)                              sealed dCBOR [ destination, received_at, expires_at, bundle ]
 *   bundlesByExpiry       expires_at(8) id(32)                dCBOR [ size, order, destination hash ]
 *   bundlesByDestination  destination hash(32) order(8)       id(32)
 *   bundlesSeen           00 id(32)                           expires_at(8)
 *   bundlesSeen           01 expires_at(8) id(32)             nothing
 *
 * `order` counts arrivals. Outside the seal are hashes and numbers only.
 */

const SEEN_BY_ID = Uint8Array.of(0)
const SEEN_BY_EXPIRY = Uint8Array.of(1)
const ID_BYTES = 32

/** What the expiry index says of a queued bundle. */
export interface QueueEntry {
  /** Length of the bundle in bytes. */
  readonly size: number
  readonly order: number
  readonly destinationHash: Uint8Array
}

/** A queued bundle as it is sealed. */
export interface QueuedContent {
  readonly destination: EndpointId
  readonly receivedAtMs: number
  readonly expiresAtMs: number
  readonly bytes: Uint8Array
}

export function destinationHash(destination: EndpointId): Uint8Array {
  return sha256(utf8(destination))
}

export function expiryKey(atMs: number, id: Uint8Array): Uint8Array {
  return concatBytes(uintBytes(atMs), id)
}

export function destinationKey(hash: Uint8Array, order: number): Uint8Array {
  return concatBytes(hash, uintBytes(order))
}

export function seenKey(id: Uint8Array): Uint8Array {
  return concatBytes(SEEN_BY_ID, id)
}

export function seenExpiryKey(atMs: number, id: Uint8Array): Uint8Array {
  return concatBytes(SEEN_BY_EXPIRY, expiryKey(atMs, id))
}

/** Bounds of all {@link seenExpiryKey}s. */
export function seenExpiryRange(): { gte: Uint8Array } {
  return { gte: SEEN_BY_EXPIRY }
}

/** Time and id of an {@link expiryKey}. */
export function readExpiryKey(key: Uint8Array): { atMs: number; id: Uint8Array } {
  return { atMs: uintFromBytes(key.subarray(0, 8)), id: key.slice(8, 8 + ID_BYTES) }
}

/** Time and id of a {@link seenExpiryKey}. */
export function readSeenExpiryKey(key: Uint8Array): { atMs: number; id: Uint8Array } {
  return readExpiryKey(key.subarray(1))
}

export function encodeEntry(entry: QueueEntry): Uint8Array {
  return encodeCbor([entry.size, entry.order, entry.destinationHash])
}

/** @throws CORE_CBOR_… */
export function decodeEntry(bytes: Uint8Array): QueueEntry {
  const items = shape.array(decodeCbor(bytes, { maxBytes: 64 }), 'entry', { min: 3, max: 3 })
  return {
    size: shape.uint(items[0], 'size'),
    order: shape.uint(items[1], 'order'),
    destinationHash: shape.bytes(items[2], 'destination', { min: 32, max: 32 }),
  }
}

export function encodeContent(content: QueuedContent): Uint8Array {
  return encodeCbor([content.destination, content.receivedAtMs, content.expiresAtMs, content.bytes])
}

/** @throws CORE_CBOR_… */
export function decodeContent(bytes: Uint8Array): QueuedContent {
  const items = shape.array(decodeCbor(bytes, { maxBytes: bytes.length }), 'content', { min: 4, max: 4 })
  return {
    destination: shape.text(items[0], 'destination'),
    receivedAtMs: shape.uint(items[1], 'received_at'),
    expiresAtMs: shape.uint(items[2], 'expires_at'),
    bytes: shape.bytes(items[3], 'bundle'),
  }
}
