import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256, sha384 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import t from 'tap'
import { toHex, utf8 } from '../../core/index.ts'
import { equalSecrets, hkdfSha384, hmacSha256, sha256, wipe, withSecret } from '../../crypto/index.ts'
import { MAX_HKDF_BYTES } from '../../crypto/limits.ts'
import { hex, vectors } from './support.ts'

t.test('SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 4231 test case 2)', async (t) => {
  t.equal(toHex(sha256(utf8('abc'))), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  t.equal(
    toHex(hmacSha256(utf8('Jefe'), utf8('what do ya want for nothing?'))),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
  t.equal(Object.getPrototypeOf(sha256(utf8('abc'))), Uint8Array.prototype, 'plain bytes')
})

t.test('the same as the portable implementation', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.integer({ min: 1, max: 500 }), (a, b, info, length) => {
      t.same(sha256(a), nobleSha256(a))
      t.same(hmacSha256(a, b), hmac(nobleSha256, a, b))
      t.same(hkdfSha384({ secret: a, salt: b, info, length }), hkdf(sha384, a, b, info, length))
    }),
    { numRuns: 50 },
  )
})

t.test('Wycheproof HKDF-SHA-384', async (t) => {
  const { cases } = vectors<{
    cases: { comment: string; ikm: string; salt: string; info: string; size: number; okm: string; result: string }[]
  }>('hkdf/wycheproof-sha384.json')
  t.ok(cases.some(({ result }) => result === 'valid') && cases.some(({ result }) => result === 'invalid'))
  for (const { comment, ikm, salt, info, size, okm, result } of cases) {
    const derive = () => hkdfSha384({ secret: hex(ikm), salt: hex(salt), info: hex(info), length: size })
    if (result === 'valid') t.equal(toHex(derive()), okm, comment)
    else t.throws(derive, TypeError, comment)
  }
})

t.test('HKDF: lengths out of bounds are a mistake of the caller', async (t) => {
  for (const length of [0, MAX_HKDF_BYTES + 1, 1.5]) {
    t.throws(() => hkdfSha384({ secret: utf8('s'), info: utf8('i'), length }), TypeError)
  }
  t.equal(hkdfSha384({ secret: utf8('s'), info: utf8('i'), length: MAX_HKDF_BYTES }).length, MAX_HKDF_BYTES)
})

t.test('comparison of secrets', async (t) => {
  t.ok(equalSecrets(utf8('abc'), utf8('abc')))
  t.notOk(equalSecrets(utf8('abc'), utf8('abd')))
  t.notOk(equalSecrets(utf8('abc'), utf8('abcd')))
  t.ok(equalSecrets(new Uint8Array(), new Uint8Array()))
})

t.test('secrets are wiped after use, whatever the use does', async (t) => {
  const zeros = new Uint8Array(4)
  const secret = () => Uint8Array.of(1, 2, 3, 4)

  const direct = secret()
  wipe(direct)
  t.same(direct, zeros)

  const returned = secret()
  t.equal(
    withSecret(returned, (bytes) => bytes[1]),
    2,
  )
  t.same(returned, zeros)

  const thrown = secret()
  t.throws(() =>
    withSecret(thrown, () => {
      throw new RangeError('use')
    }),
  )
  t.same(thrown, zeros)

  const awaited = secret()
  const pending = withSecret(awaited, async (bytes) => {
    await undefined
    return bytes[3]
  })
  t.same(awaited, secret(), 'not before the promise settles')
  t.equal(await pending, 4)
  t.same(awaited, zeros)

  const rejected = secret()
  await t.rejects(withSecret(rejected, async () => Promise.reject(new RangeError('use'))))
  t.same(rejected, zeros)
})
