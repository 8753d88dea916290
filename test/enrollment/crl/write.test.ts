import { execFileSync, spawnSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import {
  parseCrl,
  REASON_CODES,
  type RevocationReason,
  type RevokedEntry,
  revokedEntries,
  writeCrl,
} from '../../../enrollment/crl/index.ts'
import { MAX_CRL_NUMBER_BYTES } from '../../../enrollment/limits.ts'
import { contentOf, entry, HOUR_MS, makeCa, NOW_MS, serial } from '../../helpers/crl.ts'

const ca = await makeCa()
const keyHash = new Uint8Array(32).fill(7)
const pseudonym = { epoch: 3, keyHash: new Uint8Array(32).fill(9) }
const highest = 2n ** 159n - 1n

/** Two entries, all that an entry can have in the second. */
const entries: readonly RevokedEntry[] = [
  entry(serial(5)),
  entry(serial(0x80, 1), { reason: 'keyCompromise', invalidityMs: NOW_MS - HOUR_MS, keyHash }),
]
const full = await ca.der({ entries, pseudonym, number: 7n })
const delta = await ca.der({ entries: [entry(serial(5), { reason: 'removeFromCRL' })], number: 7n, baseNumber: 4n })

const arbitraryEntry = fc.record(
  {
    serialNumber: fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => Uint8Array.of(((bytes[0] ?? 0) % 0x7f) + 1, ...bytes.subarray(1))),
    revokedAtMs: fc.integer({ min: Date.UTC(1950, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }).map((s) => s * 1000),
    reason: fc.constantFrom(...(Object.keys(REASON_CODES) as RevocationReason[])),
    invalidityMs: fc.integer({ min: Date.UTC(1950, 0) / 1000, max: 4e9 }).map((s) => s * 1000),
    keyHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  },
  { requiredKeys: ['serialNumber', 'revokedAtMs', 'reason'] },
)

t.test('whatever is written reads back', async (t) => {
  const content = fc.record({
    entries: fc.uniqueArray(arbitraryEntry, {
      maxLength: 20,
      selector: ({ serialNumber }) => Buffer.from(serialNumber).toString('hex'),
    }),
    number: fc.bigInt({ min: 1n, max: highest }),
    thisUpdateMs: fc.integer({ min: 0, max: 4e9 }).map((s) => s * 1000),
    lifetimeMs: fc.integer({ min: 1, max: 1e9 }).map((s) => s * 1000),
    epoch: fc.option(fc.nat(), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(content, async ({ lifetimeMs, epoch, ...changes }) => {
      const commitment = epoch === undefined ? undefined : { epoch, keyHash }
      const given = {
        ...changes,
        nextUpdateMs: changes.thisUpdateMs + lifetimeMs,
        baseNumber: 0n,
        pseudonym: commitment,
      }
      const list = parseCrl(await ca.der(given))
      const sorted = given.entries.map((one) => ({ ...one })).sort((a, b) => (order(a) < order(b) ? -1 : 1))
      t.strictSame([...list.entries], sorted)
      t.match(list, { number: given.number, thisUpdateMs: given.thisUpdateMs, nextUpdateMs: given.nextUpdateMs })
      t.strictSame(list.pseudonym, commitment)
    }),
    { numRuns: 80 },
  )
})

function order({ serialNumber }: RevokedEntry): string {
  return Buffer.from(serialNumber).toString('hex').padStart(40, '0')
}

t.test('a CA that asks for what nobody would read is told so', async (t) => {
  const wrong: Parameters<typeof ca.der>[0][] = [
    { number: 2n ** BigInt(MAX_CRL_NUMBER_BYTES * 8 - 1) },
    { number: -1n },
    { number: 4n, baseNumber: 4n },
    { nextUpdateMs: NOW_MS + 999 },
    { thisUpdateMs: Number.NaN },
    { authorityKeyId: new Uint8Array(20) },
    { entries: [entry(serial(1), { reason: 'removeFromCRL' })] },
  ]
  for (const changes of wrong) await t.rejects(ca.der(changes), TypeError)
  const wrongEntries: RevokedEntry[][] = [
    [entry(serial(1)), entry(serial(1))],
    [entry(serial(0, 1))],
    [entry(serial())],
    [entry(new Uint8Array(20).fill(0x80))],
    [entry(new Uint8Array(21).fill(1))],
    [entry(serial(1), { keyHash: new Uint8Array(31) })],
    [entry(serial(1), { revokedAtMs: Number.NaN })],
    [entry(serial(1), { revokedAtMs: Date.UTC(1949, 0) })],
  ]
  for (const given of wrongEntries) t.throws(() => revokedEntries(given), TypeError)
})

const openssl = spawnSync('openssl', ['version']).status === 0

t.test('openssl reads the same', { skip: openssl ? false : 'there is no openssl on this machine' }, async (t) => {
  const text = (der: Uint8Array) =>
    execFileSync('openssl', ['crl', '-inform', 'DER', '-text', '-noout'], { input: der, encoding: 'utf8' })
  const shown = text(full)
  t.match(shown, 'Version 2 (0x1)')
  t.match(shown, 'Last Update: May  1 12:00:00 2026 GMT')
  t.match(shown, 'Next Update: May  2 12:00:00 2026 GMT')
  t.match(shown, /X509v3 CRL Number: \n +7\n/)
  t.match(
    shown,
    Buffer.from(ca.certificate.subjectKeyId)
      .toString('hex')
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
  )
  const serials = [...shown.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, hex]) => hex)
  t.same(serials, ['05', '8001'])
  t.match(shown, /X509v3 CRL Reason Code: \n +Key Compromise/)
  t.match(shown, /Invalidity Date: \n +May {2}1 11:00:00 2026 GMT/)
  const change = text(delta)
  t.match(change, /X509v3 Delta CRL Indicator: critical\n +4\n/)
  t.match(change, /Remove From CRL/)
  t.match(text(await ca.der()), 'No Revoked Certificates.')
  t.match(text(await ca.der({ number: highest })), /CRL Number: \n +0x7F(?:F{2}){19}\n/i)
  const random = Array.from({ length: 200 }, (_, index) => entry(serial(1 + (index % 127), index, 200 - index)))
  const listed = [...text(await ca.der({ entries: random })).matchAll(/Serial Number: ([0-9A-F]+)/g)].map(
    ([, hex]) => hex,
  )
  t.same(listed, random.map(({ serialNumber }) => Buffer.from(serialNumber).toString('hex').toUpperCase()).sort())
})

t.test('a list without the classical half, and one of other suites', async (t) => {
  const { main } = ca.keys
  const half = parseCrl(await writeCrl(contentOf(ca), { main, alternative: undefined }))
  t.match(half, { altSignatureSuite: undefined, altSignature: undefined, altTbs: undefined })
  const keys = { main: await ca.provider.generate('ml-dsa-87'), alternative: await ca.provider.generate('ecdsa-p256') }
  t.match(parseCrl(await writeCrl(contentOf(ca), keys)), {
    signatureSuite: 'ml-dsa-87',
    altSignatureSuite: 'ecdsa-p256',
  })
})
