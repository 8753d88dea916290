/**
 * The node's one LevelDB database: rooms by key prefix, one writer that groups commits into synced writes.
 * What is committed survives a crash at any instant; what is not was never seen.
 */
export { type Database, type Operation, openDatabase, type Range, type Room, SCHEMA_VERSION } from './database.ts'
export { ROOM, type RoomPrefix } from './rooms.ts'
