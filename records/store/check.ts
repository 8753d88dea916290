import { equalBytes, isGapmeshError } from '../../core/index.ts'
import { decodeRecord, expiryOf } from '../record.ts'
import type { DecodedRecord } from '../types.ts'
import { ID_BYTES, readRecord, readTimeKey, timeKey } from './entries.ts'
import type { RecordRooms } from './rooms.ts'

/** What a check of the whole store found. */
export interface CheckReport {
  /** True when nothing below is wrong. */
  readonly ok: boolean
  /** Records held. */
  readonly records: number
  /** Records that were stored once and were not there when the store was opened: batches that the disk lost. */
  readonly missing: number
  /** Records whose bytes do not decode to the id they lie under. */
  readonly damaged: number
  /** Records that an index does not name: queries, catch-up or expiry overlook them. */
  readonly unindexed: number
  /** Index entries without a record. */
  readonly dangling: number
}

/** Reads every record and every index entry. */
export async function checkRooms(rooms: RecordRooms, missing: number): Promise<CheckReport> {
  const found = { records: 0, damaged: 0, unindexed: 0, dangling: 0 }
  for await (const [id, value] of rooms.records.entries()) {
    if (id.length !== ID_BYTES) continue
    found.records += 1
    const record = undamaged(id, readRecord(value).bytes)
    if (record === undefined) found.damaged += 1
    else if (!(await isIndexed(rooms, record))) found.unindexed += 1
  }
  for (const index of [rooms.byTime, rooms.byExpiry]) {
    for await (const key of index.keys()) {
      if (!(await rooms.records.has(readTimeKey(key).id))) found.dangling += 1
    }
  }
  const ok = missing + found.damaged + found.unindexed + found.dangling === 0
  return { ok, missing, ...found }
}

function undamaged(id: Uint8Array, bytes: Uint8Array): DecodedRecord | undefined {
  try {
    const record = decodeRecord(bytes)
    return equalBytes(record.id, id) ? record : undefined
  } catch (error) {
    if (isGapmeshError(error)) return undefined
    throw error
  }
}

async function isIndexed(rooms: RecordRooms, record: DecodedRecord): Promise<boolean> {
  const expiresAtMs = expiryOf(record)
  if (!(await rooms.byTime.has(timeKey(record.createdAtMs, record.id)))) return false
  return expiresAtMs === undefined || rooms.byExpiry.has(timeKey(expiresAtMs, record.id))
}
