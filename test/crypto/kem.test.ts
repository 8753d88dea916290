import { x25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import t from 'tap'
import { concatBytes, toHex, utf8 } from '../../core/index.ts'
import { createNativeKemProvider, hkdfSha384, type KemName, SHARED_SECRET_BYTES } from '../../crypto/index.ts'
import { codeOf, hex, kemProviders, pairs, vectors } from './support.ts'

const LENGTHS: Record<KemName, { publicKey: number; privateKey: number; ciphertext: number }> = {
  'ml-kem-768': { publicKey: 1184, privateKey: 64, ciphertext: 1088 },
  'ml-kem-1024': { publicKey: 1568, privateKey: 64, ciphertext: 1568 },
  'ml-kem-768-x25519': { publicKey: 1216, privateKey: 96, ciphertext: 1120 },
  'ml-kem-1024-x25519': { publicKey: 1600, privateKey: 96, ciphertext: 1600 },
}
const kems = Object.keys(LENGTHS) as KemName[]

interface KemVectors {
  kem: KemName
  decapsulations: {
    tcId: number
    comment: string
    seed: string
    ciphertext: string
    sharedSecret: string
    result: string
  }[]
  publicKeys: { tcId: number; comment: string; publicKey: string; result: string }[]
}

for (const provider of kemProviders()) {
  const name = provider.implementation

  for (const file of ['ml-kem/wycheproof-ml-kem-768.json', 'ml-kem/wycheproof-ml-kem-1024.json']) {
    t.test(`${name}: ${file}`, async (t) => {
      const { kem, decapsulations, publicKeys } = vectors<KemVectors>(file)
      t.ok(decapsulations.length > 0 && publicKeys.length > 0)
      for (const { tcId, comment, seed, ciphertext, sharedSecret, result } of decapsulations) {
        const decapsulate = async () => toHex(await provider.importPrivate(kem, hex(seed)).decapsulate(hex(ciphertext)))
        if (result === 'valid') t.equal(await decapsulate(), sharedSecret, `${tcId} ${comment}`)
        else t.equal(await codeOf(decapsulate), 'CRYPTO_KEM_MALFORMED', `${tcId} ${comment}`)
      }
      for (const { tcId, comment, publicKey, result } of publicKeys) {
        const code = await codeOf(() => provider.importPublic(kem, hex(publicKey)))
        t.equal(code, result === 'valid' ? undefined : 'CRYPTO_KEM_MALFORMED', `public key ${tcId} ${comment}`)
      }
    })
  }

  t.test(`${name}: NIST ACVP, ML-KEM keys from seeds`, async (t) => {
    const { cases } = vectors<{ cases: { tcId: number; kem: KemName; seed: string; publicKey: string }[] }>(
      'ml-kem/acvp-keygen.json',
    )
    t.equal(cases.length, 6)
    for (const { tcId, kem, seed, publicKey } of cases) {
      t.equal(toHex(provider.importPrivate(kem, hex(seed)).publicKey.bytes), publicKey, `${kem} ${tcId}`)
    }
  })

  t.test(`${name}: keys and ciphertexts of the wrong length or of low order`, async (t) => {
    for (const kem of kems) {
      const key = await provider.generate(kem)
      const { ciphertext } = await key.publicKey.encapsulate()
      const lengths = LENGTHS[kem]
      for (const by of [-32, -1, 1, 32]) {
        const attempts = [
          () => provider.importPublic(kem, new Uint8Array(lengths.publicKey + by)),
          () => provider.importPrivate(kem, new Uint8Array(lengths.privateKey + by)),
          () => key.decapsulate(new Uint8Array(lengths.ciphertext + by)),
        ]
        for (const attempt of attempts) t.equal(await codeOf(attempt), 'CRYPTO_KEM_MALFORMED', `${kem} ${by}`)
      }
      if (!kem.endsWith('x25519')) continue
      const lowOrder = ciphertext.slice().fill(0, -32)
      t.equal(await codeOf(() => key.decapsulate(lowOrder)), 'CRYPTO_KEM_MALFORMED', `${kem} ephemeral of low order`)
      const lowOrderKey = key.publicKey.bytes.slice().fill(0, -32)
      const toIt = () => provider.importPublic(kem, lowOrderKey).encapsulate()
      t.equal(await codeOf(toIt), 'CRYPTO_KEM_MALFORMED', `${kem} public key of low order`)
    }
    t.equal(await codeOf(() => provider.generate('x25519' as KemName)), 'CRYPTO_KEM_MALFORMED')
  })
}

for (const [maker, checker] of pairs(kemProviders())) {
  t.test(`keys of ${maker.implementation}, ciphertexts of ${checker.implementation}`, async (t) => {
    for (const kem of kems) {
      const key = await maker.generate(kem)
      t.equal(key.publicKey.kem, kem)
      t.equal(key.publicKey.bytes.length, LENGTHS[kem].publicKey)
      const { ciphertext, sharedSecret } = await checker.importPublic(kem, key.publicKey.bytes).encapsulate()
      t.equal(ciphertext.length, LENGTHS[kem].ciphertext)
      t.equal(sharedSecret.length, SHARED_SECRET_BYTES)
      t.same(await key.decapsulate(ciphertext), sharedSecret)

      const secret = key.exportPrivate()
      t.equal(secret.length, LENGTHS[kem].privateKey)
      const moved = checker.importPrivate(kem, secret)
      t.same(moved.publicKey.bytes, key.publicKey.bytes)
      t.same(await moved.decapsulate(ciphertext), sharedSecret)
      t.same(moved.exportPrivate(), secret)
    }
  })

  t.test(
    `an altered ciphertext: another secret, the same one by ${maker.implementation} and ${checker.implementation}`,
    async (t) => {
      for (const kem of kems) {
        const key = await maker.generate(kem)
        const same = checker.importPrivate(kem, key.exportPrivate())
        const { ciphertext, sharedSecret } = await key.publicKey.encapsulate()
        let checked = 0
        await fc.assert(
          fc.asyncProperty(fc.nat(), async (at) => {
            checked += 1
            const altered = ciphertext.slice()
            altered[at % altered.length]! ^= 1 << (at % 8)
            const secret = await key.decapsulate(altered)
            return toHex(secret) !== toHex(sharedSecret) && toHex(secret) === toHex(await same.decapsulate(altered))
          }),
          { numRuns: 8 },
        )
        t.equal(checked, 8, kem)
      }
    },
  )
}

t.test('a busy native provider does not blame the ciphertext', async (t) => {
  const [, portable] = kemProviders()
  const key = await portable!.generate('ml-kem-768-x25519')
  const { ciphertext } = await key.publicKey.encapsulate()
  const busy = createNativeKemProvider({ maxInFlight: 1, maxWaiting: 0 })
  const imported = busy.importPrivate('ml-kem-768-x25519', key.exportPrivate())
  t.equal(await codeOf(() => imported.decapsulate(ciphertext)), 'CRYPTO_BUSY')
})

t.test('the combined secret is what the layout says', async (t) => {
  const [native] = kemProviders()
  const plain = { 'ml-kem-768-x25519': 'ml-kem-768', 'ml-kem-1024-x25519': 'ml-kem-1024' } as const
  for (const kem of ['ml-kem-768-x25519', 'ml-kem-1024-x25519'] as const) {
    const key = await native!.generate(kem)
    const { ciphertext, sharedSecret } = await key.publicKey.encapsulate()
    const secretBytes = key.exportPrivate()
    const mlKemSecret = await native!
      .importPrivate(plain[kem], secretBytes.slice(0, 64))
      .decapsulate(ciphertext.slice(0, -32))
    const x25519Secret = x25519.getSharedSecret(secretBytes.slice(64), ciphertext.slice(-32))
    const secret = concatBytes(mlKemSecret, x25519Secret, ciphertext, key.publicKey.bytes)
    t.same(hkdfSha384({ secret, info: utf8(`gapmesh-kem-1 ${kem}`), length: 32 }), sharedSecret)
  }
})
