import t from 'tap'
import {
  bundleId,
  checkBundleQueue,
  decodeBundle,
  encodeBundle,
  MAX_INLINE_BUNDLE_BYTES,
  openBundleQueue,
  PRIORITIES,
} from '../../bundles/index.ts'
import { MAX_PEEK, MAX_PROBLEMS, MAX_REMEMBERED_BUNDLES } from '../../bundles/limits.ts'
import { encodeEntry, expiryKey } from '../../bundles/store/keys.ts'
import { CORE_ERRORS, SimulatedClock, toHex, utf8 } from '../../core/index.ts'
import { type Database, openDatabase, ROOM } from '../../core/store/index.ts'
import {
  aged,
  bundle,
  COLLECTOR,
  closeQueue,
  NOW_MS,
  numbered,
  openQueue,
  sealer,
  sequences,
  settled,
  type TestQueue,
} from './support.ts'

const ROOMS = ['bundles', 'bundlesByExpiry', 'bundlesByDestination', 'bundlesWaiting', 'bundlesSeen', 'bundlesGiven']
const EMPTY = Object.fromEntries(ROOMS.map((name) => [name, 0]))

async function entriesIn({ database }: TestQueue): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of ROOMS) {
    counts[name] = 0
    for await (const _ of database.room(ROOM[name as 'bundles']).keys()) counts[name] += 1
  }
  return counts
}

function idOf(bytes: Uint8Array): Uint8Array {
  return bundleId(decodeBundle(bytes))
}

t.test('accepted bundles wait for their destination, first come first', async (t) => {
  const test = await openQueue(t.testdir())
  const { queue } = test
  for (const number of [3, 1, 2]) t.match(await queue.accept(numbered(number)), { status: 'accepted' })
  await queue.accept(numbered(9, { primary: { destination: 'ipn:1.1' } }))
  t.strictSame(await sequences(test), [3, 1, 2])
  t.strictSame(await sequences(test, { node: 'ipn:1.0' }), [9])
  t.strictSame(await sequences(test, { node: 'dtn://collector.north-grid/' }), [3, 1, 2], 'any endpoint of the node')
  t.strictSame(await sequences(test, { node: 'dtn://collector/' }), [])
  t.strictSame(await sequences(test, { constraint: 'forward' }), [3, 1, 2, 9])
  t.equal((await queue.waiting({ scope: { node: COLLECTOR }, limit: 2 })).length, 2)
  t.strictSame(await queue.waiting({ scope: { node: COLLECTOR }, limit: 0 }), [])
  const bytes = 3 * numbered(1).length + numbered(9, { primary: { destination: 'ipn:1.1' } }).length
  t.match(queue.status(), { count: 4, bytes, state: 'open', accepted: 4 })
  t.match(await queue.get(idOf(numbered(3))), {
    bytes: numbered(3),
    receivedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 10_000,
    priority: PRIORITIES.normal,
    constraints: ['forward'],
    peer: undefined,
  })
  await closeQueue(test)
})

t.test('the most urgent leave first; pages go on where the last one ended', async (t) => {
  const test = await openQueue(t.testdir())
  const order = [0, 3, 1, 2, 3, 0] as const
  for (const [number, priority] of order.entries()) await test.queue.accept(numbered(number), { priority })
  t.strictSame(await sequences(test), [1, 4, 3, 2, 0, 5])
  const scope = { constraint: 'forward' } as const
  const first = await test.queue.waiting({ scope, limit: 2 })
  const rest = await test.queue.waiting({ scope, after: first[1], limit: 100 })
  t.equal(rest.length, 4)
  t.strictSame(
    rest.map(({ priority }) => priority),
    [2, 1, 0, 0],
  )
  t.match(test.queue.status().byPriority, { control: { count: 2 }, urgent: { count: 1 }, bulk: { count: 2 } })
  await closeQueue(test)
})

t.test('a bundle stays while anything holds it here, and what a peer has is left out', async (t) => {
  const test = await openQueue(t.testdir())
  const { queue } = test
  const { id } = await queue.accept(numbered(1), { constraints: ['forward', 'deliver'], copies: 8, peer: 'dtn://a/' })
  await queue.accept(numbered(2))
  t.strictSame(await sequences(test, { constraint: 'deliver' }), [1])
  t.equal(await queue.update(id, { givenTo: 'dtn://b/', copies: 4 }), true)
  t.equal(await queue.givenCount(id), 2, 'b, and a whom it came from')
  const scope = { constraint: 'forward' } as const
  t.equal((await queue.waiting({ scope, notGivenTo: 'dtn://b/', limit: 9 })).length, 1)
  t.equal((await queue.waiting({ scope, notGivenTo: 'dtn://c/', limit: 9 })).length, 2)
  await queue.update(id, { release: ['deliver'] })
  t.strictSame(await sequences(test, { constraint: 'deliver' }), [])
  t.match(await queue.get(id), { constraints: ['forward'], copies: 4, peer: 'dtn://a/' })
  await queue.update(id, { release: ['forward'] })
  t.equal(await queue.get(id), undefined)
  t.equal(await queue.update(id, { copies: 1 }), false)
  t.strictSame(await sequences(test), [2])
  t.match(await entriesIn(test), { bundles: 1, bundlesWaiting: 1, bundlesByDestination: 1, bundlesGiven: 0 })
  t.match(await checkBundleQueue({ database: test.database, sealer }), { problems: [], bundlesChecked: 1 })
  await closeQueue(test)
})

t.test('a duplicate is known while it is queued, after it left, and after a restart', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path)
  const both = await Promise.all([test.queue.accept(numbered(1)), test.queue.accept(numbered(1))])
  t.strictSame(both.map(({ status }) => status).sort(), ['accepted', 'duplicate'])
  t.match(await test.queue.accept(numbered(1)), { status: 'duplicate' })
  t.equal(await test.queue.remove(idOf(numbered(1))), true)
  t.equal(await test.queue.remove(idOf(numbered(1))), false)
  t.match(await test.queue.accept(numbered(1)), { status: 'duplicate' })
  await closeQueue(test)
  const again = await openQueue(path)
  t.match(await again.queue.accept(numbered(1)), { status: 'duplicate' })
  t.match(again.queue.status(), { count: 0, bytes: 0, remembered: 1 })
  await again.clock.advance(10_000)
  await settled(again)
  t.strictSame(await entriesIn(again), EMPTY, 'forgotten with its lifetime')
  t.equal(again.queue.status().remembered, 0)
  await t.rejects(again.queue.accept(numbered(1)), { code: 'BUNDLES_EXPIRED', action: 'ignore' })
  await closeQueue(again)
})

t.test('one timer for the next to expire; what expired is gone from everywhere', async (t) => {
  const test = await openQueue(t.testdir())
  const idle = test.clock.pendingTimers
  for (const [number, lifetimeMs, priority] of [
    [1, 5000, 0],
    [2, 2000, 3],
    [3, 9000, 1],
  ] as const) {
    await test.queue.accept(numbered(number, { primary: { lifetimeMs } }), { priority })
  }
  t.equal(test.clock.pendingTimers, idle + 1)
  await test.clock.advance(1999)
  t.equal(test.queue.status().count, 3)
  await test.clock.advance(1)
  await settled(test)
  t.strictSame(await sequences(test), [3, 1])
  t.match(await entriesIn(test), { bundles: 2, bundlesByExpiry: 2, bundlesWaiting: 2, bundlesSeen: 2 })
  t.equal(test.clock.pendingTimers, idle + 1)
  await test.clock.advance(3000)
  await settled(test)
  t.strictSame(await sequences(test), [3])
  t.equal(test.queue.status().expired, 2)
  await closeQueue(test)
  t.equal(test.clock.pendingTimers, 0, 'closing ends the timers')
})

t.test('what expired while the node was off is gone at start', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path)
  await test.queue.accept(numbered(1, { primary: { lifetimeMs: 1000 } }))
  await test.queue.accept(numbered(2))
  await closeQueue(test)
  const later = await openQueue(path, { clock: new SimulatedClock(NOW_MS + 5000) })
  t.equal(later.queue.status().count, 1)
  t.strictSame(await sequences(later), [2])
  await closeQueue(later)
})

t.test('without a clock lifetimes go on after power-off where they stood', async (t) => {
  const path = t.testdir()
  const lost = { clockTrusted: () => false }
  const first = await openQueue(path, { ...lost, clock: new SimulatedClock(0) })
  await first.queue.accept(numbered(1))
  await first.clock.advance(6000)
  await closeQueue(first)
  const second = await openQueue(path, { ...lost, clock: new SimulatedClock(0) })
  t.strictSame(await sequences(second), [1])
  await second.clock.advance(4000)
  await settled(second)
  t.strictSame(await sequences(second), [], 'ten seconds of power in all')
  await closeQueue(second)
})

t.test('a node that learns how late it is drops nothing for that', async (t) => {
  let knows = false
  const test = await openQueue(t.testdir(), { clock: new SimulatedClock(0), clockTrusted: () => knows })
  await test.queue.accept(numbered(1))
  await test.clock.advance(1000)
  test.clock.jumpTo(NOW_MS)
  knows = true
  t.strictSame(await sequences(test), [1])
  await test.clock.advance(9000)
  await settled(test)
  t.strictSame(await sequences(test), [])
  await closeQueue(test)
})

t.test('a bundle that never expires is counted after a restart; relaxed ones stay under strict rules', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path, { relaxed: true })
  await test.queue.accept(numbered(1, { primary: { lifetimeMs: Number.MAX_SAFE_INTEGER } }))
  const bare = encodeBundle(bundle({ primary: { crcType: 0 } }), { relaxed: true })
  await test.queue.accept(bare)
  await closeQueue(test)
  const again = await openQueue(path)
  t.equal(again.queue.status().count, 2)
  t.strictSame(await sequences(again), [1, 0])
  await t.rejects(again.queue.accept(bare), { code: 'BUNDLES_PRIMARY_UNPROTECTED' })
  await closeQueue(again)
})

t.test('a clock that jumps ahead hides what is past its lifetime before the timer fires', async (t) => {
  const test = await openQueue(t.testdir())
  await test.queue.accept(numbered(1))
  test.clock.jumpTo(NOW_MS + 10_000)
  t.strictSame(await sequences(test), [])
  t.equal(await test.queue.get(idOf(numbered(1))), undefined)
  await closeQueue(test)
})

t.test('many expire at once, and age counts where the source has no clock', async (t) => {
  const test = await openQueue(t.testdir())
  await Promise.all(Array.from({ length: 600 }, (_, number) => test.queue.accept(numbered(number))))
  const scope = { node: COLLECTOR }
  t.equal((await test.queue.waiting({ scope, limit: 10_000 })).length, MAX_PEEK)
  await t.rejects(test.queue.accept(aged(1, 10_000)), { code: 'BUNDLES_EXPIRED' })
  await test.queue.accept(aged(2, 9000))
  await test.clock.advance(1000)
  await settled(test)
  t.equal(test.queue.status().count, 600, 'the aged one')
  await test.clock.advance(9000)
  await settled(test)
  t.match(test.queue.status(), { count: 0, bytes: 0, expired: 601 })
  t.strictSame(await entriesIn(test), EMPTY)
  await closeQueue(test)
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
    compact: (from, to) => database.compact(from, to),
    pendingCommits: 0,
    close: () => database.close(),
  }
  const queue = await openBundleQueue({}, { database: moody, sealer, clock: new SimulatedClock(NOW_MS) })
  refuse = true
  const failed = await Promise.allSettled([1, 2].map((number) => queue.accept(numbered(number))))
  t.match(failed, [{ reason: { code: 'BUNDLES_DISK_FULL' } }, { reason: { code: 'BUNDLES_DISK_FULL' } }])
  t.match(queue.status(), { count: 0, state: 'disk-full', refused: 2 })
  refuse = false
  const later = await Promise.all([1, 3, 4, 2].map((number) => queue.accept(numbered(number))))
  t.strictSame(
    later.map(({ status }) => status),
    ['duplicate', 'accepted', 'accepted', 'duplicate'],
  )
  t.match(queue.status(), { count: 4, state: 'open' })
  t.match(await checkBundleQueue({ database, sealer }), { problems: [], bundlesChecked: 4 })
  await queue.close()
  await database.close()
})

t.test('refused before anything is written', async (t) => {
  const test = await openQueue(t.testdir())
  const large = numbered(1, { payload: 'x'.repeat(MAX_INLINE_BUNDLE_BYTES) })
  await t.rejects(test.queue.accept(large), { code: 'BUNDLES_NOT_QUEUEABLE' }, 'no directory for it')
  await t.rejects(test.queue.accept(utf8('no bundle')), { code: 'BUNDLES_MALFORMED' })
  t.strictSame(await entriesIn(test), EMPTY)
  await closeQueue(test)
  await t.rejects(test.queue.accept(numbered(1)), { code: 'BUNDLES_CLOSED' })
  await t.rejects(test.queue.remove(new Uint8Array(32)), { code: 'BUNDLES_CLOSED' })
})

t.test('what is remembered is bounded; a queued bundle is known all the same', async (t) => {
  const test = await openQueue(t.testdir(), { maxRemembered: 3 })
  const made = (number: number) => numbered(number, { primary: { lifetimeMs: 1000 * number } })
  for (const number of [1, 2, 3, 4, 5, 6]) await test.queue.accept(made(number))
  for (const number of [5, 4, 2, 3]) await test.queue.remove(idOf(made(number)))
  t.equal(test.queue.status().remembered, 3)
  t.match(await test.queue.accept(made(1)), { status: 'duplicate' }, 'queued')
  t.match(await test.queue.accept(made(5)), { status: 'duplicate' }, 'remembered')
  t.match(await test.queue.accept(made(2)), { status: 'accepted' }, 'the first to expire was forgotten')
  await closeQueue(test)
})

t.test('payloads and endpoints are sealed at rest', async (t) => {
  const test = await openQueue(t.testdir())
  const { id } = await test.queue.accept(numbered(1, { payload: 'very-secret' }), { peer: 'dtn://peer-7/' })
  await test.queue.update(id, { givenTo: 'dtn://peer-8/' })
  for (const prefix of Object.values(ROOM)) {
    for await (const [key, value] of test.database.room(prefix).entries()) {
      const stored = Buffer.concat([key, value]).toString('latin1')
      t.notMatch(stored, /very-secret|collector|sensor-1|peer-/)
    }
  }
  await closeQueue(test)
})

t.test('a check finds what does not fit together', async (t) => {
  const test = await openQueue(t.testdir())
  const ids: Uint8Array[] = []
  for (const number of [1, 2, 3, 4]) ids.push((await test.queue.accept(numbered(number))).id)
  const check = () => checkBundleQueue({ database: test.database, sealer })
  t.match(await check(), { problems: [], problemCount: 0, bundlesChecked: 4 })
  const [one = '', two = '', three = ''] = ids.map(toHex)
  const bundles = test.database.room(ROOM.bundles)
  const byExpiry = test.database.room(ROOM.bundlesByExpiry)
  await test.database.commit([bundles.put(ids[0]!, new Uint8Array(50)), bundles.delete(ids[1]!)])
  for await (const key of byExpiry.keys()) {
    if (toHex(key).endsWith(three)) await test.database.commit([byExpiry.delete(key)])
  }
  const { problems } = await check()
  const kinds = problems.map(({ kind, id }) => `${kind} ${[one, two, three].indexOf(id) + 1}`)
  t.strictSame(kinds.sort(), [
    'bundle-missing 2',
    'bundle-missing 3',
    'bundle-missing 3',
    'bundle-unreadable 1',
    'index-missing 3',
  ])
  await t.rejects(test.queue.get(ids[0]!), { code: 'BUNDLES_DAMAGED' })
  t.equal(await test.queue.remove(ids[2]!), false, 'not in the indexes: not queued')
  const stray = encodeEntry({
    sizeBytes: 1,
    order: 99,
    constraints: 1,
    copies: 0,
    nodeHash: new Uint8Array(32),
    peerHash: undefined,
    inFile: false,
  })
  const strays = Array.from({ length: MAX_PROBLEMS + 1 }, (_, at) =>
    byExpiry.put(expiryKey({ priority: 0, expiresAtMs: at, id: ids[1]! }), stray),
  )
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
    { peerPercent: 0 },
    { controlPercent: 91 },
    { maxRemembered: MAX_REMEMBERED_BUNDLES + 1 },
    { max: 1 },
  ]) {
    const database = await openDatabase(path)
    await t.rejects(openBundleQueue(wrong as never, { database, sealer, clock: new SimulatedClock() }), TypeError)
    await database.close()
  }
})
