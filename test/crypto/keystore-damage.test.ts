import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  SimulatedClock,
  systemRandom,
  utf8,
} from '../../core/index.ts'
import { createNativeProvider, sha256 } from '../../crypto/index.ts'
import { MAX_KEYSTORE_FILE_BYTES } from '../../crypto/limits.ts'
import {
  decodeKeyFile,
  decodeKeystoreHeader,
  encodeKeyFile,
  encodeKeyHeader,
  encodeKeystoreHeader,
  type UnlockParameters,
} from '../../crypto/store/format.ts'
import {
  createKeystore,
  type Keystore,
  type KeystoreUnlock,
  openKeystore,
  unlockByKeyFile,
  unlockByPassphrase,
} from '../../crypto/store/index.ts'
import { codeOf } from './support.ts'

const DAMAGE = ['CRYPTO_KEYSTORE_TRUNCATED', 'CRYPTO_KEYSTORE_TAMPERED', 'CRYPTO_KEYSTORE_VERSION']
const dependencies = { provider: createNativeProvider(), clock: new SimulatedClock(), random: systemRandom() }
const CHEAP = { log2N: 10, r: 1, p: 1 }

interface Place {
  keystore: Keystore
  options: { directory: string; unlock: KeystoreUnlock }
  file: (name: string) => string
}

async function filled(t: { testdir(): string }): Promise<Place> {
  const home = t.testdir()
  const options = { directory: join(home, 'keys'), unlock: unlockByKeyFile({ path: join(home, 'unlock') }) }
  const maker = await createKeystore(options, dependencies)
  await maker.generate('identity', 'ml-dsa-87')
  await maker.generate('device', 'ecdsa-p384')
  await maker.putSecret('store-key', new Uint8Array(32).fill(3))
  maker.close()
  const keystore = await openKeystore(options, dependencies) // has imported nothing yet
  return { keystore, options, file: (name) => join(options.directory, name) }
}

t.test('a key file cut at any offset is truncated, with any byte flipped is refused; never a key', async (t) => {
  const { keystore, file } = await filled(t)
  const readers = {
    identity: () => keystore.signingKey('identity'),
    device: () => keystore.signingKey('device'),
    'store-key': () => keystore.secret('store-key'),
  }
  for (const [name, read] of Object.entries(readers)) {
    const path = file(`${name}.key`)
    const good = readFileSync(path)
    for (let bytes = 0; bytes < good.length; bytes += 1) {
      writeFileSync(path, good.subarray(0, bytes))
      const code = await codeOf(read)
      if (code !== 'CRYPTO_KEYSTORE_TRUNCATED') t.fail(`${name} cut to ${bytes}: ${code}`)
    }
    for (let at = 0; at < good.length; at += 1) {
      for (const bits of [0x01, 0x80, 0xff]) {
        const flipped = Buffer.from(good)
        flipped[at]! ^= bits
        writeFileSync(path, flipped)
        const code = await codeOf(read)
        if (code === undefined || !DAMAGE.includes(code)) t.fail(`${name} flipped at ${at}: ${code}`)
      }
    }
    t.ok(good.length > 100, `${name}: ${good.length} offsets`)
    writeFileSync(path, concatBytes(good, Uint8Array.of(0)))
    t.equal(await codeOf(read), 'CRYPTO_KEYSTORE_TAMPERED', 'a trailing byte')
    await t.rejects(keystore.list(), { code: 'CRYPTO_KEYSTORE_TAMPERED', metadata: { path } }, 'list names the file')
    writeFileSync(path, good)
    t.ok(await read(), 'and restored it works')
  }
})

t.test('keystore.cbor cut at any offset or with any byte flipped does not open', async (t) => {
  const { options, file } = await filled(t)
  const path = file('keystore.cbor')
  const good = readFileSync(path)
  const opening = () => codeOf(() => openKeystore(options, dependencies))
  for (let bytes = 0; bytes < good.length; bytes += 1) {
    writeFileSync(path, good.subarray(0, bytes))
    const code = await opening()
    if (code !== 'CRYPTO_KEYSTORE_TRUNCATED') t.fail(`cut to ${bytes}: ${code}`)
  }
  for (let at = 0; at < good.length; at += 1) {
    const flipped = Buffer.from(good)
    flipped[at]! ^= 0x01
    writeFileSync(path, flipped)
    const code = await opening()
    if (code === undefined || !DAMAGE.includes(code)) t.fail(`flipped at ${at}: ${code}`)
  }
  t.ok(good.length > 100, `${good.length} offsets`)
  writeFileSync(path, new Uint8Array(MAX_KEYSTORE_FILE_BYTES + 1))
  t.equal(await opening(), 'CRYPTO_KEYSTORE_TAMPERED', 'over the cap')
  writeFileSync(path, good)
  t.equal(await opening(), undefined)
})

t.test('a whole file of another key, name or keystore is not taken', async (t) => {
  const { keystore, file } = await filled(t)
  const identity = readFileSync(file('identity.key'))
  const device = readFileSync(file('device.key'))
  writeFileSync(file('identity.key'), device)
  t.equal(await codeOf(() => keystore.signingKey('identity')), 'CRYPTO_KEYSTORE_TAMPERED')
  writeFileSync(file('new-name.key'), identity, { mode: 0o600 })
  t.equal(await codeOf(() => keystore.signingKey('new-name')), 'CRYPTO_KEYSTORE_TAMPERED')
  const mixed = encodeKeyFile(decodeKeyFile(identity).context, decodeKeyFile(device).sealed)
  writeFileSync(file('identity.key'), mixed)
  t.equal(await codeOf(() => keystore.signingKey('identity')), 'CRYPTO_KEYSTORE_TAMPERED')
})

t.test('later times in a header are not believed', async (t) => {
  const { keystore, file } = await filled(t)
  const { header, sealed } = decodeKeyFile(readFileSync(file('identity.key')))
  const later = encodeKeyHeader({ ...header, rotationDueMs: header.rotationDueMs + 1 })
  writeFileSync(file('identity.key'), encodeKeyFile(later, sealed))
  t.equal(await codeOf(() => keystore.list()), 'CRYPTO_KEYSTORE_TAMPERED')
})

t.test('a newer version is told from damage', async (t) => {
  const { keystore, options, file } = await filled(t)
  const newer = (bytes: Uint8Array) => {
    const fields = decodeCbor(bytes, { maxBytes: 4096 }) as CborValue[]
    fields[1] = 2
    return encodeCbor([...fields, 'a field of the future'])
  }
  const { context, sealed } = decodeKeyFile(readFileSync(file('identity.key')))
  writeFileSync(file('identity.key'), encodeKeyFile(newer(context), sealed))
  t.equal(await codeOf(() => keystore.signingKey('identity')), 'CRYPTO_KEYSTORE_VERSION')
  const [header] = decodeCbor(readFileSync(file('keystore.cbor')), { maxBytes: 4096 }) as [Uint8Array]
  writeFileSync(file('keystore.cbor'), encodeCbor([newer(header), sha256(newer(header))]))
  t.equal(await codeOf(() => openKeystore(options, dependencies)), 'CRYPTO_KEYSTORE_VERSION')
})

t.test('scrypt parameters out of bounds are refused before scrypt runs', async (t) => {
  const directory = join(t.testdir(), 'keys')
  const unlock = unlockByPassphrase({ passphrase: 'p', cost: CHEAP })
  await createKeystore({ directory, unlock }, dependencies)
  const path = join(directory, 'keystore.cbor')
  const header = decodeKeystoreHeader(readFileSync(path))
  const salt = new Uint8Array(32)
  const refused: CborValue[][] = [
    [40, 8, 1, salt],
    [20, 16, 1, salt],
    [17, 1000, 1, salt],
    [17, 8, 1000, salt],
    [-1, 8, 1, salt],
    [9, 8, 1, salt],
    [17, 0, 1, salt],
    [17, 8, 1, new Uint8Array(31)],
    [17, 8, 1],
    [17, 8, 1, salt, 0],
    ['17', 8, 1, salt],
    [],
  ]
  for (const parameters of refused) {
    const altered: UnlockParameters = ['scrypt', ...parameters]
    writeFileSync(path, encodeKeystoreHeader({ ...header, unlock: altered }))
    t.equal(await codeOf(() => openKeystore({ directory, unlock }, dependencies)), 'CRYPTO_KEYSTORE_TAMPERED')
  }
  writeFileSync(path, encodeKeystoreHeader({ ...header, unlock: ['tpm', 1] }))
  t.equal(await codeOf(() => openKeystore({ directory, unlock }, dependencies)), 'CRYPTO_KEYSTORE_UNLOCK_METHOD')
})

t.test('both formats: what is written is read back, what is mutated is refused or means itself', async (t) => {
  const time = fc.nat({ max: 2 ** 48 })
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const keyHeader = fc.record({
    keystoreId: bytes(16),
    name: fc.constantFrom('a', 'identity', 'x'.repeat(63)),
    kind: fc.constant('signing-key' as const),
    suite: fc.constantFrom('ed25519' as const, 'ml-dsa-87' as const),
    keyId: bytes(32),
    createdAtMs: time,
    rotationDueMs: time,
  })
  let refused = 0
  fc.assert(
    fc.property(keyHeader, fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat(255), (header, sealed, at, byte) => {
      const file = encodeKeyFile(encodeKeyHeader(header), sealed)
      t.same(decodeKeyFile(file).header, header)
      t.same(decodeKeyFile(file).sealed, sealed)
      const mutated = file.slice()
      mutated[at % Math.min(file.length, 150)] = byte
      try {
        const decoded = decodeKeyFile(mutated)
        t.same(encodeKeyFile(encodeKeyHeader(decoded.header), decoded.sealed), mutated)
      } catch (error) {
        refused += 1
        t.ok(DAMAGE.includes((error as { code: string }).code))
      }
    }),
    { numRuns: 300 },
  )
  t.ok(refused > 20, `${refused} refused`)
  const header = {
    keystoreId: new Uint8Array(16),
    createdAtMs: 1,
    unlock: ['key-file'] as const,
    check: sha256(utf8('c')),
  }
  t.same(decodeKeystoreHeader(encodeKeystoreHeader(header)), header)
})
