import fc from 'fast-check'
import t from 'tap'
import { SimulatedRandom, systemRandom } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { decodeBase32, encodeBase32 } from '../../enrollment/base32.ts'
import { decodeToken, ENROLLMENT_ERRORS, encodeToken, makeToken, tokenId } from '../../enrollment/index.ts'
import { MAX_TOKEN_CHARACTERS } from '../../enrollment/limits.ts'

const rootFingerprint = sha256(new Uint8Array())

t.test('a known token', (t) => {
  const token = makeToken({ mesh: 'north-grid', rootFingerprint }, new SimulatedRandom(7))
  const text = encodeToken(token)
  t.strictSame(text.split('.').slice(0, 3), ['gm1', 'north-grid', Buffer.from(rootFingerprint).toString('hex')])
  t.match(text, /^gm1\.north-grid\.[0-9a-f]{64}\.[0-9a-hjkmnp-tv-z]{52}\.[0-9a-hjkmnp-tv-z]{6}$/)
  t.strictSame(decodeToken(text), token)
  t.strictSame(tokenId(token), sha256(token.secret))
  t.end()
})

t.test('it survives capitals, space around it and look-alike letters', (t) => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const token = makeToken({ mesh: 'm', rootFingerprint }, new SimulatedRandom(seed))
      const [version, mesh, fingerprint, secret = '', checksum = ''] = encodeToken(token).split('.')
      const misread = (text: string) => text.replace(/1/g, 'l').replace(/0/g, 'O')
      const text = [version, mesh, fingerprint, misread(secret), misread(checksum)].join('.')
      t.strictSame(decodeToken(` ${text.toUpperCase()}\n`), token)
      t.strictSame(decodeToken(text), token)
    }),
    { numRuns: 50 },
  )
  t.end()
})

t.test('every single-character error is caught', (t) => {
  const text = encodeToken(makeToken({ mesh: 'north-grid', rootFingerprint }, systemRandom()))
  let accepted = 0
  for (let at = 0; at < text.length; at += 1) {
    for (const character of '07afkz.-') {
      if (text[at] === character) continue
      const typo = text.slice(0, at) + character + text.slice(at + 1)
      try {
        decodeToken(typo)
        accepted += 1
      } catch (error) {
        if (!ENROLLMENT_ERRORS.matches(error)) throw error
      }
    }
  }
  t.equal(accepted, 0)
  const [a, b, c, d, sum = ''] = text.split('.')
  const altered = [a, b, c, d, sum.startsWith('0') ? `2${sum.slice(1)}` : `0${sum.slice(1)}`].join('.')
  t.throws(() => decodeToken(altered), { code: 'ENROLLMENT_TOKEN_CHECKSUM' })
  t.end()
})

t.test('other texts are no tokens', (t) => {
  const text = encodeToken(makeToken({ mesh: 'm', rootFingerprint }, systemRandom()))
  const refused = ['', 'gm1', text.replace('gm1', 'gm2'), `${text}.x`, text.slice(0, -1), ' '.repeat(300), text + text]
  for (const other of refused) t.throws(() => decodeToken(other), { code: 'ENROLLMENT_TOKEN_FORMAT' }, other)
  const tooLong = text + ' '.repeat(MAX_TOKEN_CHARACTERS - text.length + 1)
  t.throws(() => decodeToken(tooLong), { code: 'ENROLLMENT_TOKEN_FORMAT' }, 'the cap comes before trimming')
  const badMesh = encodeToken(makeToken({ mesh: '-m', rootFingerprint }, systemRandom()))
  t.throws(() => decodeToken(badMesh), { code: 'ENROLLMENT_TOKEN_FORMAT' }, 'a mesh that is no label')
  t.end()
})

t.test('base32 has one text for each value', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      t.strictSame(decodeBase32(encodeBase32(bytes)), bytes)
    }),
    { numRuns: 100 },
  )
  t.equal(encodeBase32(Uint8Array.of(0xff)), 'zw')
  t.equal(decodeBase32('zz'), undefined, 'loose bits')
  t.equal(decodeBase32('u0'), undefined)
  t.equal(decodeBase32('0'), undefined, 'not a whole byte')
  t.end()
})
