import t, { type Test } from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { DEFAULT_POLICY, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { MAX_REFUSALS_PER_MINUTE } from '../../enrollment/limits.ts'
import { type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { makeCsr, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { CRL_URL, enrollMember, eventsOf, rotateMember } from '../helpers/ca-members.ts'

const DAY_MS = 24 * 3600 * 1000
const { provider } = testDependencies()
const by = { provider }

async function makeCa(t: Test) {
  const clock = new SimulatedClock()
  const made = await makeTestCa(t, {}, testDependencies({ clock }))
  return { ...made, clock }
}

const refusedBy = (rule: string) => ({ code: 'ENROLLMENT_POLICY', metadata: { rule } })

async function detailsOf(ca: MeshCa, event: string): Promise<string[]> {
  const details: string[] = []
  for await (const entry of ca.audit()) if (entry.event === event) details.push(entry.detail)
  return details
}

t.test('a policy is kept, written down, and refused when it is out of bounds', async (t) => {
  const { ca, home, dependencies } = await makeCa(t)
  t.same(await ca.policy(), DEFAULT_POLICY)
  const policy = { ...DEFAULT_POLICY, allow: ['relay-7'], maxNodes: 3, namePattern: 'relay-*' }
  await ca.setPolicy(policy, { kind: 'operator', name: 'alice' })
  await t.rejects(ca.setPolicy({ ...policy, maxNodes: -1 }, LOCAL_ACTOR), { code: 'ENROLLMENT_POLICY_MALFORMED' })
  t.match(await detailsOf(ca, 'policy-changed'), [/allow 1, maxNodes 3, namePattern relay-\*/])
  await ca.close()
  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  t.strictSame(await reopened.policy(), policy)
})

t.test('names and allow-list count at enrolment and at renewal', async (t) => {
  const { ca } = await makeCa(t)
  const member = await enrollMember(ca, 'relay-7', by)
  await ca.setPolicy({ ...DEFAULT_POLICY, allow: ['relay-8', 'sensor-1'], namePattern: 'relay-?' }, LOCAL_ACTOR)
  await t.rejects(rotateMember(ca, member, by), refusedBy('allow'))
  await t.rejects(enrollMember(ca, 'relay-9', by), refusedBy('allow'))
  await t.rejects(enrollMember(ca, 'sensor-1', by), refusedBy('namePattern'))
  await enrollMember(ca, 'relay-8', by)
  t.equal((await ca.status()).tokens.open, 2, 'refusals use no token up')
})

t.test('a number of nodes is never exceeded, and those who are gone do not count', async (t) => {
  const { ca, clock } = await makeCa(t)
  await ca.setPolicy({ ...DEFAULT_POLICY, maxNodes: 3, graceMs: 0 }, LOCAL_ACTOR)
  const names = Array.from({ length: 8 }, (_, at) => `relay-${at}`)
  const results = await Promise.allSettled(names.map((name) => enrollMember(ca, name, by)))
  const members = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  t.equal(members.length, 3)
  await rotateMember(ca, members[0]!, by)
  await t.rejects(enrollMember(ca, 'late', by), refusedBy('maxNodes'))
  const [name = ''] = names.filter((_, at) => results[at]?.status === 'fulfilled').slice(1)
  await ca.revoke({ nodeId: name }, {}, LOCAL_ACTOR)
  await enrollMember(ca, 'late', by)
  await t.rejects(enrollMember(ca, 'later', by), refusedBy('maxNodes'))
  await clock.advance(8 * DAY_MS)
  await enrollMember(ca, 'later', by)
})

t.test('who leaves the allow-list is revoked where the policy says so, in the same batch', async (t) => {
  const { ca } = await makeCa(t)
  const member = await enrollMember(ca, 'relay-7', by)
  await enrollMember(ca, 'relay-8', by)
  const revoked = await ca.setPolicy({ ...DEFAULT_POLICY, allow: ['relay-8'], revokeOnRemoval: true }, LOCAL_ACTOR)
  t.match(revoked, [{ name: 'relay-7', revocation: { reason: 'affiliationChanged' } }])
  await t.rejects(rotateMember(ca, member, by), { code: 'ENROLLMENT_PEER_REVOKED' })
  t.same((await eventsOf(ca)).slice(-6, -3), ['certificate-issued', 'policy-changed', 'certificate-revoked'])
  const [own] = await ca.lists()
  t.equal(own!.full.number, 1n)
})

t.test('a node that is in grace leaves the allow-list like any other', async (t) => {
  const { ca, clock } = await makeCa(t)
  const member = await enrollMember(ca, 'relay-7', by)
  await clock.advance(8 * DAY_MS)
  const revoked = await ca.setPolicy({ ...DEFAULT_POLICY, allow: ['relay-8'], revokeOnRemoval: true }, LOCAL_ACTOR)
  t.match(revoked, [{ name: 'relay-7', revocation: { reason: 'affiliationChanged' } }])
  await ca.setPolicy(DEFAULT_POLICY, LOCAL_ACTOR)
  await t.rejects(rotateMember(ca, member, by), { code: 'ENROLLMENT_PEER_REVOKED' })
})

t.test('attestation that the policy or a token asks for', async (t) => {
  const { ca } = await makeCa(t)
  const token = async (attestation: 'none' | 'required') =>
    (await ca.createToken({ nodeId: 'relay-7', attestation })).token
  const { csr } = await makeCsr(provider)
  const request = { csr, addresses: [], nodeId: 'relay-7' }
  const strict = await token('required')
  await t.rejects(ca.enroll({ ...request, token: strict }, { crlUrl: CRL_URL }), refusedBy('attestation'))
  await ca.enroll({ ...request, token: strict }, { crlUrl: CRL_URL, attested: true })
  await ca.setPolicy({ ...DEFAULT_POLICY, attestation: 'required' }, LOCAL_ACTOR)
  const lax = await token('none')
  await t.rejects(ca.enroll({ ...request, token: lax }, { crlUrl: CRL_URL }), refusedBy('attestation'))
  await t.rejects(ca.createToken({ attestation: 'maybe' } as never), TypeError)
  await t.rejects(ca.createToken({ labels: ['a b'] }), TypeError)
  await t.rejects(ca.createToken({ labels: Array(17).fill('x') }), TypeError)
})

t.test('refusals are written down, a flood of them is counted', async (t) => {
  const { ca, clock } = await makeCa(t)
  const { csr } = await makeCsr(provider)
  const tryOnce = () =>
    t.rejects(ca.enroll({ token: 'gm1.x', csr, addresses: [] }, { crlUrl: CRL_URL }), {
      code: 'ENROLLMENT_TOKEN_FORMAT',
    })
  for (let at = 0; at < MAX_REFUSALS_PER_MINUTE + 15; at += 1) await tryOnce()
  t.equal((await detailsOf(ca, 'refused')).length, MAX_REFUSALS_PER_MINUTE)
  await clock.advance(60_000)
  await tryOnce()
  const [last] = await detailsOf(ca, 'refused')
  t.equal(last, 'ENROLLMENT_TOKEN_FORMAT, after 15 that are not here')
  await ca.verifyAudit()
})
