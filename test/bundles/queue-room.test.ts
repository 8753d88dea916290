// Room in the queue: eviction, shares, files for large bundles, space that comes back.
import { readdirSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { bundleId, checkBundleQueue, decodeBundle, MAX_INLINE_BUNDLE_BYTES, PRIORITIES } from '../../bundles/index.ts'
import { COMPACT_AFTER_BYTES, DISK_CHECK_MS } from '../../bundles/limits.ts'
import { toHex } from '../../core/index.ts'
import { closeQueue, numbered, openQueue, sealer, sequences, settled } from './support.ts'

const { bulk, normal, urgent, control } = PRIORITIES
const WAITING = { constraint: 'forward' } as const

t.test('what is urgent takes the place of the least urgent that expires soonest', async (t) => {
  const test = await openQueue(t.testdir(), { maxBundles: 4, controlPercent: 0 })
  const { queue } = test
  const lifetime = (lifetimeMs: number) => ({ primary: { lifetimeMs } })
  await queue.accept(numbered(1, lifetime(9000)), { priority: bulk })
  await queue.accept(numbered(2, lifetime(8000)), { priority: bulk })
  await queue.accept(numbered(3, lifetime(1000)), { priority: normal })
  await queue.accept(numbered(4), { priority: urgent })
  await t.rejects(queue.accept(numbered(5), { priority: bulk }), { code: 'BUNDLES_QUEUE_FULL', action: 'ignore' })
  await queue.accept(numbered(6), { priority: normal })
  t.strictSame(await sequences(test, WAITING), [4, 3, 6, 1])
  await Promise.all([7, 8].map((number) => queue.accept(numbered(number), { priority: control })))
  t.strictSame((await sequences(test, WAITING)).sort(), [4, 6, 7, 8])
  t.match(queue.status(), { count: 4, evicted: 3, refused: 1 })
  await t.rejects(Promise.all([9, 10, 11].map((number) => queue.accept(numbered(number), { priority: control }))), {
    code: 'BUNDLES_QUEUE_FULL',
  })
  t.strictSame((await sequences(test, WAITING)).filter((number) => [7, 8].includes(number)).length, 2, 'an equal stays')
  const again = await queue.accept(numbered(1, lifetime(9000)), { priority: bulk }).catch((error) => error.code)
  t.equal(again, 'BUNDLES_QUEUE_FULL', 'what was evicted is not said to be a duplicate')
  t.match(await checkBundleQueue({ database: test.database, sealer }), { problems: [], bundlesChecked: 4 })
  await closeQueue(test)
})

t.test('a peer that fills its share is told so; others and what is urgent still come in', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path, { maxBundles: 10, peerPercent: 30 })
  for (const number of [1, 2, 3]) await test.queue.accept(numbered(number), { peer: 'dtn://a/', priority: bulk })
  await t.rejects(test.queue.accept(numbered(4), { peer: 'dtn://a/', priority: bulk }), { code: 'BUNDLES_PEER_QUOTA' })
  await test.queue.accept(numbered(4), { peer: 'dtn://a/', priority: urgent })
  await test.queue.accept(numbered(5), { peer: 'dtn://b/', priority: bulk })
  await closeQueue(test)
  const again = await openQueue(path, { maxBundles: 10, peerPercent: 30 })
  await t.rejects(again.queue.accept(numbered(6), { peer: 'dtn://a/', priority: bulk }), { code: 'BUNDLES_PEER_QUOTA' })
  t.equal(again.queue.status().count, 5)
  await closeQueue(again)
})

t.test('of a disk that is nearly full the rest is for control bundles', async (t) => {
  let free = 1000
  const test = await openQueue(t.testdir(), { minFreeBytes: 500, freeBytes: async () => free })
  await test.queue.accept(numbered(1))
  free = 400
  await test.clock.advance(DISK_CHECK_MS)
  await t.rejects(test.queue.accept(numbered(2)), { code: 'BUNDLES_DISK_FULL' })
  t.equal(test.queue.status().state, 'disk-low')
  await test.queue.accept(numbered(3), { priority: control })
  free = 600
  await test.clock.advance(DISK_CHECK_MS)
  await test.queue.accept(numbered(2))
  t.match(test.queue.status(), { state: 'open', count: 3 })
  await closeQueue(test)
})

t.test('large bundles lie sealed in files, which go with them', async (t) => {
  const path = t.testdir()
  const directory = join(path, 'files')
  const test = await openQueue(join(path, 'db'), { directory })
  const large = (number: number) => numbered(number, { payload: `secret ${number}`.repeat(10_000) })
  const ids = [1, 2, 3].map((number) => bundleId(decodeBundle(large(number))))
  for (const number of [1, 2, 3]) await test.queue.accept(large(number))
  await test.queue.accept(numbered(4))
  const files = () => readdirSync(directory).sort()
  t.strictSame(files(), ids.map(toHex).sort())
  const stored = test.database
  t.match(await checkBundleQueue({ database: stored, sealer, directory }), { problems: [], bundlesChecked: 4 })
  t.strictSame((await test.queue.get(ids[0]!))?.bytes, large(1))
  await test.queue.remove(ids[0]!)
  t.equal(files().length, 2)
  await test.clock.advance(10_000)
  await settled(test)
  t.strictSame(files(), [])
  await closeQueue(test)
})

t.test('files that no entry names are swept away; one that is missing is found', async (t) => {
  const path = t.testdir()
  const directory = join(path, 'files')
  const large = numbered(1, { payload: 'x'.repeat(MAX_INLINE_BUNDLE_BYTES) })
  const test = await openQueue(join(path, 'db'), { directory })
  const { id } = await test.queue.accept(large)
  await closeQueue(test)
  for (const name of ['ab'.repeat(32), `${toHex(id)}.tmp`, 'junk']) await writeFile(join(directory, name), 'x')
  const again = await openQueue(join(path, 'db'), { directory })
  t.strictSame(readdirSync(directory), [toHex(id)])
  t.strictSame((await again.queue.get(id))?.bytes, large)
  await writeFile(join(directory, toHex(id)), 'altered')
  await t.rejects(again.queue.get(id), { code: 'BUNDLES_DAMAGED' })
  t.match(await checkBundleQueue({ database: again.database, sealer, directory }), {
    problems: [{ kind: 'bundle-unreadable' }],
  })
  t.equal(await again.queue.remove(id), true, 'and can be removed all the same')
  await closeQueue(again)
})

t.test('the space of what left is given back', async (t) => {
  const path = t.testdir()
  const test = await openQueue(path, { maxBundles: 100_000 })
  const payload = 'y'.repeat(60_000)
  const count = Math.ceil(COMPACT_AFTER_BYTES / 60_000) + 50
  const ids: Uint8Array[] = []
  for (let at = 0; at < count; at += 50) {
    const numbers = Array.from({ length: 50 }, (_, index) => at + index)
    const accepted = await Promise.all(numbers.map((number) => test.queue.accept(numbered(number, { payload }))))
    ids.push(...accepted.map(({ id }) => id))
  }
  const size = () => readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
  const full = size()
  t.ok(full > COMPACT_AFTER_BYTES, 'random bytes do not compress')
  await Promise.all(ids.map((id) => test.queue.remove(id)))
  await closeQueue(test)
  t.ok(size() < full / 4, `${full} bytes became ${size()}`)
})
