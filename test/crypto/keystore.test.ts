import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SimulatedClock, systemRandom, toHex, utf8 } from '../../core/index.ts'
import { createNativeProvider, SUITES, type SuiteName } from '../../crypto/index.ts'
import { MAX_KEYSTORE_KEYS, MAX_PASSPHRASE_BYTES, MAX_SECRET_BYTES, SCRYPT_BOUNDS } from '../../crypto/limits.ts'
import { createPortableProvider } from '../../crypto/portable/index.ts'
import {
  createKeystore,
  DEFAULT_ROTATION_MS,
  DEFAULT_SCRYPT_COST,
  type KeystoreUnlock,
  openKeystore,
  unlockByKeyFile,
  unlockByPassphrase,
} from '../../crypto/store/index.ts'
import { codeOf } from './support.ts'

const CHEAP = { log2N: 10, r: 8, p: 1 }
const clock = new SimulatedClock()
const dependencies = { provider: createNativeProvider(), clock, random: systemRandom() }

/** A directory for a keystore and both ways to unlock it. */
function place(t: { testdir(): string }): { directory: string; unlocks: Record<string, KeystoreUnlock> } {
  const home = t.testdir()
  return {
    directory: join(home, 'keys'),
    unlocks: {
      passphrase: unlockByPassphrase({ passphrase: 'correct horse', cost: CHEAP }),
      'key file': unlockByKeyFile({ path: join(home, 'unlock') }),
    },
  }
}

for (const method of ['passphrase', 'key file']) {
  t.test(`${method}: what is put in comes out after opening again`, async (t) => {
    const { directory, unlocks } = place(t)
    const unlock = unlocks[method]!
    const made = await createKeystore({ directory, unlock }, dependencies)
    const keyIds = new Map<SuiteName, Uint8Array>()
    for (const suite of Object.keys(SUITES) as SuiteName[]) {
      const key = await made.generate(suite, suite)
      keyIds.set(suite, key.publicKey.keyId)
      t.equal(await made.signingKey(suite), key, 'imported once')
    }
    const secret = systemRandom().bytes(32)
    await made.putSecret('store-key', secret)
    made.close()

    const opened = await openKeystore({ directory, unlock }, dependencies)
    for (const [suite, keyId] of keyIds) {
      const key = await opened.signingKey(suite)
      t.same(key?.publicKey.keyId, keyId, suite)
      t.equal(await opened.signingKey(suite), key, 'imported once')
      const signature = await key!.sign(utf8('m'))
      t.ok(await dependencies.provider.verify(key!.publicKey, utf8('m'), signature), `${suite} signs`)
    }
    t.same(await opened.secret('store-key'), secret)
    const copy = await opened.secret('store-key')
    copy!.fill(0)
    t.same(await opened.secret('store-key'), secret, 'each copy is its own')
    t.equal(await opened.signingKey('nothing'), undefined)
    t.equal(await opened.secret('nothing'), undefined)
    opened.close()
  })
}

t.test('a keystore of the native provider opens with the portable one', async (t) => {
  const { directory, unlocks } = place(t)
  const options = { directory, unlock: unlocks.passphrase! }
  const made = await createKeystore(options, dependencies)
  const key = await made.generate('identity', 'ml-dsa-87')
  const portable = createPortableProvider(dependencies)
  const opened = await openKeystore(options, { ...dependencies, provider: portable })
  t.same((await opened.signingKey('identity'))?.publicKey.spki, key.publicKey.spki)
})

t.test('list tells names, suites, ids and times, and no secrets', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks.passphrase! }, dependencies)
  const start = clock.now()
  const key = await keystore.generate('identity', 'ml-dsa-65')
  await clock.advance(1000)
  await keystore.putSecret('a-secret', utf8('s'))
  t.same(await keystore.list(), [
    {
      name: 'a-secret',
      kind: 'secret',
      suite: undefined,
      keyId: undefined,
      createdAtMs: start + 1000,
      rotationDueMs: start + 1000 + DEFAULT_ROTATION_MS,
    },
    {
      name: 'identity',
      kind: 'signing-key',
      suite: 'ml-dsa-65',
      keyId: key.publicKey.keyId,
      createdAtMs: start,
      rotationDueMs: start + DEFAULT_ROTATION_MS,
    },
  ])
  t.equal(DEFAULT_ROTATION_MS, 90 * 24 * 3600 * 1000)
  const weekly = await openKeystore({ directory, unlock: unlocks.passphrase!, rotationMs: 7 }, dependencies)
  await weekly.generate('short', 'ed25519')
  const short = (await weekly.list()).find(({ name }) => name === 'short')
  t.equal(short!.rotationDueMs - short!.createdAtMs, 7)
})

t.test('no secret lies on disk in the clear; modes let nobody else in', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks['key file']! }, dependencies)
  const secret = systemRandom().bytes(32)
  await keystore.putSecret('store-key', secret)
  const key = await keystore.generate('device', 'ed25519')
  const seed = key.exportPrivate().slice(-32)
  t.same(readdirSync(directory), ['device.key', 'keystore.cbor', 'store-key.key'], 'and no temporary files')
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.equal(statSync(join(directory, '..', 'unlock')).mode & 0o777, 0o600)
  for (const file of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, file)).toString('hex')
    t.notOk(bytes.includes(toHex(secret)) || bytes.includes(toHex(seed)), file)
    t.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file)
  }
})

t.test('nothing is overwritten', async (t) => {
  const { directory, unlocks } = place(t)
  const options = { directory, unlock: unlocks.passphrase! }
  const keystore = await createKeystore(options, dependencies)
  const key = await keystore.generate('identity', 'ed25519')
  t.equal(await codeOf(() => createKeystore(options, dependencies)), 'CRYPTO_KEYSTORE_EXISTS')
  t.equal(await codeOf(() => keystore.generate('identity', 'ed25519')), 'CRYPTO_KEYSTORE_KEY_EXISTS')
  t.equal(await codeOf(() => keystore.putSecret('identity', utf8('s'))), 'CRYPTO_KEYSTORE_KEY_EXISTS')
  const both = await Promise.all([1, 2].map(() => codeOf(() => keystore.generate('race', 'ed25519'))))
  t.same(both.sort(), ['CRYPTO_KEYSTORE_KEY_EXISTS', undefined], 'of two at once one wins')
  const opened = await openKeystore(options, dependencies)
  t.same((await opened.signingKey('identity'))?.publicKey.keyId, key.publicKey.keyId)
})

t.test('keys of a keystore whose header is lost are not shadowed by a new one', async (t) => {
  const { directory, unlocks } = place(t)
  const options = { directory, unlock: unlocks.passphrase! }
  const keystore = await createKeystore(options, dependencies)
  await keystore.putSecret('s', utf8('s'))
  await rename(join(directory, 'keystore.cbor'), join(directory, '..', 'lost'))
  t.equal(await codeOf(() => openKeystore(options, dependencies)), 'CRYPTO_KEYSTORE_MISSING')
  t.equal(await codeOf(() => createKeystore(options, dependencies)), 'CRYPTO_KEYSTORE_EXISTS')
})

t.test('remove', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks.passphrase! }, dependencies)
  await keystore.generate('old', 'ed25519')
  await keystore.generate('older', 'ed25519')
  writeFileSync(join(directory, 'old.key.0011.tmp'), 'left by a crash')
  t.equal(await keystore.remove('old'), true)
  t.equal(await keystore.remove('old'), false)
  t.equal(await keystore.signingKey('old'), undefined)
  t.same(readdirSync(directory), ['keystore.cbor', 'older.key'])
  await keystore.generate('old', 'ed25519')
})

t.test('names are DNS labels', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks.passphrase! }, dependencies)
  for (const name of ['', '..', '../x', 'a/b', 'A', 'a.b', '-a', 'a'.repeat(64), 'a\0']) {
    await t.rejects(keystore.generate(name, 'ed25519'), TypeError)
    await t.rejects(keystore.putSecret(name, utf8('s')), TypeError)
    await t.rejects(keystore.signingKey(name), TypeError)
    await t.rejects(keystore.secret(name), TypeError)
    await t.rejects(keystore.remove(name), TypeError)
  }
  await keystore.putSecret('a'.repeat(63), utf8('s'))
})

t.test('a secret is no signing key and the other way round', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks.passphrase! }, dependencies)
  const key = await keystore.generate('key', 'ed25519')
  await keystore.putSecret('secret', key.exportPrivate())
  const opened = await openKeystore({ directory, unlock: unlocks.passphrase! }, dependencies)
  t.equal(await codeOf(() => opened.signingKey('secret')), 'CRYPTO_KEYSTORE_KEY_KIND')
  t.equal(await codeOf(() => opened.secret('key')), 'CRYPTO_KEYSTORE_KEY_KIND')
})

t.test('a closed keystore does nothing; keys that it handed out go on', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks.passphrase! }, dependencies)
  const key = await keystore.generate('key', 'ed25519')
  const duringRead = codeOf(() => keystore.list())
  keystore.close()
  keystore.close()
  t.equal(await duringRead, 'CRYPTO_KEYSTORE_CLOSED', 'also what was under way')
  const attempts = [
    () => keystore.signingKey('key'),
    () => keystore.secret('key'),
    () => keystore.list(),
    () => keystore.generate('k', 'ed25519'),
    () => keystore.putSecret('k', utf8('s')),
    () => keystore.remove('key'),
  ]
  for (const attempt of attempts) t.equal(await codeOf(attempt), 'CRYPTO_KEYSTORE_CLOSED')
  t.ok(existsSync(join(directory, 'key.key')))
  t.equal((await key.sign(utf8('m'))).length, 64)
})

t.test('unlocking wrongly', async (t) => {
  const { directory, unlocks } = place(t)
  const byPassphrase = { directory, unlock: unlocks.passphrase! }
  t.equal(await codeOf(() => openKeystore(byPassphrase, dependencies)), 'CRYPTO_KEYSTORE_MISSING', 'no directory')
  await createKeystore(byPassphrase, dependencies)
  const wrong = unlockByPassphrase({ passphrase: 'incorrect horse' })
  t.equal(
    await codeOf(() => openKeystore({ directory, unlock: wrong }, dependencies)),
    'CRYPTO_KEYSTORE_WRONG_PASSPHRASE',
  )
  const other = unlocks['key file']!
  t.equal(await codeOf(() => openKeystore({ directory, unlock: other }, dependencies)), 'CRYPTO_KEYSTORE_UNLOCK_METHOD')

  const home = join(directory, '..')
  const second = { directory: join(home, 'second'), unlock: other }
  await createKeystore(second, dependencies)
  t.equal((await codeOf(() => openKeystore(second, dependencies))) ?? 'opens', 'opens')
  const keyFile = join(home, 'unlock')
  for (const bytes of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(33), new Uint8Array()]) {
    writeFileSync(keyFile, bytes)
    t.equal(await codeOf(() => openKeystore(second, dependencies)), 'CRYPTO_KEYSTORE_WRONG_KEY_FILE')
  }
  await rename(keyFile, `${keyFile}.away`)
  t.equal(await codeOf(() => openKeystore(second, dependencies)), 'CRYPTO_KEYSTORE_MISSING')
})

t.test('an existing key file serves a new keystore; two keystores under it do not share keys', async (t) => {
  const { directory, unlocks } = place(t)
  const unlock = unlocks['key file']!
  const first = await createKeystore({ directory, unlock }, dependencies)
  const elsewhere = `${directory}-2`
  const second = await createKeystore({ directory: elsewhere, unlock }, dependencies)
  await first.putSecret('s', utf8('of the first'))
  writeFileSync(join(elsewhere, 's.key'), readFileSync(join(directory, 's.key')), { mode: 0o600 })
  t.equal(await codeOf(() => second.secret('s')), 'CRYPTO_KEYSTORE_TAMPERED')
})

t.test('passphrases: normalised text, bytes, sizes', async (t) => {
  const { directory } = place(t)
  const composed = unlockByPassphrase({ passphrase: 'caf\u00e9', cost: CHEAP })
  await createKeystore({ directory, unlock: composed }, dependencies)
  for (const passphrase of ['cafe\u0301', utf8('caf\u00e9')]) {
    const unlock = unlockByPassphrase({ passphrase })
    t.equal(await codeOf(() => openKeystore({ directory, unlock }, dependencies)), undefined)
  }
  for (const passphrase of ['', 'x'.repeat(MAX_PASSPHRASE_BYTES + 1), new Uint8Array()]) {
    t.equal(await codeOf(() => unlockByPassphrase({ passphrase })), 'CRYPTO_KEYSTORE_PASSPHRASE_SIZE')
  }
})

t.test('modes that let others in are refused', async (t) => {
  const { directory, unlocks } = place(t)
  const options = { directory, unlock: unlocks['key file']! }
  const keystore = await createKeystore(options, dependencies)
  await keystore.putSecret('s', utf8('s'))
  const opening = () => codeOf(() => openKeystore(options, dependencies))
  for (const [path, mode] of [
    [directory, 0o700],
    [join(directory, 'keystore.cbor'), 0o600],
    [join(directory, '..', 'unlock'), 0o600],
  ] as const) {
    for (const others of [0o040, 0o004, 0o020, 0o001]) {
      chmodSync(path, mode | others)
      t.equal(await opening(), 'CRYPTO_KEYSTORE_PERMISSIONS', `${path} ${others.toString(8)}`)
    }
    chmodSync(path, mode)
  }
  t.equal(await opening(), undefined)
  chmodSync(join(directory, 's.key'), 0o640)
  t.equal(await codeOf(() => keystore.secret('s')), 'CRYPTO_KEYSTORE_PERMISSIONS')

  const open = join(directory, '..', 'open')
  mkdirSync(open, { mode: 0o755 })
  t.equal(
    await codeOf(() => createKeystore({ ...options, directory: open }, dependencies)),
    'CRYPTO_KEYSTORE_PERMISSIONS',
  )
})

t.test('what cannot be a keystore directory or file', async (t) => {
  const { directory, unlocks } = place(t)
  const options = { directory, unlock: unlocks['key file']! }
  const keystore = await createKeystore(options, dependencies)
  mkdirSync(join(directory, 'folder.key'), { mode: 0o700 })
  t.equal(await codeOf(() => keystore.secret('folder')), 'CRYPTO_KEYSTORE_IO')
  const file = join(directory, 'keystore.cbor')
  t.equal(await codeOf(() => openKeystore({ ...options, directory: file }, dependencies)), 'CRYPTO_KEYSTORE_IO')
  t.equal(await codeOf(() => createKeystore({ ...options, directory: file }, dependencies)), 'CRYPTO_KEYSTORE_IO')
})

t.test('caps and costs', async (t) => {
  const { directory, unlocks } = place(t)
  const keystore = await createKeystore({ directory, unlock: unlocks['key file']! }, dependencies)
  await t.rejects(keystore.putSecret('s', new Uint8Array()), TypeError)
  await t.rejects(keystore.putSecret('s', new Uint8Array(MAX_SECRET_BYTES + 1)), TypeError)
  await keystore.putSecret('s', new Uint8Array(MAX_SECRET_BYTES))
  t.equal((await keystore.secret('s'))?.length, MAX_SECRET_BYTES)
  for (let at = 1; at < MAX_KEYSTORE_KEYS; at += 1) writeFileSync(join(directory, `k${at}.key`), '')
  t.equal(await codeOf(() => keystore.generate('one-more', 'ed25519')), 'CRYPTO_KEYSTORE_FULL')

  t.same(DEFAULT_SCRYPT_COST, { log2N: 17, r: 8, p: 1 })
  const costs = [
    { ...CHEAP, log2N: SCRYPT_BOUNDS.log2N.max + 1 },
    { ...CHEAP, log2N: SCRYPT_BOUNDS.log2N.min - 1 },
    { ...CHEAP, r: SCRYPT_BOUNDS.r.max + 1 },
    { ...CHEAP, p: SCRYPT_BOUNDS.p.max + 1 },
    { log2N: SCRYPT_BOUNDS.log2N.max, r: 8, p: 1 }, // 1 GiB
  ]
  for (const cost of costs) t.throws(() => unlockByPassphrase({ passphrase: 'x', cost }), TypeError)
})

t.test('unknown options are a mistake of the caller', async (t) => {
  const { directory, unlocks } = place(t)
  const options = { directory, unlock: unlocks.passphrase!, rotation: 1 }
  await t.rejects(createKeystore(options, dependencies), TypeError)
  await t.rejects(openKeystore({ directory, unlock: unlocks.passphrase!, rotationMs: 0 }, dependencies), TypeError)
  t.throws(() => unlockByKeyFile({ path: 'x', mode: 1 } as { path: string }), TypeError)
})
