import { spawn } from 'node:child_process'
import t from 'tap'
import {
  bundleId,
  checkBundleQueue,
  decodeBundle,
  encodeBundle,
  expiresAtMs,
  MAX_QUEUED_BUNDLE_BYTES,
  openBundleQueue,
} from '../../bundles/index.ts'
import { MAX_PEEK, MAX_PROBLEMS, MAX_REMEMBERED_BUNDLES } from '../../bundles/limits.ts'
import { encodeEntry, expiryKey } from '../../bundles/store/keys.ts'
import { CORE_ERRORS, SimulatedClock, toHex, utf8 } from '../../core/index.ts'
import { type Database, openDatabase, ROOM } from '../../core/store/index.ts'
import { aged, block, bundle, closeQueue, NOW_MS, numbered, openQueue, sealer, type TestQueue } from './support.ts'

const COLLECTOR = 'dtn://collector.north-grid/records'

async function sequences({ queue }: TestQueue, destination = COLLECTOR): Promise<number[]> {
  return (await queue.peek(destination, 256)).map(({ bundle }) => bundle.primary.creation.sequence)
}

async function entriesIn({ database }: TestQueue): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of ['bundles', 'bundlesByExpiry', 'bundlesByDestination', 'bundlesSeen'] as const) {
    counts[name] = 0
    for await (const _ of database.room(ROOM[name]).keys()) counts[name] += 1
  }
  return counts
}

t.test('accepted bundles wait for their destination, first come first', async (t) => {
  const test = await openQueue(t.testdir())
  const { queue } = test
  for (const number of [3, 1, 2]) t.match(await queue.accept(numbered(number)), { status: 'accepted' })
  await queue.accept(numbered(9, { primary: { destination: 'ipn:1.1' } }))
  t.strictSame(await sequences(test), [3, 1, 2])
  t.strictSame(await sequences(test, 'ipn:1.1'), [9])
  t.strictSame(await sequences(test, 'dtn://collector.north-grid/'), [], 'exactly that endpoint')
  t.equal((await queue.peek(COLLECTOR, 2)).length, 2)
  t.strictSame(await queue.peek(COLLECTOR, 0), [])
  t.equal(queue.count, 4)
  t.equal(queue.bytes, 3 * numbered(1).length + numbered(9, { primary: { destination: 'ipn:1.1' } }).length)
  const [first] = await queue.peek(COLLECTOR, 1)
  t.match(first, { receivedAtMs: NOW_MS, expiresAtMs: NOW_MS + 10_000 })
  t.strictSame(first?.bytes, numbered(3))
  await closeQueue(test)
})

t.test('take and remove', async (t) => {
  const test = await openQueue(t.testdir())
  const { queue } = test
  for (const number of [1, 2, 3, 4]) await queue.accept(numbered(number))
  const taken = await Promise.all([queue.take(COLLECTOR), queue.take(COLLECTOR)])
  t.strictSame(
    taken.map((queued) => queued?.bundle.primary.creation.sequence),
    [1, 2],
    'no bundle twice',
  )
  const id = bundleId(decodeBundle(numbered(4)))
  t.equal(await queue.remove(id), true)
  t.equal(await queue.remove(id), false)
  t.equal(await queue.get(id), undefined)
  t.strictSame(await sequences(test), [3])
  t.equal(queue.count, 1)
  t.equal(queue.bytes, numbered(3).length)
  await queue.take(COLLECTOR)
  t.equal(await queue.take(COLLECTOR), undefined)
  t.match(await entriesIn(test), { bundles: 0, bundlesByExpiry: 0, bundlesByDestination: 0 })
  await closeQueue(test)
})

t.test('a duplicate is known while it is queued, after it left, and after a restart', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path)
  const both = await Promise.all([test.queue.accept(numbered(1)), test.queue.accept(numbered(1))])
  t.strictSame(both.map(({ status }) => status).sort(), ['accepted', 'duplicate'])
  t.match(await test.queue.accept(numbered(1)), { status: 'duplicate' })
  await test.queue.take(COLLECTOR)
  t.match(await test.queue.accept(numbered(1)), { status: 'duplicate' })
  await closeQueue(test)
  const again = await openQueue(path)
  t.match(await again.queue.accept(numbered(1)), { status: 'duplicate' })
  t.equal(again.queue.count, 0)
  await again.clock.advance(10_000)
  await settled(again)
  t.match(await entriesIn(again), { bundlesSeen: 0 }, 'forgotten with its lifetime')
  await t.rejects(again.queue.accept(numbered(1)), { code: 'BUNDLES_EXPIRED', action: 'ignore' })
  await closeQueue(again)
})

/** Waits for the work that a timer began. */
async function settled({ queue }: TestQueue): Promise<void> {
  await queue.remove(new Uint8Array(32))
}

t.test('one timer, for the next to expire; what expired is gone from everywhere', async (t) => {
  const test = await openQueue(t.testdir())
  for (const [number, lifetimeMs] of [
    [1, 5000],
    [2, 2000],
    [3, 9000],
  ] as const) {
    await test.queue.accept(numbered(number, { primary: { lifetimeMs } }))
  }
  t.equal(test.clock.pendingTimers, 1)
  await test.clock.advance(1999)
  t.equal(test.queue.count, 3)
  await test.clock.advance(1)
  await settled(test)
  t.equal(test.queue.count, 2)
  t.strictSame(await sequences(test), [1, 3])
  t.strictSame(await entriesIn(test), { bundles: 2, bundlesByExpiry: 2, bundlesByDestination: 2, bundlesSeen: 4 })
  t.equal(test.clock.pendingTimers, 1)
  await test.clock.advance(3000)
  await settled(test)
  t.strictSame(await sequences(test), [3])
  await closeQueue(test)
  t.equal(test.clock.pendingTimers, 0, 'closing ends the timer')
})

t.test('what expired while the node was off is gone at start', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path)
  await test.queue.accept(numbered(1, { primary: { lifetimeMs: 1000 } }))
  await test.queue.accept(numbered(2))
  await closeQueue(test)
  const later = await openQueue(path, { clock: new SimulatedClock(NOW_MS + 5000) })
  t.equal(later.queue.count, 1)
  t.strictSame(await sequences(later), [2])
  await closeQueue(later)
})

t.test(
  'a bundle that never expires is counted after a restart; relaxed ones stay when the rules get strict',
  async (t) => {
    const path = t.testdir()
    const test = await openQueue(path, { relaxed: true })
    await test.queue.accept(numbered(1, { primary: { lifetimeMs: Number.MAX_SAFE_INTEGER } }))
    const bare = encodeBundle(bundle({ primary: { crcType: 0 } }), { relaxed: true })
    await test.queue.accept(bare)
    await closeQueue(test)
    const again = await openQueue(path)
    t.equal(again.queue.count, 2)
    t.strictSame(await sequences(again), [1, 0])
    await t.rejects(again.queue.accept(bare), { code: 'BUNDLES_PRIMARY_UNPROTECTED' })
    await closeQueue(again)
  },
)

t.test('a clock that jumps ahead hides what is past its lifetime before the timer fires', async (t) => {
  const test = await openQueue(t.testdir())
  await test.queue.accept(numbered(1))
  test.clock.jumpTo(NOW_MS + 10_000)
  t.strictSame(await sequences(test), [])
  t.equal(await test.queue.take(COLLECTOR), undefined)
  await closeQueue(test)
})

t.test('many expire at once', async (t) => {
  const test = await openQueue(t.testdir())
  await Promise.all(Array.from({ length: 600 }, (_, number) => test.queue.accept(numbered(number))))
  t.equal(test.queue.count, 600)
  t.equal((await test.queue.peek(COLLECTOR, 10_000)).length, MAX_PEEK)
  await test.clock.advance(10_000)
  await settled(test)
  t.equal(test.queue.count, 0)
  t.equal(test.queue.bytes, 0)
  t.strictSame(await entriesIn(test), { bundles: 0, bundlesByExpiry: 0, bundlesByDestination: 0, bundlesSeen: 0 })
  await closeQueue(test)
})

t.test('lifetimes by clock and by age', async (t) => {
  const withTime = bundle({ extensions: [block(7, 2, Uint8Array.of(0x19, 0x0f, 0xa0))] })
  const at = { receivedAtMs: NOW_MS + 500, clockTrusted: true }
  t.equal(expiresAtMs(withTime, at), NOW_MS + 10_000, 'creation time, with a clock')
  t.equal(expiresAtMs(withTime, { ...at, clockTrusted: false }), NOW_MS + 500 + 6000, 'age, without')
  t.equal(expiresAtMs(bundle(), { ...at, clockTrusted: false }), NOW_MS + 10_500, 'neither')
  t.equal(expiresAtMs(decodeBundle(aged(1, 4000)), at), NOW_MS + 6500, 'the source has no clock')
  const forever = bundle({ primary: { lifetimeMs: Number.MAX_SAFE_INTEGER } })
  t.equal(expiresAtMs(forever, at), Number.MAX_SAFE_INTEGER)
  const test = await openQueue(t.testdir())
  await t.rejects(test.queue.accept(aged(1, 10_000)), { code: 'BUNDLES_EXPIRED' })
  await test.queue.accept(aged(2, 9000))
  await test.clock.advance(1000)
  await settled(test)
  t.equal(test.queue.count, 0)
  await closeQueue(test)
})

t.test('a full queue says so and takes again when there is room', async (t) => {
  const size = numbered(1).length
  const byCount = await openQueue(`${t.testdir()}/count`, { maxBundles: 2 })
  const outcomes = await Promise.allSettled([1, 2, 3].map((number) => byCount.queue.accept(numbered(number))))
  t.strictSame(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected'])
  t.match(
    outcomes.find(({ status }) => status === 'rejected'),
    { reason: { code: 'BUNDLES_QUEUE_FULL', action: 'ignore' } },
  )
  const [accepted, refused] = ['fulfilled', 'rejected'].map(
    (end) => outcomes.findIndex(({ status }) => status === end) + 1,
  )
  t.match(await byCount.queue.accept(numbered(accepted!)), { status: 'duplicate' }, 'a duplicate needs no room')
  await byCount.queue.take(COLLECTOR)
  t.match(await byCount.queue.accept(numbered(refused!)), { status: 'accepted' })
  await closeQueue(byCount)
  const byBytes = await openQueue(t.testdir(), { maxBytes: size * 2 - 1 })
  await byBytes.queue.accept(numbered(1))
  await t.rejects(byBytes.queue.accept(numbered(2)), {
    code: 'BUNDLES_QUEUE_FULL',
    metadata: { count: 1, bytes: size },
  })
  await closeQueue(byBytes)
})

t.test('a refused write that reached the disk all the same is counted, and known as a duplicate', async (t) => {
  const database = await openDatabase(t.testdir())
  let refuse = false
  const moody: Database = {
    room: (prefix) => database.room(prefix),
    async commit(operations) {
      await database.commit(operations)
      if (refuse) throw CORE_ERRORS.create('CORE_STORE_WRITE')
    },
    pendingCommits: 0,
    close: () => database.close(),
  }
  const queue = await openBundleQueue({}, { database: moody, sealer, clock: new SimulatedClock(NOW_MS) })
  refuse = true
  const failed = await Promise.allSettled([1, 2].map((number) => queue.accept(numbered(number))))
  t.match(failed, [{ reason: { code: 'CORE_STORE_WRITE' } }, { reason: { code: 'CORE_STORE_WRITE' } }])
  t.equal(queue.count, 0)
  refuse = false
  const later = await Promise.all([1, 3, 4, 2].map((number) => queue.accept(numbered(number))))
  t.strictSame(
    later.map(({ status }) => status),
    ['duplicate', 'accepted', 'accepted', 'duplicate'],
  )
  t.equal(queue.count, 4)
  t.match(await checkBundleQueue({ database, sealer }), { problems: [], bundlesChecked: 4 })
  await queue.close()
  await database.close()
})

t.test('refused before anything is written', async (t) => {
  const test = await openQueue(t.testdir())
  const large = numbered(1, { payload: 'x'.repeat(MAX_QUEUED_BUNDLE_BYTES) })
  await t.rejects(test.queue.accept(large), { code: 'BUNDLES_NOT_QUEUEABLE' })
  await t.rejects(test.queue.accept(utf8('no bundle')), { code: 'BUNDLES_MALFORMED' })
  t.strictSame(await entriesIn(test), { bundles: 0, bundlesByExpiry: 0, bundlesByDestination: 0, bundlesSeen: 0 })
  await closeQueue(test)
  await t.rejects(test.queue.accept(numbered(1)), { code: 'BUNDLES_CLOSED' })
  await t.rejects(test.queue.remove(new Uint8Array(32)), { code: 'BUNDLES_CLOSED' })
})

t.test('what is remembered is bounded; a queued bundle is known all the same', async (t) => {
  const test = await openQueue(t.testdir(), { maxRemembered: 3 })
  for (const number of [1, 2, 3, 4, 5]) {
    await test.queue.accept(numbered(number, { primary: { lifetimeMs: 1000 * number } }))
  }
  t.match(await entriesIn(test), { bundles: 5, bundlesSeen: 6 })
  t.match(await test.queue.accept(numbered(1, { primary: { lifetimeMs: 1000 } })), { status: 'duplicate' })
  await test.clock.advance(1000)
  await settled(test)
  t.equal(test.queue.count, 4, 'and it expires')
  await closeQueue(test)
})

t.test('payloads and endpoints are sealed at rest', async (t) => {
  const test = await openQueue(t.testdir())
  await test.queue.accept(numbered(1, { payload: 'very-secret' }))
  for (const prefix of Object.values(ROOM)) {
    for await (const [key, value] of test.database.room(prefix).entries()) {
      const stored = Buffer.concat([key, value]).toString('latin1')
      t.notMatch(stored, /very-secret|collector|sensor-1/)
    }
  }
  await closeQueue(test)
})

const STRAY = encodeEntry({ size: 1, order: 99, destinationHash: new Uint8Array(32) })

t.test('a check finds what does not fit together', async (t) => {
  const test = await openQueue(t.testdir())
  const ids: Uint8Array[] = []
  for (const number of [1, 2, 3, 4]) ids.push((await test.queue.accept(numbered(number))).id)
  const check = () => checkBundleQueue({ database: test.database, sealer })
  t.match(await check(), { problems: [], problemCount: 0, bundlesChecked: 4 })
  const [one, two, three] = ids.map(toHex)
  const bundles = test.database.room(ROOM.bundles)
  const byExpiry = test.database.room(ROOM.bundlesByExpiry)
  await test.database.commit([bundles.put(ids[0]!, new Uint8Array(50)), bundles.delete(ids[1]!)])
  for await (const key of byExpiry.keys()) {
    if (toHex(key).endsWith(three ?? '')) await test.database.commit([byExpiry.delete(key)])
  }
  const { problems } = await check()
  const kinds = problems.map(({ kind, id }) => `${kind} ${[one, two, three].indexOf(id) + 1}`)
  t.strictSame(kinds.sort(), [
    'bundle-missing 1',
    'bundle-missing 1',
    'bundle-missing 2',
    'bundle-missing 2',
    'bundle-unreadable 1',
    'index-missing 3',
  ])
  await t.rejects(test.queue.get(ids[0]!), { code: 'BUNDLES_DAMAGED' })
  await t.rejects(test.queue.remove(ids[2]!), { code: 'BUNDLES_DAMAGED' })
  t.strictSame(await sequences(test), [3, 4], 'a damaged one does not keep the others')
  t.match(test.errors, [{ code: 'BUNDLES_DAMAGED' }])
  const strays = Array.from({ length: MAX_PROBLEMS + 1 }, (_, at) => byExpiry.put(expiryKey(at, ids[1]!), STRAY))
  await test.database.commit(strays)
  const report = await check()
  t.equal(report.problems.length, MAX_PROBLEMS)
  t.ok(report.problemCount > MAX_PROBLEMS)
  await closeQueue(test)
})

t.test('options', async (t) => {
  const path = t.testdir()
  for (const wrong of [
    { maxBundles: 0 },
    { maxBytes: 0.5 },
    { maxRemembered: MAX_REMEMBERED_BUNDLES + 1 },
    { max: 1 },
  ]) {
    const database = await openDatabase(path)
    await t.rejects(openBundleQueue(wrong as never, { database, sealer, clock: new SimulatedClock() }), TypeError)
    await database.close()
  }
})

t.test('SIGKILL: what was accepted is there, what was removed is gone, the indexes agree', async (t) => {
  const path = t.testdir()
  const child = spawn(process.execPath, [new URL('./children/acceptor.ts', import.meta.url).pathname, path], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (output.length > 8000) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  const lines = output
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
  const said = (what: string) => new Set(lines.flatMap(([word, number]) => (word === what ? [Number(number)] : [])))
  const [accepted, removing, removed] = [said('accepted'), said('removing'), said('removed')]
  t.ok(accepted.size > 100 && removed.size > 30)
  const test = await openQueue(path, { clockTrusted: () => false, clock: new SimulatedClock(Date.now()) })
  for (const number of accepted) {
    const id = bundleId(decodeBundle(numbered(number, { primary: { lifetimeMs: 1e9 } })))
    const held = (await test.queue.get(id)) !== undefined
    if (removed.has(number)) t.notOk(held, `${number} was removed`)
    else if (!removing.has(number)) t.ok(held, `${number} was accepted`)
  }
  t.match(await checkBundleQueue({ database: test.database, sealer }), { problems: [] })
  t.match(await entriesIn(test), { bundles: test.queue.count })
  await closeQueue(test)
})
