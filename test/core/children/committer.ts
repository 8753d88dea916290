/** Commits numbered pairs of entries for ever and says on standard output which are on disk. */
import { uintBytes } from '../../../core/index.ts'
import { openDatabase, ROOM } from '../../../core/store/index.ts'

const database = await openDatabase(process.argv[2] ?? '')
const room = database.room(ROOM.records)

async function write(lane: number): Promise<void> {
  for (let number = lane; ; number += 4) {
    await database.commit([
      room.put(uintBytes(number), uintBytes(lane)),
      room.put(uintBytes(number + 2 ** 40), uintBytes(lane)),
    ])
    process.stdout.write(`${number}\n`)
  }
}

await Promise.all([0, 1, 2, 3].map(write))
