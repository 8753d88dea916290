import t from 'tap'
import { systemRandom } from '../../../core/index.ts'
import { parseCrl, type RevocationList, verifyCrl, writeCrl } from '../../../enrollment/crl/index.ts'
import { issueIssuingCa } from '../../../enrollment/index.ts'
import type { Certificate } from '../../../records/path/index.ts'
import { signatureProviderCounting } from '../../helpers/counting-provider.ts'
import { contentOf, entry, makeCa, NOW_MS, serial } from '../../helpers/crl.ts'
import { at, encodeTree, parseTree } from '../../helpers/der-tree.ts'

const ca = await makeCa()
const other = await makeCa()
const { provider } = ca
const entries = [entry(serial(1)), entry(serial(2), { reason: 'keyCompromise' })]
const list = await ca.list({ entries })

function verify(
  judged: RevocationList,
  issuer: Certificate = ca.certificate,
  signaturePolicy: 'hybrid' | 'classical-only' | 'quantum-only' = 'hybrid',
): Promise<void> {
  return verifyCrl(judged, issuer, { provider, signaturePolicy })
}

t.test('what a CA has signed with both keys', async (t) => {
  await t.resolves(verify(list))
  await t.resolves(verify(await ca.list()), 'without entries')
  await t.resolves(verify(await ca.list({ entries, number: 9n, baseNumber: 3n })), 'a delta')
  const keys = { main: await provider.generate('ml-dsa-87'), alternative: await provider.generate('ecdsa-p256') }
  const times = { mesh: 'north-grid', nowMs: NOW_MS }
  const issuing = await issueIssuingCa({ ...times, keys, issuer: ca }, { random: systemRandom() })
  const below = parseCrl(await writeCrl(contentOf(issuing, { entries }), keys))
  await t.resolves(verify(below, issuing.certificate), 'an issuing CA, other suites')
  await t.rejects(verify(below), { code: 'ENROLLMENT_CRL_ISSUER' })
})

t.test('the list of another issuer', async (t) => {
  const code = 'ENROLLMENT_CRL_ISSUER'
  const counting = signatureProviderCounting(provider)
  const policy = { provider: counting, signaturePolicy: 'hybrid' } as const
  await t.rejects(verifyCrl(list, other.certificate, policy), { code, action: 'ignore' }, 'same name, another key')
  const misnamed = parseCrl(await ca.der({ issuerName: (await makeCa('south-grid')).certificate.subjectName }))
  await t.rejects(verifyCrl(misnamed, ca.certificate, policy), { code })
  t.equal(counting.verifications, 0, 'before any cryptography')
  const { authorityKeyId } = contentOf(ca)
  const forged = parseCrl(await writeCrl(contentOf(ca, { authorityKeyId, entries }), other.keys))
  await t.rejects(verify(forged), { code: 'ENROLLMENT_CRL_SIGNATURE', action: 'reject' }, 'its key id, other keys')
})

t.test('only a CA that may sign lists', async (t) => {
  const code = 'ENROLLMENT_CRL_ISSUER'
  const mayNot: Certificate = { ...ca.certificate, keyUsage: new Set(['keyCertSign']) }
  await t.rejects(verify(list, mayNot), { code })
  await t.rejects(verify(list, { ...ca.certificate, keyUsage: undefined }), { code })
  await t.rejects(verify(list, { ...ca.certificate, basicConstraints: { ca: false } }), { code })
})

t.test('a missing half', async (t) => {
  const half = parseCrl(await writeCrl(contentOf(ca, { entries }), { ...ca.keys, alternative: undefined }))
  const code = 'ENROLLMENT_CRL_HALF_MISSING'
  await t.rejects(verify(half), { code, action: 'ignore' })
  await t.rejects(verify(half, ca.certificate, 'classical-only'), { code })
  await t.resolves(verify(half, ca.certificate, 'quantum-only'))
  await t.rejects(verify(list, { ...ca.certificate, altSpki: undefined }), { code }, 'nothing to verify it with')
})

t.test('an altered half, under any policy', async (t) => {
  const code = 'ENROLLMENT_CRL_SIGNATURE'
  for (const policy of ['hybrid', 'quantum-only'] as const) {
    const main = { ...list, signature: flipped(list.signature) }
    await t.rejects(verify(main, ca.certificate, policy), { code, cause: { code: 'RECORDS_PATH_SIGNATURE' } })
    const alternative = { ...list, altSignature: flipped(list.altSignature!) }
    const cause = { code: 'RECORDS_PATH_ALTERNATIVE_SIGNATURE' }
    await t.rejects(verify(alternative, ca.certificate, policy), { code, cause })
  }
  const mixed = parseCrl(
    await writeCrl(contentOf(ca, { entries }), { ...ca.keys, alternative: other.keys.alternative }),
  )
  await t.rejects(verify(mixed), { code }, 'a half by another key')
  const swapped = parseCrl(await writeCrl(contentOf(ca, { entries }), { ...other.keys, main: ca.keys.main }))
  await t.rejects(verify(swapped), { code })
})

t.test('altered content', async (t) => {
  const code = 'ENROLLMENT_CRL_SIGNATURE'
  const tree = parseTree(list.der)
  at(tree, 0, 5).children!.pop()
  await t.rejects(verify(parseCrl(encodeTree(tree))), { code }, 'an entry less')
  const later = parseTree(list.der)
  at(later, 0, 4).content = Buffer.from('300101000000Z')
  await t.rejects(verify(parseCrl(encodeTree(later))), { code }, 'a later nextUpdate')
})

function flipped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, place) => (place === 10 ? byte ^ 1 : byte))
}
