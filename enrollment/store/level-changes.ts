import { concatBytes, uintBytes, utf8 } from '../../core/index.ts'
import type { Operation } from '../../core/store/index.ts'
import { LIST_CHUNK_BYTES } from '../limits.ts'
import type { CaChange } from './ca-store.ts'
import { encodePeer, encodeTokenState } from './formats.ts'
import {
  decodeRevocation,
  encodeHeld,
  encodeIssued,
  encodeNameOwner,
  encodeRevocation,
  type IssuedCertificate,
  type StoredRevocation,
} from './issued-format.ts'
import { type CaRooms, chunkKey, chunkRange, holderKey, LAST_KEY_ID, LIST_PART } from './level-rooms.ts'
import { encodeListRecord } from './list-record.ts'

/** What a change comes to in the database. */
export async function operationsOf(rooms: CaRooms, change: CaChange): Promise<Operation[]> {
  const { facts, tokens, redemptions, owners, peers } = rooms
  switch (change.kind) {
    case 'fact': {
      const key = utf8(change.name)
      return [change.value === undefined ? facts.delete(key) : facts.put(key, change.value)]
    }
    case 'token':
      return [tokens.put(change.tokenId, encodeTokenState(change.token))]
    case 'forget-token':
      return forgetToken(rooms, change.tokenId)
    case 'redemption':
      return [redemptions.put(concatBytes(change.tokenId, change.identityKeyId), change.serialNumber)]
    case 'certificate':
      return certificateOperations(rooms, change.issued)
    case 'forget-certificate':
      return forgetCertificate(rooms, change.issued)
    case 'revocation':
      return revocationOperations(rooms, change.revocation)
    case 'owner':
      return [owners.put(utf8(change.nodeId), encodeNameOwner(change.owner))]
    case 'peer':
      return [peers.put(utf8(change.nodeId), encodePeer(change.peer))]
    case 'list':
      return listOperations(rooms, change)
  }
}

async function forgetToken(rooms: CaRooms, tokenId: Uint8Array): Promise<Operation[]> {
  const { tokens, redemptions } = rooms
  const operations = [tokens.delete(tokenId)]
  for await (const key of redemptions.keys({ gte: tokenId, lte: concatBytes(tokenId, LAST_KEY_ID) })) {
    operations.push(redemptions.delete(key))
  }
  return operations
}

function certificateOperations(rooms: CaRooms, issued: IssuedCertificate): Operation[] {
  const { certificates } = rooms
  return [certificates.put(issued.serialNumber, encodeIssued(issued)), ...indexOperations(rooms, issued)]
}

function forgetCertificate(
  rooms: CaRooms,
  { kind, name, serialNumber, identityKeyId }: IssuedCertificate,
): Operation[] {
  return [
    rooms.certificates.delete(serialNumber),
    rooms.holders.delete(holderKey(kind, name, serialNumber)),
    rooms.keys.delete(concatBytes(identityKeyId, serialNumber)),
  ]
}

export function indexOperations(rooms: CaRooms, issued: IssuedCertificate): Operation[] {
  const { kind, name, serialNumber, identityKeyId, issuedAtMs, notAfterMs } = issued
  const held = encodeHeld({ issuedAtMs, notAfterMs, revoked: false })
  return [
    rooms.holders.put(holderKey(kind, name, serialNumber), held),
    rooms.keys.put(concatBytes(identityKeyId, serialNumber), new Uint8Array()),
  ]
}

/** Also of a certificate that is not known. A later revocation of the same certificate takes the place of the one before. */
async function revocationOperations(rooms: CaRooms, revocation: StoredRevocation): Promise<Operation[]> {
  const { revocations, revoked, holders, keys } = rooms
  const { sequence, serialNumber, keyHash, kind, name, issuedAtMs, notAfterMs } = revocation
  const bytesBefore = await revoked.get(serialNumber)
  const before = bytesBefore === undefined ? undefined : decodeRevocation(bytesBefore)
  const bytes = encodeRevocation(revocation)
  const held = encodeHeld({ issuedAtMs, notAfterMs, revoked: true })
  return [
    ...(before === undefined ? [] : [revocations.delete(uintBytes(before.sequence))]),
    revocations.put(uintBytes(sequence), bytes),
    revoked.put(serialNumber, bytes),
    // Of a certificate too that was lost with a backup: its key stays revoked.
    keys.put(concatBytes(keyHash, serialNumber), new Uint8Array()),
    ...(name === '' ? [] : [holders.put(holderKey(kind, name, serialNumber), held)]),
  ]
}

async function listOperations(
  rooms: CaRooms,
  { record, full, delta }: CaChange & { kind: 'list' },
): Promise<Operation[]> {
  const { authorityKeyId } = record
  const { lists } = rooms
  return [
    lists.put(Uint8Array.of(LIST_PART.record, ...authorityKeyId), encodeListRecord(record)),
    ...(full === undefined ? [] : await replaceList(rooms, authorityKeyId, 'full', full)),
    ...(delta === undefined ? [] : await replaceList(rooms, authorityKeyId, 'delta', delta)),
  ]
}

async function replaceList(
  rooms: CaRooms,
  authorityKeyId: Uint8Array,
  kind: 'full' | 'delta',
  der: Uint8Array,
): Promise<Operation[]> {
  const { lists } = rooms
  const count = Math.ceil(der.length / LIST_CHUNK_BYTES)
  const operations: Operation[] = []
  for await (const key of lists.keys(chunkRange(authorityKeyId, kind, count))) operations.push(lists.delete(key))
  for (let at = 0; at < count; at += 1) {
    const chunk = der.subarray(at * LIST_CHUNK_BYTES, (at + 1) * LIST_CHUNK_BYTES)
    operations.push(lists.put(chunkKey(authorityKeyId, kind, at), chunk))
  }
  return operations
}
