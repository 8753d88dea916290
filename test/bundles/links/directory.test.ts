import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MAX_DIRECTORY_BATCH } from '../../../bundles/limits.ts'
import { startDirectories } from '../../../bundles/links/index.ts'
import { SimulatedClock } from '../../../core/index.ts'
import { opaque, Recorder } from './support.ts'

/** An inbox, and a `look` that resolves when a look into it is over: the next one is planned then. */
async function inbox(t: Test) {
  const path = join(t.testdir(), 'inbox')
  mkdirSync(path)
  const [clock, events] = [new SimulatedClock(), new Recorder()]
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error)
  const layer = await startDirectories(
    { inboxes: [path], pollMs: 1000, maxBundleBytes: 10_000 },
    { clock, events, onError },
  )
  t.teardown(() => layer.close())
  const look = async () => {
    await clock.advance(1000)
    while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { path, events, layer, errors, look, left: () => readdirSync(path).sort() }
}

t.test('a file is taken once it looks the same twice, and removed once it is stored', async (t) => {
  const { path, events, look, left } = await inbox(t)
  const stored = Promise.withResolvers<{ taken: true }>()
  events.answer = () => stored.promise
  writeFileSync(join(path, 'a.bundle'), opaque(1))
  await look()
  t.equal(events.bundles.length, 0)
  const second = look()
  await events.until(() => events.bundles.length === 1)
  t.same(left(), ['a.bundle'], 'still there while it is being stored')
  stored.resolve({ taken: true })
  await second
  t.same(left(), [])
})

t.test('a file that is still being written is never taken', async (t) => {
  const { path, events, look } = await inbox(t)
  const file = join(path, 'slow.bundle')
  for (let length = 1; length <= 5; length += 1) {
    writeFileSync(file, opaque(1, length))
    await look()
    t.equal(events.bundles.length, 0, `${length} bytes`)
  }
  await look()
  t.equal(events.bundles[0]!.length, 5)
})

t.test('what nobody takes is moved aside with the reason; what finds no room stays', async (t) => {
  const { path, events, look, left } = await inbox(t)
  events.answer = async (bytes) => ({ taken: false, reason: bytes[1] === 49 ? 'unacceptable' : 'no-resources' })
  writeFileSync(join(path, 'bad.bundle'), opaque(11))
  writeFileSync(join(path, 'full.bundle'), opaque(22))
  writeFileSync(join(path, 'huge.bundle'), opaque(33, 10_001))
  writeFileSync(join(path, 'empty.bundle'), '')
  for (let looks = 0; looks < 2; looks += 1) await look()
  t.same(left(), ['full.bundle', 'refused'])
  const refused = readdirSync(join(path, 'refused')).sort()
  t.same(
    refused,
    ['bad', 'empty', 'huge'].flatMap((name) => [`${name}.bundle`, `${name}.bundle.reason`]),
  )
  t.equal(readFileSync(join(path, 'refused', 'bad.bundle.reason'), 'utf8'), 'unacceptable\n')
  events.answer = async () => ({ taken: false, reason: 'duplicate' })
  await look()
  t.same(left(), ['refused'], 'what was there before is as good as taken')
})

t.test('links, directories and other names are not looked at, and a batch is bounded', async (t) => {
  const { path, events, look, left } = await inbox(t)
  writeFileSync(join(path, 'secret'), opaque(1))
  symlinkSync(join(path, 'secret'), join(path, 'link.bundle'))
  mkdirSync(join(path, 'folder.bundle'))
  writeFileSync(join(path, 'half.bundle.tmp'), opaque(2))
  for (let at = 0; at <= MAX_DIRECTORY_BATCH; at += 1) writeFileSync(join(path, `${at}.bundle`), opaque(at))
  await look()
  await look()
  t.equal(events.bundles.length, MAX_DIRECTORY_BATCH)
  await look()
  await look()
  t.equal(events.bundles.length, MAX_DIRECTORY_BATCH + 1)
  t.same(left(), ['folder.bundle', 'half.bundle.tmp', 'link.bundle', 'secret'])
})

t.test('a directory that goes away is told of and tried again; closing waits for what is being stored', async (t) => {
  const { path, events, errors, look, layer } = await inbox(t)
  renameSync(path, `${path}-away`)
  await look()
  t.match(errors, [{ code: 'ENOENT' }])
  renameSync(`${path}-away`, path)
  writeFileSync(join(path, 'a.bundle'), opaque(1))
  await look()
  await look()
  t.equal(events.bundles.length, 1)
  await layer.close()
  t.same(events.ended, events.contacts)
})

t.test('the same bundle written twice is one file, and a write that fails leaves none', async (t) => {
  const { path, layer, left } = await inbox(t)
  const contact = await layer.connect(`dtn://b.mesh/@${path}`)
  t.equal(contact.peer, 'dtn://b.mesh/')
  await Promise.all([contact.send(opaque(1)), contact.send(opaque(1)), contact.send(opaque(2))])
  t.equal(left().length, 2)
  t.ok(left().every((name) => /^[0-9a-f]{64}\.bundle$/.test(name)))
  truncateSync(join(path, left()[0]!), 0)
  renameSync(path, `${path}-away`)
  await t.rejects(contact.send(opaque(3)), { code: 'BUNDLES_LINK_CLOSED' })
  t.notOk(existsSync(path))
})
