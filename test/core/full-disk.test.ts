import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { uintBytes } from '../../core/index.ts'
import { type Database, openDatabase, ROOM } from '../../core/store/index.ts'
import { fill, smallDisk } from './small-disk.ts'

/** Commits entries of 20 kB until the disk refuses: their number, and the refusal. */
async function commitUntilRefused(database: Database, most: number): Promise<{ written: number; refusal: unknown }> {
  const room = database.room(ROOM.records)
  for (let written = 0; written < most; written += 1) {
    try {
      await database.commit([room.put(uintBytes(written), new Uint8Array(20_000).fill(written))])
    } catch (refusal) {
      return { written, refusal }
    }
  }
  return { written: most, refusal: undefined }
}

t.test('a full disk refuses commits; when space returns, the same handle goes on', async (t) => {
  const disk = smallDisk('2m', (action) => t.teardown(action))
  if (disk === undefined) return void t.pass('full disk', { skip: 'mounting a small disk is not allowed here' })
  const database = await openDatabase(join(disk, 'db'))
  const room = database.room(ROOM.records)
  writeFileSync(join(disk, 'filler'), new Uint8Array(1_200_000))
  const { written, refusal } = await commitUntilRefused(database, 1000)
  t.match(refusal, { code: 'CORE_STORE_WRITE', hint: /disk/ })
  t.ok(written > 10, `${written} commits fit`)
  await t.rejects(database.commit([room.put(uintBytes(0), Uint8Array.of(1))]), { code: 'CORE_STORE_WRITE' })
  rmSync(join(disk, 'filler'))
  await database.commit([room.put(uintBytes(1_000_000), Uint8Array.of(7))])
  t.strictSame(await room.get(uintBytes(1_000_000)), Uint8Array.of(7))
  for (let number = 0; number < written; number += 1) {
    t.equal((await room.get(uintBytes(number)))?.[0], number % 256, 'what was committed before is there')
  }
  await database.close()
})

t.test('with a reserve the data stays readable on a full disk, also for a new process', async (t) => {
  const disk = smallDisk('8m', (action) => t.teardown(action))
  if (disk === undefined) return void t.pass('full disk', { skip: 'mounting a small disk is not allowed here' })
  const path = join(disk, 'db')
  const reserveBytes = 3 * 1024 * 1024
  const database = await openDatabase(path, { reserveBytes })
  const room = database.room(ROOM.records)
  await database.commit([room.put(uintBytes(5), Uint8Array.of(5))])
  t.ok(existsSync(join(path, 'RESERVE')))
  fill(join(disk, 'filler'))
  const { refusal } = await commitUntilRefused(database, 1000)
  t.match(refusal, { code: 'CORE_STORE_WRITE', hint: /disk/ })
  await t.rejects(database.commit([room.put(uintBytes(6), Uint8Array.of(6))]), { code: 'CORE_STORE_WRITE' })
  t.strictSame(await room.get(uintBytes(5)), Uint8Array.of(5), 'reopened on the reserve')
  await database.close()
  const again = await openDatabase(path, { reserveBytes })
  t.strictSame(await again.room(ROOM.records).get(uintBytes(5)), Uint8Array.of(5))
  rmSync(join(disk, 'filler'))
  await again.commit([again.room(ROOM.records).put(uintBytes(6), Uint8Array.of(6))])
  t.ok(existsSync(join(path, 'RESERVE')), 'and the reserve is whole again')
  await again.close()
})
