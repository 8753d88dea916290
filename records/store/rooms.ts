import { type Database, ROOM, type Room } from '../../core/store/index.ts'

/** The rooms of the database in which records and their indexes lie. */
export interface RecordRooms {
  readonly records: Room
  readonly byTime: Room
  readonly byExpiry: Room
  readonly origins: Room
}

export function recordRooms(database: Database): RecordRooms {
  return {
    records: database.room(ROOM.records),
    byTime: database.room(ROOM.recordsByTime),
    byExpiry: database.room(ROOM.recordsByExpiry),
    origins: database.room(ROOM.recordOrigins),
  }
}
