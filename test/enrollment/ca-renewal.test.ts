import { join } from 'node:path'
import t, { type Test } from 'tap'
import { equalBytes, SimulatedClock } from '../../core/index.ts'
import { buildMemberCsr, DEFAULT_POLICY, LOCAL_ACTOR } from '../../enrollment/index.ts'
import type { MeshCa } from '../../enrollment/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { makeCsr, makeRequestKeys, makeTestCa, testDependencies } from '../helpers/ca.ts'
import {
  addTestOperator,
  enrollMember,
  eventsOf,
  pathAt,
  renewalRequest,
  rotateMember,
  withNewIdentity,
} from '../helpers/ca-members.ts'

const DAY_MS = 24 * 3600 * 1000
const { provider } = testDependencies()
const by = { provider }

async function makeCa(t: Test, home = t.testdir()) {
  const clock = new SimulatedClock()
  const made = await makeTestCa(t, { home }, testDependencies({ clock }))
  return { ...made, clock }
}

async function labelsOf(ca: MeshCa): Promise<(readonly string[])[]> {
  const labels: (readonly string[])[] = []
  for await (const one of ca.list()) labels.push(one.labels)
  return labels
}

t.test('a certificate renewed: new key, same name, roles, labels and PeerId', async (t) => {
  const { ca, clock } = await makeCa(t)
  const options = { ...by, roles: ['node', 'validator'] as const, labels: ['site=west'] }
  const before = await enrollMember(ca, 'relay-7', options)
  await clock.advance(4 * DAY_MS)
  const { renewal, member } = await rotateMember(ca, before, by)
  const path = await pathAt(ca, member.chain, { ...by, atMs: clock.now() })
  t.match(path, { nodeId: 'relay-7', roles: ['node', 'validator'] })
  t.strictSame(path.identityKey.spki, member.keys.identityKey.publicKey.spki)
  t.strictSame(path.overlayPublicKey, before.chain[0]!.overlayKey!.publicKey)
  t.match(renewal, { repeated: false, notAfterMs: clock.now() + 7 * DAY_MS, grace: undefined })
  t.same(await labelsOf(ca), [['site=west'], ['site=west']])
  await pathAt(ca, before.chain, { ...by, atMs: clock.now() })
  const again = await rotateMember(ca, member, by)
  t.notOk(equalBytes(again.renewal.chain[0]!, renewal.chain[0]!))
  t.same((await eventsOf(ca)).slice(-2), ['certificate-renewed', 'certificate-renewed'])
  await ca.verifyAudit()
})

t.test('the same new key gets the same certificate, also at the same time; any other known key none', async (t) => {
  const { ca } = await makeCa(t)
  const before = await enrollMember(ca, 'relay-7', by)
  const keys = await withNewIdentity(before, provider)
  const both = await Promise.all([rotateMember(ca, before, { ...by, keys }), rotateMember(ca, before, { ...by, keys })])
  t.strictSame(both[0].renewal.chain, both[1].renewal.chain)
  t.same(both.map(({ renewal }) => renewal.repeated).sort(), [false, true])
  t.equal((await ca.status()).issued, 2)

  const code = 'ENROLLMENT_RENEWAL_KEY'
  await t.rejects(rotateMember(ca, before, { ...by, keys: before.keys }), { code }, 'not the same key')
  await t.rejects(rotateMember(ca, both[0].member, { ...by, keys: before.keys }), { code }, 'not an earlier key')
  const other = await enrollMember(ca, 'relay-8', by)
  const stolen = { ...before.keys, identityKey: other.keys.identityKey }
  await t.rejects(rotateMember(ca, before, { ...by, keys: stolen }), { code }, 'not the key of another node')
  const elsewhere = { ...(await makeRequestKeys(provider)), overlayKey: other.keys.overlayKey }
  await t.rejects(rotateMember(ca, before, { ...by, keys: elsewhere }), { code, metadata: { key: 'overlay' } })
})

t.test('what is presented must be a valid chain of a node of this mesh, and the one that is meant', async (t) => {
  const { ca, clock, home } = await makeCa(t)
  const { ca: foreign } = await makeCa(t, join(home, 'foreign'))
  const member = await enrollMember(ca, 'relay-7', by)
  const other = await enrollMember(ca, 'relay-8', by)
  const stranger = await enrollMember(foreign, 'relay-7', by)
  const operator = await addTestOperator(ca, 'alice', provider)
  const request = await renewalRequest(member, await withNewIdentity(member, provider))
  const untrusted = { code: 'ENROLLMENT_PEER_UNTRUSTED' }
  await t.rejects(ca.rotate(request, []), untrusted)
  await t.rejects(ca.rotate(request, stranger.chain), untrusted)
  await t.rejects(ca.rotate(request, operator.chain), untrusted)
  await t.rejects(ca.rotate(request, other.chain), { code: 'ENROLLMENT_RENEWAL_SERIAL' })
  await t.rejects(ca.authenticate(member.chain, 'operator'), untrusted)
  t.match(await ca.authenticate(member.chain, 'node'), { actor: { kind: 'node', name: 'relay-7' } })
  await ca.rotate(request, member.chain.slice(0, -1))
  await clock.advance(8 * DAY_MS)
  await t.rejects(ca.authenticate(member.chain, 'node'), untrusted, 'expired')
  t.equal((await ca.status()).issued, 4)
})

t.test('grace: for a time, so many times, for the newest certificate, and written down', async (t) => {
  const { ca, clock } = await makeCa(t)
  await ca.setPolicy({ ...DEFAULT_POLICY, graceCount: 2 }, LOCAL_ACTOR)
  let member = await enrollMember(ca, 'relay-7', by)
  const first = member
  for (const left of [1, 0]) {
    await clock.advance(20 * DAY_MS)
    const renewed = await rotateMember(ca, member, by)
    t.same(renewed.renewal.grace, { used: 2 - left, left })
    member = renewed.member
  }
  await t.rejects(rotateMember(ca, first, by), { code: 'ENROLLMENT_GRACE_OVER' }, 'an earlier one')
  await clock.advance(20 * DAY_MS)
  await t.rejects(rotateMember(ca, member, by), { code: 'ENROLLMENT_GRACE_USED' })
  t.same((await eventsOf(ca)).filter((event) => event.includes('grace')).length, 2)

  const back = await enrollMember(ca, 'relay-7', { ...by, keys: member.keys })
  await clock.advance(37 * DAY_MS + 1)
  await t.rejects(rotateMember(ca, back, by), { code: 'ENROLLMENT_GRACE_OVER' }, 'too long')
  const again = await enrollMember(ca, 'relay-7', { ...by, keys: member.keys })
  await clock.advance(8 * DAY_MS)
  t.same((await rotateMember(ca, again, by)).renewal.grace, { used: 1, left: 1 }, 'counted from enrolment on')
  await ca.verifyAudit()
})

t.test('a renewal that never arrived and has expired is renewed for the same keys', async (t) => {
  const { ca, clock } = await makeCa(t)
  const member = await enrollMember(ca, 'relay-7', by)
  await clock.advance(5 * DAY_MS)
  const keys = await withNewIdentity(member, provider)
  const lost = await rotateMember(ca, member, { ...by, keys })
  await clock.advance(10 * DAY_MS)
  const found = await rotateMember(ca, member, { ...by, keys })
  t.notOk(equalBytes(found.renewal.chain[0]!, lost.renewal.chain[0]!))
  t.match(found.renewal, { repeated: false, grace: { used: 1 } })
  t.strictSame((await rotateMember(ca, member, { ...by, keys })).renewal.chain, found.renewal.chain)
})

t.test('nobody who is revoked, and no key that was, is renewed or enrolled', async (t) => {
  const { ca, clock } = await makeCa(t)
  const member = await enrollMember(ca, 'relay-7', by)
  const { member: renewed } = await rotateMember(ca, member, by)
  await ca.revoke({ serialNumber: member.chain[0]!.serialNumber }, { reason: 'superseded' }, LOCAL_ACTOR)
  const code = 'ENROLLMENT_PEER_REVOKED'
  await t.rejects(rotateMember(ca, renewed, by), { code }, 'another certificate of the node is revoked')
  await clock.advance(1000)
  await ca.revoke({ nodeId: 'relay-7' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  await t.rejects(rotateMember(ca, renewed, by), { code })
  await clock.advance(20 * DAY_MS)
  await t.rejects(rotateMember(ca, renewed, by), { code }, 'nor in grace')
  const enroll = enrollMember(ca, 'relay-7', { ...by, keys: renewed.keys })
  await t.rejects(enroll, { code: 'ENROLLMENT_KEY_REVOKED' })
  await enrollMember(ca, 'relay-9', by).then(async (other) => {
    const keys = { ...other.keys, identityKey: renewed.keys.identityKey }
    await t.rejects(rotateMember(ca, other, { ...by, keys }), { code: 'ENROLLMENT_KEY_REVOKED' })
  })
  const replaced = await enrollMember(ca, 'relay-7', by)
  await rotateMember(ca, replaced, by)
})

t.test('a name is given on after its key was revoked, by a token that was made for it since', async (t) => {
  const { ca, clock } = await makeCa(t)
  await enrollMember(ca, 'relay-7', by)
  const early = await ca.createToken({ nodeId: 'relay-7' })
  await clock.advance(1000)
  await ca.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  const { csr } = await makeCsr(provider)
  const request = { csr, nodeId: 'relay-7', addresses: [] }
  const options = { crlUrl: 'https://ca.example/v1/crl' }
  const taken = { code: 'ENROLLMENT_NODE_ID_TAKEN' }
  await t.rejects(ca.enroll({ ...request, token: early.token }, options), taken)
  await t.rejects(ca.enroll({ ...request, token: (await ca.createToken()).token }, options), taken)
  const { chain } = await ca.enroll({ ...request, token: (await ca.createToken({ nodeId: 'relay-7' })).token }, options)
  t.equal((await pathAt(ca, parseChain(chain), { ...by, atMs: clock.now() })).nodeId, 'relay-7')
})

t.test('operators renew while their certificate is valid', async (t) => {
  const { ca, clock } = await makeCa(t)
  const alice = await addTestOperator(ca, 'alice', provider)
  const keys = await makeRequestKeys(provider)
  const request = { csr: await buildMemberCsr(keys), currentSerialNumber: alice.chain[0]!.serialNumber }
  const renewed = await ca.renewOperator(request, alice.chain)
  const chain = parseChain(renewed.chain)
  t.match(await pathAt(ca, chain, { ...by, atMs: clock.now(), purpose: 'operator' }), { roles: ['operator'] })
  t.equal(renewed.notAfterMs, clock.now() + 90 * DAY_MS)
  t.strictSame((await ca.renewOperator(request, alice.chain)).chain, renewed.chain)
  await ca.revoke({ operator: 'alice' }, {}, LOCAL_ACTOR)
  await t.rejects(ca.authenticate(chain, 'operator'), { code: 'ENROLLMENT_PEER_REVOKED' })
  await t.rejects(ca.renewOperator(request, chain), { code: 'ENROLLMENT_PEER_REVOKED' })
  const bob = await addTestOperator(ca, 'bob', provider)
  await clock.advance(91 * DAY_MS)
  const late = {
    csr: await buildMemberCsr(await makeRequestKeys(provider)),
    currentSerialNumber: bob.chain[0]!.serialNumber,
  }
  await t.rejects(ca.renewOperator(late, bob.chain), { code: 'ENROLLMENT_PEER_UNTRUSTED' })
})
