import fc from 'fast-check'
import t from 'tap'
import {
  compromisesKey,
  REASON_CODES,
  RevocationIndex,
  RevocationState,
  type RevokedEntry,
  reasonName,
} from '../../../enrollment/crl/index.ts'
import { MAX_CRL_AUTHORITIES } from '../../../enrollment/limits.ts'
import { parseChain, validatePath } from '../../../records/path/index.ts'
import { entry, HOUR_MS, NOW_MS, serial } from '../../helpers/crl.ts'
import { AUTHORITY, unsigned } from '../../helpers/crl-history.ts'
import { makeTestMesh } from '../../helpers/pki.ts'

const keyHash = (byte: number) => new Uint8Array(32).fill(byte)

function indexOf(...entries: RevokedEntry[]): RevocationIndex {
  const index = new RevocationIndex()
  index.addAuthority(AUTHORITY)
  index.apply(unsigned({ entries }), NOW_MS + HOUR_MS)
  return index
}

const find = (index: RevocationIndex, serialNumber: Uint8Array, subjectKeyId = keyHash(0xff)) =>
  index.find({ authorityKeyId: AUTHORITY, serialNumber, subjectKeyId })

t.test('by serial number, and by key', (t) => {
  const index = indexOf(
    entry(serial(1)),
    entry(serial(2), { reason: 'keyCompromise', keyHash: keyHash(2) }),
    entry(serial(1, 0)),
  )
  t.same(find(index, serial(1)), { revokedAtMs: NOW_MS, keyCompromise: false })
  t.ok(find(index, serial(1, 0)), 'zeroes at the end count')
  t.same(find(index, serial(2)), { revokedAtMs: NOW_MS, keyCompromise: true })
  t.same(find(index, serial(77), keyHash(2)), { revokedAtMs: NOW_MS, keyCompromise: true }, 'another certificate')
  t.equal(find(index, serial(77)), undefined)
  t.equal(find(index, serial(77), keyHash(0)), undefined, 'entries without a key hash match no key')
  t.equal(find(index, new Uint8Array(21).fill(1)), undefined)
  const elsewhere = { authorityKeyId: keyHash(1), serialNumber: serial(1), subjectKeyId: keyHash(2) }
  t.equal(index.find(elsewhere), undefined, 'serial numbers belong to a CA')
  t.end()
})

t.test('the strictest of what is known counts', (t) => {
  const early = NOW_MS - HOUR_MS
  const index = indexOf(
    entry(serial(1), { keyHash: keyHash(1), revokedAtMs: NOW_MS }),
    entry(serial(2), { keyHash: keyHash(1), reason: 'keyCompromise', revokedAtMs: NOW_MS + HOUR_MS }),
    entry(serial(3), { keyHash: keyHash(1), revokedAtMs: early }),
    entry(serial(4), { revokedAtMs: NOW_MS, invalidityMs: early }),
    entry(serial(5), { revokedAtMs: early, invalidityMs: NOW_MS }),
    entry(serial(6), { keyHash: keyHash(6), revokedAtMs: NOW_MS }),
    entry(serial(7), { keyHash: keyHash(6), revokedAtMs: early }),
  )
  t.same(find(index, serial(9), keyHash(1)), { revokedAtMs: NOW_MS + HOUR_MS, keyCompromise: true })
  t.same(find(index, serial(3), keyHash(1)), { revokedAtMs: early, keyCompromise: true }, 'both ways')
  t.same(find(index, serial(4)), { revokedAtMs: early, keyCompromise: false }, 'invalid before it was revoked')
  t.same(find(index, serial(5)), { revokedAtMs: early, keyCompromise: false })
  t.same(find(index, serial(9), keyHash(6)), { revokedAtMs: early, keyCompromise: false })
  t.end()
})

t.test('every entry is found and nothing else, at any number of entries', (t) => {
  const bytes = fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((b) => Uint8Array.of((b[0]! % 127) + 1, ...b.slice(1)))
  const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')
  fc.assert(
    fc.property(fc.uniqueArray(bytes, { maxLength: 60, selector: hex }), bytes, (serials, stranger) => {
      const index = indexOf(...serials.map((one, at) => entry(one, { keyHash: keyHash(at % 250) })))
      t.ok(serials.every((one) => find(index, one) !== undefined))
      t.equal(
        find(index, stranger) !== undefined,
        serials.some((one) => hex(one) === hex(stranger)),
      )
    }),
    { numRuns: 100 },
  )
  const many = Array.from({ length: 20_000 }, (_, at) => serial(1, at >> 8, at & 0xff))
  const index = indexOf(...many.map((one) => entry(one)))
  t.ok(
    many.every((one) => find(index, one) !== undefined),
    'serial numbers in a row',
  )
  t.equal(find(index, serial(2, 0, 0)), undefined)
  t.end()
})

t.test('lists of CAs that were named, of so many', (t) => {
  const index = new RevocationIndex()
  const code = 'ENROLLMENT_CRL_AUTHORITY_UNKNOWN'
  t.throws(() => index.apply(unsigned(), NOW_MS + HOUR_MS), { code, action: 'ignore' })
  index.addAuthority(AUTHORITY)
  t.equal(index.apply(unsigned({ entries: [entry(serial(1))] }), NOW_MS + HOUR_MS).outcome, 'applied')
  index.addAuthority(AUTHORITY)
  t.ok(find(index, serial(1)), 'known already')
  for (let number = 1; number < MAX_CRL_AUTHORITIES; number += 1) index.addAuthority(keyHash(number))
  t.equal(index.states.length, MAX_CRL_AUTHORITIES)
  t.throws(() => index.addAuthority(keyHash(200)), { code: 'ENROLLMENT_CRL_AUTHORITY_LIMIT' })
  index.adopt(RevocationState.empty(AUTHORITY))
  t.equal(find(index, serial(1)), undefined)
  t.end()
})

t.test('what was refused changes nothing', (t) => {
  const index = indexOf(entry(serial(1)))
  t.throws(() => index.apply(unsigned({ number: 2n ** 100n }), NOW_MS + 24 * HOUR_MS), { code: 'ENROLLMENT_CRL_STEP' })
  t.ok(find(index, serial(1)))
  t.equal(index.state(AUTHORITY)?.number, 1n)
  t.end()
})

t.test('a revoked node, its next certificate over the same key, what a revoked CA has issued', async (t) => {
  const pki = await makeTestMesh({ nodes: ['relay-7'] })
  const issuingCa = await pki.makeIssuingCa()
  const { certificate } = pki.node('relay-7')
  const authorityKeyId = pki.root.certificate.subjectKeyId
  const judge = (chain: readonly Uint8Array[], revocations: RevocationIndex) =>
    validatePath(
      { chain: parseChain(chain), atMs: pki.nowMs, revocations, policy: pki.policy() },
      { provider: pki.provider },
    )
  const revoking = (entries: RevokedEntry[]) => {
    const index = new RevocationIndex()
    index.addAuthority(authorityKeyId)
    const times = { thisUpdateMs: pki.nowMs, nextUpdateMs: pki.nowMs + HOUR_MS }
    index.apply(unsigned({ authorityKeyId, entries, ...times }), pki.nowMs)
    return index
  }
  const code = 'RECORDS_PATH_REVOKED'
  const { serialNumber, subjectKeyId } = certificate
  const node = entry(serialNumber, { revokedAtMs: pki.nowMs, keyHash: subjectKeyId })
  await t.resolves(judge(pki.node('relay-7').chain, revoking([])))
  await t.rejects(judge(pki.node('relay-7').chain, revoking([node])), { code })
  const again = await pki.addNode({
    nodeId: 'relay-8',
    change: (content) => ({ ...content, serialNumber: serial(9, 9) }),
  })
  await t.resolves(judge(again.chain, revoking([node])), 'a stranger')
  const reissued = entry(serialNumber, { revokedAtMs: pki.nowMs, keyHash: again.certificate.subjectKeyId })
  await t.rejects(judge(again.chain, revoking([reissued])), { code }, 'the same key under another serial number')
  const below = await pki.addNode({ nodeId: 'relay-9', issuer: issuingCa })
  await t.resolves(judge(below.chain, revoking([node])))
  const caEntry = entry(issuingCa.certificate.serialNumber, { revokedAtMs: pki.nowMs, reason: 'cACompromise' })
  await t.rejects(judge(below.chain, revoking([caEntry])), { code })
})

t.test('reasons', (t) => {
  t.same(
    Object.entries(REASON_CODES).filter(([, code]) => compromisesKey(code)),
    [
      ['keyCompromise', 1],
      ['cACompromise', 2],
      ['aACompromise', 10],
    ],
  )
  for (const [name, code] of Object.entries(REASON_CODES)) t.equal(reasonName(code), name)
  t.equal(reasonName(7), undefined)
  t.end()
})
