import { spawn } from 'node:child_process'
import { cpSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { randomBelow, SimulatedRandom, uintBytes, uintFromBytes, utf8 } from '../../core/index.ts'
import { MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS } from '../../core/limits.ts'
import { type Database, openDatabase, ROOM, SCHEMA_VERSION } from '../../core/store/index.ts'
import { countWrites, logFiles, truncate } from './level-log.ts'

const one = Uint8Array.of(1)

async function numbers(database: Database): Promise<number[]> {
  const found: number[] = []
  for await (const key of database.room(ROOM.records).keys()) found.push(uintFromBytes(key))
  return found
}

t.test('rooms do not see each other, ranges follow key order', async (t) => {
  const database = await openDatabase(t.testdir())
  const records = database.room(ROOM.records)
  const bundles = database.room(ROOM.recordsByTime)
  await database.commit([3, 1, 2].map((key) => records.put(uintBytes(key), uintBytes(key * 10))))
  await database.commit([bundles.put(uintBytes(9), one)])
  t.strictSame(await numbers(database), [1, 2, 3])
  t.equal(await records.get(uintBytes(9)), undefined)
  t.ok(await records.has(uintBytes(2)))
  t.strictSame(await records.getMany([uintBytes(1), uintBytes(7)]), [uintBytes(10), undefined])
  const ranges = [
    [{ gte: uintBytes(2) }, [2, 3]],
    [{ gt: uintBytes(2) }, [3]],
    [{ lt: uintBytes(2) }, [1]],
    [{ lte: uintBytes(2) }, [1, 2]],
    [{ reverse: true, limit: 2 }, [3, 2]],
    [{ limit: 0 }, []],
  ] as const
  for (const [range, expected] of ranges) {
    const found: number[] = []
    for await (const [key] of records.entries(range)) found.push(uintFromBytes(key))
    t.strictSame(found, expected)
  }
  await database.commit([records.delete(uintBytes(2))])
  t.strictSame(await numbers(database), [1, 3])
  await database.close()
})

t.test('commits that wait together are one write, in order', async (t) => {
  const path = t.testdir()
  const database = await openDatabase(path)
  const before = countWrites(logFiles(path).at(-1) ?? '')
  const records = database.room(ROOM.records)
  const done: number[] = []
  const commits = Array.from({ length: 200 }, (_, number) =>
    database.commit([records.put(one, uintBytes(number))]).then(() => done.push(number)),
  )
  t.equal(database.pendingCommits, 200)
  await Promise.all(commits)
  t.equal(database.pendingCommits, 0)
  t.strictSame(done, [...done.keys()], 'resolved in order')
  t.strictSame(await records.get(one), uintBytes(199), 'the last one wins')
  t.equal(countWrites(logFiles(path).at(-1) ?? '') - before, 1, '200 commits, one synced write')
  await database.close()
})

t.test('commits that come while one is written wait for the next, which takes them all', async (t) => {
  const path = t.testdir()
  const database = await openDatabase(path)
  const before = countWrites(logFiles(path).at(-1) ?? '')
  const records = database.room(ROOM.records)
  const first = database.commit([records.put(uintBytes(0), one)])
  await new Promise((resolve) => setImmediate(resolve))
  const later = Array.from({ length: 50 }, (_, number) => database.commit([records.put(uintBytes(number + 1), one)]))
  await Promise.all([first, ...later])
  t.ok(countWrites(logFiles(path).at(-1) ?? '') - before <= 3)
  await database.close()
})

t.test('one write carries no more than its caps, one large commit goes alone', async (t) => {
  const path = t.testdir()
  const database = await openDatabase(path)
  const before = countWrites(logFiles(path).at(-1) ?? '')
  const records = database.room(ROOM.records)
  const half = Array.from({ length: MAX_COMMIT_OPERATIONS / 2 + 1 }, (_, key) => records.put(uintBytes(key), one))
  await Promise.all([database.commit(half), database.commit(half), database.commit(half)])
  t.equal(countWrites(logFiles(path).at(-1) ?? '') - before, 3, 'by operations')
  const large = [records.put(one, new Uint8Array(MAX_COMMIT_BYTES + 1))]
  await Promise.all([database.commit(large), database.commit([records.put(uintBytes(1), one)])])
  t.equal((await records.get(one))?.length, MAX_COMMIT_BYTES + 1)
  await database.close()
})

t.test('a newer layout is refused and not touched', async (t) => {
  const path = t.testdir()
  const database = await openDatabase(path)
  await database.commit([database.room(ROOM.meta).put(utf8('schema'), uintBytes(SCHEMA_VERSION + 1, 4))])
  await database.close()
  await t.rejects(openDatabase(path), { code: 'CORE_STORE_NEWER', metadata: { found: SCHEMA_VERSION + 1 } })
  await t.rejects(openDatabase(path), { code: 'CORE_STORE_NEWER' }, 'the lock was given back')
})

t.test('two processes cannot have one database; a closed one says so', async (t) => {
  const path = t.testdir()
  const database = await openDatabase(path)
  await t.rejects(openDatabase(path), { code: 'CORE_STORE_OPEN', hint: /another gapmesh process/ })
  const waiting = database.commit([database.room(ROOM.records).put(one, one)])
  await database.close()
  await waiting
  await database.close()
  await t.rejects(database.commit([]), { code: 'CORE_STORE_CLOSED' })
  await t.rejects(database.room(ROOM.records).get(one), { code: 'CORE_STORE_CLOSED' })
  await t.rejects(numbers(database), { code: 'CORE_STORE_CLOSED' })
  t.throws(() => statSync(join(path, 'RESERVE')), 'no reserve unless asked for')
  await t.rejects(openDatabase(path, { reserve: 1 } as never), TypeError)
})

t.test('a log cut anywhere leaves a prefix of the commits, none of them in part', async (t) => {
  const path = t.testdir()
  const database = await openDatabase(join(path, 'whole'))
  const records = database.room(ROOM.records)
  for (let number = 0; number < 60; number += 1) {
    const value = new Uint8Array(100 + number * 37).fill(number)
    await database.commit([records.put(uintBytes(number * 2), value), records.put(uintBytes(number * 2 + 1), value)])
  }
  await database.close()
  const random = new SimulatedRandom(20_260)
  let shortest = 120
  for (let round = 0; round < 40; round += 1) {
    const copy = join(path, `cut-${round}`)
    cpSync(join(path, 'whole'), copy, { recursive: true })
    const [log = ''] = logFiles(copy).slice(-1)
    truncate(log, randomBelow(random, readFileSync(log).length + 1))
    const cut = await openDatabase(copy)
    const left = await numbers(cut)
    t.strictSame(left, [...left.keys()], 'a prefix')
    t.equal(left.length % 2, 0, 'whole commits')
    shortest = Math.min(shortest, left.length)
    await cut.close()
  }
  t.ok(shortest < 60, 'some cuts went deep')
})

t.test('SIGKILL: everything that was acknowledged is there, whole', async (t) => {
  const path = t.testdir()
  const child = spawn(process.execPath, [new URL('./children/committer.ts', import.meta.url).pathname, path], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (output.split('\n').length > 400) child.kill('SIGKILL')
  })
  const [, signal] = await new Promise<unknown[]>((resolve) => child.once('close', (...ended) => resolve(ended)))
  t.equal(signal, 'SIGKILL')
  const acknowledged = output.split('\n').slice(0, -1).map(Number)
  t.ok(acknowledged.length >= 400)
  const database = await openDatabase(path)
  const found = await numbers(database)
  const held = new Set(found)
  t.strictSame(
    acknowledged.filter((number) => !held.has(number)),
    [],
    'nothing acknowledged is missing',
  )
  const halves = found.filter((number) => !held.has(number < 2 ** 40 ? number + 2 ** 40 : number - 2 ** 40))
  t.strictSame(halves, [], 'no commit in part')
  await database.close()
})
