import { utf8 } from '../../core/index.ts'
import { type Database, type Operation, ROOM } from '../../core/store/index.ts'
import type { InputPosition } from './types.ts'

/** The operations that store `positions`, for the commit that accepts the events of their batch. */
export function storePositions(database: Database, positions: readonly InputPosition[]): Operation[] {
  const room = database.room(ROOM.readPositions)
  return positions.map(({ input, position }) => room.put(utf8(input), position))
}

/** Every stored position by input name. */
export async function loadPositions(database: Database): Promise<Map<string, Uint8Array>> {
  const positions = new Map<string, Uint8Array>()
  for await (const [input, position] of database.room(ROOM.readPositions).entries()) {
    positions.set(new TextDecoder().decode(input), position)
  }
  return positions
}
