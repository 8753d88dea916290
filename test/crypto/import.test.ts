import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { concatBytes, toHex } from '../../core/index.ts'
import { SUITES, type SuiteName } from '../../crypto/index.ts'
import { MAX_ENCODED_KEY_BYTES } from '../../crypto/limits.ts'
import { codeOf, signatureProviders } from './support.ts'

const suites = Object.keys(SUITES) as SuiteName[]
const providers = signatureProviders()
const [native] = providers
const keys = await Promise.all(suites.map((name) => native!.generate(name)))
const REFUSALS = ['CRYPTO_KEY_MALFORMED', 'CRYPTO_SUITE_UNKNOWN']

for (const provider of providers) {
  const importers = {
    public: (der: Uint8Array) => provider.importPublic(der),
    private: (der: Uint8Array) => provider.importPrivate(der),
  }

  t.test(`${provider.implementation}: cut, prolonged and oversized keys`, async (t) => {
    for (const key of keys) {
      const encodings = { public: key.publicKey.spki, private: key.exportPrivate() }
      for (const kind of ['public', 'private'] as const) {
        const der = encodings[kind]
        const name = `${key.publicKey.suite.name} ${kind}`
        for (const bytes of [0, 1, 2, 15, 16, der.length - 33, der.length - 1]) {
          t.ok(
            REFUSALS.includes(`${await codeOf(() => importers[kind](der.slice(0, bytes)))}`),
            `${name}: ${bytes} bytes`,
          )
        }
        const longer = concatBytes(der, Uint8Array.of(0))
        t.equal(await codeOf(() => importers[kind](longer)), 'CRYPTO_KEY_MALFORMED', `${name}: a trailing byte`)
        const huge = concatBytes(der, new Uint8Array(MAX_ENCODED_KEY_BYTES))
        t.equal(await codeOf(() => importers[kind](huge)), 'CRYPTO_KEY_MALFORMED', `${name}: over the cap`)
      }
    }
  })

  t.test(`${provider.implementation}: keys of other algorithms`, async (t) => {
    const others = [
      generateKeyPairSync('x25519'),
      generateKeyPairSync('ml-dsa-44'),
      generateKeyPairSync('ec', { namedCurve: 'P-521' }),
      generateKeyPairSync('ed448'),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ]
    for (const { publicKey, privateKey } of others) {
      const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
      const pkcs8 = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }))
      t.equal(await codeOf(() => provider.importPublic(spki)), 'CRYPTO_SUITE_UNKNOWN')
      t.equal(await codeOf(() => provider.importPrivate(pkcs8)), 'CRYPTO_SUITE_UNKNOWN')
    }
  })

  t.test(`${provider.implementation}: ECDSA points and scalars that are none`, async (t) => {
    for (const key of keys.filter(({ publicKey }) => publicKey.suite.name.startsWith('ecdsa'))) {
      const { spki } = key.publicKey
      const coordinateBytes = key.publicKey.suite.signatureBytes / 2
      const offCurve = spki.slice()
      offCurve[offCurve.length - 1]! ^= 1
      t.equal(await codeOf(() => provider.importPublic(offCurve)), 'CRYPTO_KEY_MALFORMED', 'off the curve')
      const beyondField = spki.slice().fill(0xff, -2 * coordinateBytes)
      t.equal(await codeOf(() => provider.importPublic(beyondField)), 'CRYPTO_KEY_MALFORMED', 'coordinates not below p')
      const hybridForm = spki.slice()
      hybridForm[hybridForm.length - 2 * coordinateBytes - 1] = 6 + (spki.at(-1)! & 1)
      t.equal(await codeOf(() => provider.importPublic(hybridForm)), 'CRYPTO_KEY_MALFORMED', 'hybrid point form')

      const pkcs8 = key.exportPrivate()
      const scalarAt = pkcs8.length - (2 * coordinateBytes + 1) - 5 - coordinateBytes
      for (const fill of [0, 0xff]) {
        const bad = pkcs8.slice().fill(fill, scalarAt, scalarAt + coordinateBytes)
        t.equal(await codeOf(() => provider.importPrivate(bad)), 'CRYPTO_KEY_MALFORMED', `scalar of ${fill}`)
      }
      const other = pkcs8.slice()
      other[scalarAt + 20]! ^= 1
      t.equal(await codeOf(() => provider.importPrivate(other)), 'CRYPTO_KEY_MALFORMED', 'public key of another scalar')
    }
  })

  t.test(`${provider.implementation}: mutated keys are refused or stay one exact key`, async (t) => {
    const corpus = keys.flatMap((key) => [
      { kind: 'public' as const, der: key.publicKey.spki },
      { kind: 'private' as const, der: key.exportPrivate() },
    ])
    let refused = 0
    const mutation = fc.record({
      entry: fc.constantFrom(...corpus),
      at: fc.nat(),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
      how: fc.constantFrom('overwrite', 'insert', 'delete'),
    })
    await fc.assert(
      fc.asyncProperty(mutation, async ({ entry: { kind, der }, at, bytes, how }) => {
        const offset = (at % (at % 2 === 0 ? 48 : der.length)) % der.length // half of them in the DER heads
        const rest = offset + (how === 'insert' ? 0 : bytes.length)
        const mutated = concatBytes(der.slice(0, offset), how === 'delete' ? new Uint8Array() : bytes, der.slice(rest))
        try {
          const imported = importers[kind](mutated)
          const again = 'exportPrivate' in imported ? imported.exportPrivate() : imported.spki
          return toHex(again) === toHex(mutated)
        } catch (error) {
          refused += 1
          return REFUSALS.includes((error as { code: string }).code)
        }
      }),
      { numRuns: provider.implementation === 'native' ? 2000 : 400 },
    )
    t.ok(refused > 100, `${refused} refused`)
  })
}

t.test('what this room writes is what OpenSSL reads, and the other way round', async (t) => {
  for (const key of keys) {
    const spki = Buffer.from(key.publicKey.spki)
    const pkcs8 = Buffer.from(key.exportPrivate())
    t.same(createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'der', type: 'spki' }), spki)
    t.same(
      createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'der', type: 'pkcs8' }),
      pkcs8,
    )
  }
})

t.test('an imported key does not follow changes of the bytes it came from', async (t) => {
  for (const provider of providers) {
    const spki = keys[0]!.publicKey.spki.slice()
    const imported = provider.importPublic(spki)
    spki.fill(0)
    t.same(imported.spki, keys[0]!.publicKey.spki)
    const pkcs8 = keys[0]!.exportPrivate()
    const before = toHex(pkcs8)
    const key = provider.importPrivate(pkcs8)
    pkcs8.fill(0)
    t.equal(toHex(key.exportPrivate()), before)
  }
})
