// Two of n: what one person at the CA, or an operator who is none any more, must not be able to do.
import t, { type Test } from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { buildCsr, buildMemberCsr, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { initIssuingCa } from '../../enrollment/store/index.ts'
import { makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { addTestOperator, CRL_URL, enrollMember } from '../helpers/ca-members.ts'

const HOUR_MS = 3600 * 1000
const { provider } = testDependencies()
const by = { provider }
const operator = (name: string) => ({ kind: 'operator', name }) as const
const tooFew = { code: 'ENROLLMENT_ROOT_APPROVALS' }

async function makeCa(t: Test) {
  const clock = new SimulatedClock()
  const made = await makeTestCa(t, {}, testDependencies({ clock }))
  return { ...made, clock }
}

t.test('a mesh that has had two operators asks for two, however many are left', async (t) => {
  const { ca, clock } = await makeCa(t)
  await addTestOperator(ca, 'alice', provider)
  await addTestOperator(ca, 'bob', provider)
  await ca.revoke({ operator: 'bob' }, {}, operator('alice'))
  t.same(await ca.approveRootChange(operator('alice')), { approvedBy: ['alice'], needed: 2 })
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), tooFew, 'one who revoked the other')
  clock.jumpTo(clock.now() + 10 * 365 * 24 * HOUR_MS)
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), tooFew, 'nobody, once all certificates have ended')
  clock.jumpTo(clock.now() - 10 * 365 * 24 * HOUR_MS)
  await addTestOperator(ca, 'carol', provider)
  t.same(await ca.approveRootChange(operator('carol')), { approvedBy: ['alice', 'carol'], needed: 2 })
  await clock.advance(1000)
  await ca.rekeyRoot(LOCAL_ACTOR)
})

t.test('an approval is of the operator who gave it, not of the next one of that name', async (t) => {
  const { ca } = await makeCa(t)
  await addTestOperator(ca, 'alice', provider)
  await addTestOperator(ca, 'bob', provider)
  await ca.approveRootChange(operator('alice'))
  await ca.revoke({ operator: 'alice' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  await addTestOperator(ca, 'alice', provider)
  t.same(await ca.approveRootChange(operator('bob')), { approvedBy: ['bob'], needed: 2 })
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), tooFew)
})

t.test('an approval of a time that is yet to come does not count', async (t) => {
  const { ca, clock } = await makeCa(t)
  await addTestOperator(ca, 'alice', provider)
  await addTestOperator(ca, 'bob', provider)
  clock.jumpTo(clock.now() + 30 * HOUR_MS)
  await ca.approveRootChange(operator('alice'))
  clock.jumpTo(clock.now() - 30 * HOUR_MS)
  t.same(await ca.approveRootChange(operator('bob')), { approvedBy: ['bob'], needed: 2 })
})

t.test('a key is of one holder: no second operator, and no operator that is a node', async (t) => {
  const { ca } = await makeCa(t)
  const taken = { code: 'ENROLLMENT_KEY_TAKEN' }
  const alice = await addTestOperator(ca, 'alice', provider)
  const csr = await buildMemberCsr(alice.keys)
  await t.rejects(ca.addOperator({ name: 'bob', csr }, LOCAL_ACTOR), taken)
  const node = await enrollMember(ca, 'relay-7', by)
  await t.rejects(ca.addOperator({ name: 'carol', csr: await buildMemberCsr(node.keys) }, LOCAL_ACTOR), taken)
  const { token } = await ca.createToken({ nodeId: 'relay-8' })
  const asNode = { token, csr: await buildCsr(alice.keys), nodeId: 'relay-8', addresses: [] }
  await t.rejects(ca.enroll(asNode, { crlUrl: CRL_URL }), taken)
})

t.test('the key of a revoked issuing CA is not certified again', async (t) => {
  const { ca, home, dependencies } = await makeCa(t)
  const request = await initIssuingCa({ home: `${home}/issuing`, unlock: testUnlock() }, dependencies)
  await ca.signIssuingCa(request, LOCAL_ACTOR)
  for await (const { serialNumber } of ca.list({ kind: 'issuing' })) {
    await ca.revoke({ serialNumber }, { reason: 'cACompromise' }, LOCAL_ACTOR)
  }
  await t.rejects(ca.signIssuingCa(request, LOCAL_ACTOR), { code: 'ENROLLMENT_KEY_REVOKED' })
})
