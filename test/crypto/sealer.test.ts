import fc from 'fast-check'
import t from 'tap'
import { concatBytes, type RandomSource, SimulatedRandom, systemRandom, toHex, utf8 } from '../../core/index.ts'
import { createSealer, SEAL_OVERHEAD_BYTES } from '../../crypto/index.ts'
import { MAX_SEAL_CONTEXT_BYTES, MAX_SEAL_PLAINTEXT_BYTES, MAX_SEALS_PER_KEY } from '../../crypto/limits.ts'
import { AesGcmSealer } from '../../crypto/sealer.ts'
import { codeOf, hex, vectors } from './support.ts'

const key = new Uint8Array(32).fill(5)
const sealer = createSealer(key, systemRandom())

t.test('Wycheproof AES-GCM, both directions', async (t) => {
  const { cases } = vectors<{
    cases: Record<'comment' | 'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag' | 'result', string>[]
  }>('aes-gcm/wycheproof-256-96.json')
  t.ok(cases.some(({ result }) => result === 'valid') && cases.some(({ result }) => result === 'invalid'))
  for (const { comment, key, iv, aad, msg, ct, tag, result } of cases) {
    const fixedNonce: RandomSource = { bytes: (length) => hex(iv.repeat(length / 12)) }
    const sealer = createSealer(hex(key), fixedNonce)
    const sealed = concatBytes(hex(iv), hex(ct), hex(tag))
    if (result === 'valid') {
      t.equal(toHex(sealer.open(sealed, hex(aad))), msg, comment)
      t.equal(toHex(sealer.seal(hex(msg), hex(aad))), toHex(sealed), comment)
    } else {
      t.equal(await codeOf(() => sealer.open(sealed, hex(aad))), 'CRYPTO_SEAL_BROKEN', comment)
    }
  }
})

t.test('what is sealed opens, in its context only, and never when altered', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  fc.assert(
    fc.property(bytes, bytes, fc.nat(), (plaintext, context, at) => {
      const sealed = sealer.seal(plaintext, context)
      const altered = sealed.slice()
      altered[at % altered.length]! ^= 1 << (at % 8)
      t.equal(sealed.length, plaintext.length + SEAL_OVERHEAD_BYTES)
      t.same(sealer.open(sealed, context), plaintext)
      t.throws(() => sealer.open(altered, context), { code: 'CRYPTO_SEAL_BROKEN' })
      t.throws(() => sealer.open(sealed, concatBytes(context, Uint8Array.of(0))), { code: 'CRYPTO_SEAL_BROKEN' })
    }),
    { numRuns: 50 },
  )
})

t.test('cut at every length', async (t) => {
  const sealed = sealer.seal(utf8('a value of some length'), utf8('place'))
  for (let bytes = 0; bytes < sealed.length; bytes += 1) {
    t.throws(() => sealer.open(sealed.slice(0, bytes), utf8('place')), { code: 'CRYPTO_SEAL_BROKEN' })
  }
})

t.test('another key', async (t) => {
  const other = createSealer(new Uint8Array(32).fill(6), systemRandom())
  t.equal(await codeOf(() => other.open(sealer.seal(utf8('v'), utf8('c')), utf8('c'))), 'CRYPTO_SEAL_BROKEN')
  t.throws(() => createSealer(new Uint8Array(16), systemRandom()), TypeError)
})

t.test('each value has a nonce of its own', async (t) => {
  const nonces = new Set(Array.from({ length: 500 }, () => toHex(sealer.seal(utf8('v'), utf8('c')).slice(0, 12))))
  t.equal(nonces.size, 500)
})

t.test('a nonce leaves the random source once, whatever becomes of the value', async (t) => {
  const seed = 7
  const sealer = createSealer(key, new SimulatedRandom(seed))
  const drawn = new SimulatedRandom(seed).bytes(200 * 12)
  for (let at = 0; at < 200; at += 1) {
    const sealed = sealer.seal(utf8('v'), utf8('c'))
    t.same(sealed.slice(0, 12), drawn.slice(at * 12, (at + 1) * 12))
    sealed.fill(0) // memory of its own: the nonces to come do not change
  }
  const short = createSealer(key, { bytes: (length) => new Uint8Array(length - 1) })
  t.throws(() => short.seal(utf8('v'), utf8('c')), TypeError)
  t.throws(() => short.seal(utf8('v'), utf8('c')), TypeError, 'nothing of it is used later')
})

t.test('the caller may wipe its key and change its arrays', async (t) => {
  const own = new Uint8Array(32).fill(9)
  const random = new SimulatedRandom(1)
  const sealer = createSealer(own, random)
  const sealed = sealer.seal(utf8('v'), utf8('c'))
  own.fill(0)
  t.same(sealer.open(sealed, utf8('c')), utf8('v'))
})

t.test('caps', async (t) => {
  t.equal(MAX_SEALS_PER_KEY, 2 ** 32)
  const few = new AesGcmSealer({ key, maxSeals: 2 }, { random: systemRandom() })
  const sealed = few.seal(utf8('1'), utf8('c'))
  few.seal(utf8('2'), utf8('c'))
  t.equal(await codeOf(() => few.seal(utf8('3'), utf8('c'))), 'CRYPTO_SEAL_EXHAUSTED')
  t.same(few.open(sealed, utf8('c')), utf8('1'), 'opening goes on')

  const long = new Uint8Array(MAX_SEAL_CONTEXT_BYTES + 1)
  t.equal(await codeOf(() => sealer.seal(utf8('v'), long)), 'CRYPTO_SEAL_TOO_LARGE')
  t.equal(await codeOf(() => sealer.open(sealed, long)), 'CRYPTO_SEAL_BROKEN')
  const huge = new Uint8Array(MAX_SEAL_PLAINTEXT_BYTES + SEAL_OVERHEAD_BYTES + 1)
  t.equal(await codeOf(() => sealer.seal(huge, utf8('c'))), 'CRYPTO_SEAL_TOO_LARGE')
  t.equal(await codeOf(() => sealer.open(huge, utf8('c'))), 'CRYPTO_SEAL_BROKEN')
})

t.test('a wiped sealer seals and opens nothing', async (t) => {
  const sealer = new AesGcmSealer({ key }, { random: systemRandom() })
  const sealed = sealer.seal(utf8('v'), utf8('c'))
  sealer.wipe()
  t.equal(await codeOf(() => sealer.seal(utf8('v'), utf8('c'))), 'CRYPTO_SEAL_EXHAUSTED')
  t.equal(await codeOf(() => sealer.open(sealed, utf8('c'))), 'CRYPTO_SEAL_BROKEN')
})
