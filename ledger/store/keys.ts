import { concatBytes, uintBytes, uintFromBytes, utf8 } from '../../core/index.ts'

/*
 * Keys within the ledger's rooms (prefixes in core/store/rooms.ts):
 *
 *   blocks           node_id 00 seq(8)          microblock bytes
 *   blocksById       id(32)                     node_id 00 seq(8)
 *   payloads         payload_hash(32)           sealed payload; empty: restored from a peer, which never had it
 *   chainHeads       node_id                    chain state
 *   blockConflicts   node_id 00 seq(8) id(32)   microblock bytes
 *
 * A node_id holds no zero byte, so that keys sort by (node_id bytes, seq).
 */

const END_OF_NAME = Uint8Array.of(0)

/** Key of the block at `seq` of `origin`'s chain. */
export function placeKey(origin: string, seq: number): Uint8Array {
  return concatBytes(utf8(origin), END_OF_NAME, uintBytes(seq))
}

/** Key of a conflicting block. */
export function conflictKey(origin: string, seq: number, id: Uint8Array): Uint8Array {
  return concatBytes(placeKey(origin, seq), id)
}

/** Bounds of all keys of one origin in `blocks` and `blockConflicts`. */
export function originRange(origin: string): { gte: Uint8Array; lt: Uint8Array } {
  const name = utf8(origin)
  return { gte: concatBytes(name, END_OF_NAME), lt: concatBytes(name, Uint8Array.of(1)) }
}

/** The place that {@link placeKey} names; undefined when the bytes are not one. */
export function placeOfKey(key: Uint8Array): { origin: string; seq: number } | undefined {
  const end = key.indexOf(0)
  if (end < 1 || key.length !== end + 9 || (key[end + 1] ?? 0) !== 0 || (key[end + 2] ?? 0) > 0x1f) return undefined
  return { origin: Buffer.from(key.subarray(0, end)).toString('latin1'), seq: uintFromBytes(key.subarray(end + 1)) }
}
