import { createHook } from 'node:async_hooks'
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { utf8 } from '../../core/index.ts'
import { Gate } from '../../crypto/gate.ts'
import { createNativeProvider } from '../../crypto/index.ts'
import { DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_WAITING } from '../../crypto/limits.ts'
import { codeOf } from './support.ts'

/** Counts OpenSSL signature jobs that are in Node's thread pool: made, and not yet called back. */
function watchSignatureJobs(): { most: number; total: number; stop: () => void } {
  const running = new Set<number>()
  const watch = { most: 0, total: 0, stop: () => hook.disable() }
  const hook = createHook({
    init(id, type) {
      if (type !== 'SIGNREQUEST') return
      running.add(id)
      watch.total += 1
      watch.most = Math.max(watch.most, running.size)
    },
    before: (id) => running.delete(id),
  }).enable()
  return watch
}

t.test('at most 8 signatures and verifications are in the thread pool at once', async (t) => {
  const provider = createNativeProvider()
  const key = await provider.generate('ml-dsa-65')
  const message = utf8('one of many')
  const signature = await key.sign(message)
  const watch = watchSignatureJobs()
  const work = Array.from({ length: 60 }, (_, at) =>
    at % 2 === 0 ? key.sign(message) : provider.verify(key.publicKey, message, signature),
  )
  t.equal(provider.inFlight, 8)
  t.equal(provider.waiting, 52)
  await Promise.all(work)
  watch.stop()
  t.equal(watch.total, 60)
  t.equal(watch.most, 8)
  t.equal(provider.inFlight, 0)
  t.equal(provider.waiting, 0)
})

t.test('a full queue refuses with its own code and recovers', async (t) => {
  const provider = createNativeProvider({ maxInFlight: 1, maxWaiting: 2 })
  const key = await provider.generate('ed25519')
  const message = utf8('m')
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => codeOf(() => key.sign(message))))
  t.same(outcomes, [undefined, undefined, undefined, 'CRYPTO_BUSY', 'CRYPTO_BUSY'])
  t.equal(await codeOf(() => key.sign(message)), undefined)
})

t.test('operations start in order; a failing one frees its place', async (t) => {
  const gate = new Gate({ maxInFlight: 1 })
  const started: number[] = []
  const outcomes = await Promise.all(
    [0, 1, 2, 3].map((at) =>
      codeOf(() =>
        gate.run((done) => {
          started.push(at)
          if (at === 1) throw new Error('while starting')
          setImmediate(() => done(at === 2 ? new Error('later') : null, at))
        }),
      ),
    ),
  )
  t.same(started, [0, 1, 2, 3])
  t.same(outcomes, [undefined, 'CRYPTO_OPERATION_FAILED', 'CRYPTO_OPERATION_FAILED', undefined])
  t.equal(gate.inFlight, 0)
})

t.test('the default bounds', async (t) => {
  const gate = new Gate()
  const ends: (() => void)[] = []
  const run = () => codeOf(() => gate.run((done) => ends.push(() => done(null, undefined))))
  const accepted = Array.from({ length: DEFAULT_MAX_IN_FLIGHT + DEFAULT_MAX_WAITING }, run)
  t.equal(gate.inFlight, 8)
  t.equal(gate.waiting, 1024)
  t.equal(await run(), 'CRYPTO_BUSY')
  while (ends.length > 0) ends.shift()?.()
  t.ok((await Promise.all(accepted)).every((code) => code === undefined))
})

t.test('options out of bounds are a mistake of the caller', async (t) => {
  t.throws(() => createNativeProvider({ maxInFlight: 0 }), TypeError)
  t.throws(() => createNativeProvider({ maxWaiting: -1 }), TypeError)
})

t.test('the room loads no portable implementation by itself, nor the portable one the native', async (t) => {
  const native = loadedBy('../../crypto/index.ts')
  t.ok(native.some((url) => url.endsWith('crypto/native.ts')))
  t.same(
    native.filter((url) => url.includes('@noble')),
    [],
  )
  const portable = loadedBy('../../crypto/portable/index.ts')
  t.ok(portable.some((url) => url.includes('@noble/post-quantum')))
  t.notOk(portable.some((url) => url.endsWith('crypto/native.ts')))
})

/** URLs of all modules that a fresh process loads for `module`. */
function loadedBy(module: string): string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ load: (url, context, next) => { urls.push(url); return next(url, context) } })
    await import(${JSON.stringify(new URL(module, import.meta.url).href)})
    process.stdout.write(JSON.stringify(urls))`
  const out = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { env: {}, encoding: 'utf8' })
  return JSON.parse(out)
}
