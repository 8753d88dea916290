// What a queue holds after its process was killed, its log was cut, or its disk was full.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bundleId, checkBundleQueue, decodeBundle, openBundleQueue } from '../../bundles/index.ts'
import { randomBelow, SimulatedClock, SimulatedRandom, toHex } from '../../core/index.ts'
import { openDatabase, RESERVE_BYTES } from '../../core/store/index.ts'
import { logFiles, truncate } from '../core/level-log.ts'
import { fill, smallDisk } from '../core/small-disk.ts'
import { closeQueue, crashBundle, NOW_MS, openQueue, sealer, type TestQueue } from './support.ts'

const SEED = Number(process.env.GAPMESH_SEED ?? 4)
const ROUNDS = Number(process.env.GAPMESH_CRASH_ROUNDS ?? 8)
const LOG_CUTS = Number(process.env.GAPMESH_LOG_CUTS ?? 40)

const CHILD = new URL('./children/acceptor.ts', import.meta.url).pathname

/** What the child said of each number, and in which order. */
type Said = Record<'accepted' | 'removing' | 'removed', Set<number>>

/** Runs the acceptor until it has said `lines` lines, kills it, and adds what it said to `said`. */
async function runUntilKilled(paths: readonly string[], first: number, lines: number, said: Said): Promise<number> {
  const child = spawn(process.execPath, [CHILD, ...paths, String(first)], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (output.split('\n').length > lines) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  let highest = first
  for (const line of output.split('\n').slice(0, -1)) {
    const [word = '', number] = line.split(' ')
    if (number === undefined) continue
    said[word as keyof Said].add(Number(number))
    highest = Math.max(highest, Number(number))
  }
  return highest
}

async function holds({ queue }: TestQueue, number: number): Promise<boolean> {
  return (await queue.get(bundleId(decodeBundle(crashBundle(number))))) !== undefined
}

function filesOf(directory: string): number {
  return existsSync(directory) ? readdirSync(directory).length : 0
}

t.test('SIGKILL at seeded moments: accepted is there, removed is gone, nothing is left behind', async (t) => {
  t.comment(`seed ${SEED}, ${ROUNDS} rounds`)
  const random = new SimulatedRandom(SEED)
  const path = t.testdir()
  const [database, directory] = [join(path, 'db'), join(path, 'files')]
  const said: Said = { accepted: new Set(), removing: new Set(), removed: new Set() }
  let next = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    next = (await runUntilKilled([database, directory], next, 2 + randomBelow(random, 150), said)) + 10
    const test = await openQueue(database, { directory, clockTrusted: () => false })
    for (const number of said.accepted) {
      const held = await holds(test, number)
      if (said.removed.has(number)) t.notOk(held, `${number} was removed`)
      else if (!said.removing.has(number)) t.ok(held, `${number} was accepted`)
    }
    const report = await checkBundleQueue({ database: test.database, sealer, directory })
    t.match(report, { problems: [], bundlesChecked: test.queue.status().count })
    let large = 0
    for (let number = 0; number < next; number += 7) large += (await holds(test, number)) ? 1 : 0
    t.equal(filesOf(directory), large, 'a file for each large bundle, and none besides')
    await closeQueue(test)
  }
  t.ok(said.accepted.size > ROUNDS * 5 && said.removed.size > ROUNDS, `${said.accepted.size} accepted`)
})

t.test('a file whose bundle is gone and remembered is swept when the queue opens', async (t) => {
  const path = t.testdir()
  const directory = join(path, 'files')
  const test = await openQueue(join(path, 'db'), { directory })
  const { id } = await test.queue.accept(crashBundle(7))
  const { id: kept } = await test.queue.accept(crashBundle(14))
  const file = join(directory, toHex(id))
  cpSync(file, join(path, 'copy'))
  await test.queue.remove(id)
  t.notOk(existsSync(file))
  await closeQueue(test)
  // As a process leaves it that ends between the commit and the removal of the file.
  cpSync(join(path, 'copy'), file)
  const again = await openQueue(join(path, 'db'), { directory })
  t.strictSame(readdirSync(directory), [toHex(kept)])
  t.match(await again.queue.accept(crashBundle(7)), { status: 'duplicate' })
  await closeQueue(again)
})

t.test('a log cut anywhere is the queue of some moment', async (t) => {
  t.comment(`seed ${SEED}, ${LOG_CUTS} cuts`)
  const random = new SimulatedRandom(SEED)
  const path = t.testdir()
  const whole = join(path, 'whole')
  const database = await openDatabase(whole)
  const queue = await openBundleQueue({}, { database, sealer, clock: new SimulatedClock(NOW_MS) })
  for (let number = 1; number < 120; number += 1) {
    if (number % 7 === 0) continue
    const { id } = await queue.accept(crashBundle(number), { constraints: ['forward', 'deliver'] })
    await queue.update(id, { givenTo: 'dtn://peer/', release: ['deliver'] })
    if (number % 3 === 0) await queue.remove(id)
  }
  const held = queue.status().count
  const counts = new Set<number>()
  for (let cut = 0; cut < LOG_CUTS; cut += 1) {
    const copy = join(path, 'cut')
    rmSync(copy, { recursive: true, force: true })
    cpSync(whole, copy, { recursive: true })
    const log = logFiles(copy).at(-1) ?? ''
    truncate(log, randomBelow(random, statSync(log).size))
    const test = await openQueue(copy)
    const { count } = test.queue.status()
    const report = await checkBundleQueue({ database: test.database, sealer })
    t.match(report, { problems: [], bundlesChecked: count }, `${count} bundles`)
    counts.add(count)
    await closeQueue(test)
  }
  t.ok(counts.size > LOG_CUTS / 4, 'cuts at many moments')
  t.ok(Math.max(...counts) <= held)
  await queue.close()
  await database.close()
})

t.test('a full disk: what was accepted stays, control bundles find room, all goes on when space returns', async (t) => {
  const disk = smallDisk('24m', (action) => t.teardown(action))
  if (disk === undefined) return void t.pass('full disk', { skip: 'mounting a small disk is not allowed here' })
  const database = await openDatabase(join(disk, 'db'), { reserveBytes: RESERVE_BYTES })
  const directory = join(disk, 'files')
  const clock = new SimulatedClock(NOW_MS)
  const queue = await openBundleQueue({ directory }, { database, sealer, clock })
  const accepted: number[] = []
  let code: string | undefined
  for (let number = 1; code === undefined && number < 5000; number += 1) {
    await queue.accept(crashBundle(number)).then(
      () => accepted.push(number),
      (error) => {
        code = error.code
      },
    )
    if (accepted.length === 60) fill(join(disk, 'filler'))
  }
  t.equal(code, 'BUNDLES_DISK_FULL')
  t.equal(queue.status().state, 'disk-full')
  t.ok(accepted.length >= 60)
  const id = (number: number) => bundleId(decodeBundle(crashBundle(number)))
  for (const number of accepted) t.ok((await queue.get(id(number))) !== undefined, `${number} is readable`)
  t.equal((await checkBundleQueue({ database, sealer, directory })).problemCount, 0)
  rmSync(join(disk, 'filler'))
  for (const number of [6000, 6001, 6006]) t.match(await queue.accept(crashBundle(number)), { status: 'accepted' })
  t.match(queue.status(), { state: 'open', count: accepted.length + 3 })
  const names = new Set(readdirSync(directory))
  t.ok([...accepted, 6006].filter((number) => number % 7 === 0).every((number) => names.has(toHex(id(number)))))
  await queue.close()
  await database.close()
})
