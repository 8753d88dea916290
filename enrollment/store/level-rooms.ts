import { concatBytes, uintBytes, utf8 } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import type { HolderKind } from './ca-types.ts'

/** Where in its database a CA keeps what. */
export type CaRooms = Readonly<
  Record<'facts' | 'tokens' | 'redemptions' | 'certificates' | 'owners' | 'audit', Room> &
    Record<'peers' | 'lists' | 'holders' | 'keys' | 'revocations' | 'revoked', Room>
>

export function caRooms(database: Database): CaRooms {
  return {
    facts: database.room(ROOM.caState),
    tokens: database.room(ROOM.caTokens),
    redemptions: database.room(ROOM.caRedemptions),
    certificates: database.room(ROOM.caCertificates),
    owners: database.room(ROOM.caNames),
    audit: database.room(ROOM.caAudit),
    peers: database.room(ROOM.caPeers),
    lists: database.room(ROOM.caLists),
    holders: database.room(ROOM.caHolders),
    keys: database.room(ROOM.caKeys),
    revocations: database.room(ROOM.caRevocations),
    revoked: database.room(ROOM.caRevoked),
  }
}

/** Sorts after every key id and serial number. */
export const LAST_KEY_ID: Uint8Array = new Uint8Array(32).fill(0xff)
/** First byte of keys by holder: place of the kind. Append-only. */
export const HOLDER_KINDS: readonly HolderKind[] = ['node', 'operator', 'issuing']
/** First byte of keys in the room of lists. Append-only. */
export const LIST_PART = { record: 0, full: 1, delta: 2 } as const

/** Kind, name, a zero byte (no name has one), serial number. */
export function holderKey(kind: HolderKind, name: string, serialNumber: Uint8Array = new Uint8Array()): Uint8Array {
  return concatBytes(Uint8Array.of(HOLDER_KINDS.indexOf(kind)), utf8(name), Uint8Array.of(0), serialNumber)
}

export function chunkKey(authorityKeyId: Uint8Array, kind: 'full' | 'delta', at: number): Uint8Array {
  return concatBytes(Uint8Array.of(LIST_PART[kind]), authorityKeyId, uintBytes(at, 4))
}

/** The chunks of a list from number `first` on. */
export function chunkRange(authorityKeyId: Uint8Array, kind: 'full' | 'delta', first: number) {
  return { gte: chunkKey(authorityKeyId, kind, first), lte: chunkKey(authorityKeyId, kind, 0xffff_ffff) }
}
