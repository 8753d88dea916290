import { createPublicKey } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { toHex, utf8 } from '../../core/index.ts'
import { SUITES, type SuiteName, sha256, suiteByCoseAlgorithm, suiteByName } from '../../crypto/index.ts'
import { codeOf, pairs, signatureProviders } from './support.ts'

const suites = Object.keys(SUITES) as SuiteName[]
const message = utf8('a record')

t.test('suites are found by name and by COSE number', async (t) => {
  const numbers = { ed25519: -19, 'ecdsa-p256': -9, 'ecdsa-p384': -51, 'ml-dsa-65': -49, 'ml-dsa-87': -50 }
  for (const name of suites) {
    t.equal(suiteByName(name).coseAlgorithm, numbers[name])
    t.equal(suiteByCoseAlgorithm(numbers[name])?.name, name)
  }
  t.equal(suiteByCoseAlgorithm(-7), undefined)
  t.equal(await codeOf(() => suiteByName('rsa')), 'CRYPTO_SUITE_UNKNOWN')
  t.equal(await codeOf(() => suiteByName('toString')), 'CRYPTO_SUITE_UNKNOWN')
})

for (const provider of signatureProviders()) {
  t.test(`${provider.implementation}: a generated key`, async (t) => {
    for (const name of suites) {
      const key = await provider.generate(name)
      const signature = await key.sign(message)
      t.equal(signature.length, SUITES[name].signatureBytes, `${name}: length`)
      t.equal(Object.getPrototypeOf(signature), Uint8Array.prototype, `${name}: plain bytes`)
      t.ok(await provider.verify(key.publicKey, message, signature), `${name}: valid`)
      t.notOk(await provider.verify(key.publicKey, utf8('another'), signature), `${name}: other message`)
      t.notOk(
        await provider.verify((await provider.generate(name)).publicKey, message, signature),
        `${name}: other key`,
      )
      t.same(key.publicKey.keyId, sha256(key.publicKey.spki), `${name}: key id`)
      t.ok(key.publicKey.keyObject.equals(createPublicKey(key.keyObject)), `${name}: key objects belong together`)
    }
    t.equal(await codeOf(() => provider.generate('rsa' as SuiteName)), 'CRYPTO_SUITE_UNKNOWN')
  })

  t.test(`${provider.implementation}: signatures that are none are false, never an error`, async (t) => {
    for (const name of suites) {
      const { publicKey } = await provider.generate(name)
      const length = SUITES[name].signatureBytes
      for (const bytes of [0, 1, length - 1, length + 1, 3 * length]) {
        t.notOk(await provider.verify(publicKey, message, new Uint8Array(bytes)), `${name}: ${bytes} bytes`)
      }
      for (const fill of [0, 1, 0x7f, 0xff]) {
        t.notOk(await provider.verify(publicKey, message, new Uint8Array(length).fill(fill)), `${name}: all ${fill}`)
      }
    }
  })

  t.test(`${provider.implementation}: empty and long messages`, async (t) => {
    for (const name of suites) {
      const key = await provider.generate(name)
      for (const bytes of [new Uint8Array(), new Uint8Array(100_000).fill(7)]) {
        t.ok(await provider.verify(key.publicKey, bytes, await key.sign(bytes)), `${name}: ${bytes.length} bytes`)
      }
    }
  })
}

for (const [maker, checker] of pairs(signatureProviders())) {
  t.test(`${maker.implementation} signs, ${checker.implementation} verifies`, async (t) => {
    for (const name of suites) {
      const key = await maker.generate(name)
      const imported = checker.importPublic(key.publicKey.spki)
      t.same(imported.keyId, key.publicKey.keyId)
      let checked = 0
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(), async (bytes, at) => {
          checked += 1
          const signature = await key.sign(bytes)
          const altered = signature.slice()
          altered[at % altered.length]! ^= 1 << (at % 8)
          return (await checker.verify(imported, bytes, signature)) && !(await checker.verify(imported, bytes, altered))
        }),
        { numRuns: 5 },
      )
      t.equal(checked, 5, name)
    }
  })

  t.test(`a key of ${maker.implementation} moves to ${checker.implementation} and back`, async (t) => {
    for (const name of suites) {
      const key = await maker.generate(name)
      const pkcs8 = key.exportPrivate()
      const moved = checker.importPrivate(pkcs8)
      t.equal(toHex(moved.exportPrivate()), toHex(pkcs8), `${name}: same PKCS#8`)
      t.equal(toHex(moved.publicKey.spki), toHex(key.publicKey.spki), `${name}: same SPKI`)
      t.ok(await maker.verify(moved.publicKey, message, await moved.sign(message)), `${name}: keys of the other work`)
      t.ok(moved.keyObject.equals(key.keyObject), `${name}: same key object`)
    }
  })
}
