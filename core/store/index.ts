/**
 * The node's one LevelDB database: rooms by key prefix, one writer that groups commits into synced writes.
 * What is committed survives a crash at any instant; what is not was never seen.
 */
export { type Database, type DatabaseOptions, openDatabase, RESERVE_BYTES, SCHEMA_VERSION } from './database.ts'
export { createFileAtomically, makeDirectory, syncDirectory, writeFileAtomically } from './files.ts'
export type { Operation, Range, Room } from './room.ts'
export { ROOM, type RoomPrefix } from './rooms.ts'
