import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SimulatedClock, toHex } from '../../core/index.ts'
import { parseCrl, RevocationIndex, verifyCrl } from '../../enrollment/crl/index.ts'
import { buildCsr, buildMemberCsr, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { initIssuingCa, installIssuingCa, type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { type Certificate, validatePath } from '../../records/path/index.ts'
import { makeRequestKeys, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { addTestOperator, enrollMember, eventsOf, pathAt, rotateMember } from '../helpers/ca-members.ts'

const DAY_MS = 24 * 3600 * 1000
const { provider } = testDependencies()
const by = { provider }

async function makeCa(t: Test) {
  const clock = new SimulatedClock()
  const made = await makeTestCa(t, {}, testDependencies({ clock }))
  return { ...made, clock }
}

/** An issuing CA under `root`, in a directory of its own. */
async function makeIssuing(t: Test, { ca, home, dependencies }: Awaited<ReturnType<typeof makeCa>>) {
  const at = { home: join(home, 'issuing'), unlock: testUnlock() }
  const answer = await ca.signIssuingCa(await initIssuingCa(at, dependencies), LOCAL_ACTOR)
  const rootFingerprint = ca.root.fingerprint
  const issuing = await installIssuingCa({ ...at, rootFingerprint, answer }, dependencies)
  t.teardown(() => issuing.close())
  return { issuing, at, answer }
}

/** What a node knows from what a CA publishes; chains are verified up to the root. */
async function revocationsOf(ca: MeshCa, issuers: readonly Certificate[], nowMs: number) {
  const index = new RevocationIndex()
  for (const { full } of await ca.lists()) {
    const list = parseCrl(full.der)
    const issuer = issuers.find((one) => toHex(one.subjectKeyId) === toHex(list.authorityKeyId))
    await verifyCrl(list, issuer!, { provider, signaturePolicy: 'hybrid' })
    index.addAuthority(list.authorityKeyId)
    index.apply(list, nowMs)
  }
  return index
}

t.test('operators: a name for a key, listed, revoked', async (t) => {
  const { ca, clock } = await makeCa(t)
  const alice = await addTestOperator(ca, 'alice', provider)
  const path = await pathAt(ca, alice.chain, { ...by, atMs: clock.now(), purpose: 'operator' })
  t.match(path, { nodeId: 'alice', roles: ['operator'] })
  await t.rejects(pathAt(ca, alice.chain, { ...by, atMs: clock.now() }), { code: 'RECORDS_PATH_EXTENDED_KEY_USAGE' })
  t.match(await ca.authenticate(alice.chain, 'operator'), { actor: { kind: 'operator', name: 'alice' } })
  const again = await ca.addOperator({ name: 'alice', csr: await buildMemberCsr(alice.keys) }, LOCAL_ACTOR)
  t.equal(again.repeated, true)
  t.equal(toHex(again.chain[0]!), toHex(alice.chain[0]!.der))
  await t.rejects(addTestOperator(ca, 'alice', provider), { code: 'ENROLLMENT_OPERATOR_EXISTS' })
  await t.rejects(addTestOperator(ca, 'Alice', provider), TypeError)
  await ca.revoke({ operator: 'alice' }, {}, LOCAL_ACTOR)
  await t.rejects(ca.authenticate(alice.chain, 'operator'), { code: 'ENROLLMENT_PEER_REVOKED' })
  await t.rejects(ca.addOperator({ name: 'alice', csr: await buildMemberCsr(alice.keys) }, LOCAL_ACTOR), {
    code: 'ENROLLMENT_KEY_REVOKED',
  })
  await addTestOperator(ca, 'alice', provider)
  const states: string[] = []
  for await (const { name, state } of ca.list({ kind: 'operator' })) states.push(`${name} ${state}`)
  t.same(states.sort(), ['alice live', 'alice revoked'])
})

t.test('a new root signs; old chains hold, new ones end in the same root; both publish', async (t) => {
  const made = await makeCa(t)
  const { ca, clock, home, dependencies } = made
  const before = await enrollMember(ca, 'relay-7', by)
  const [oldList] = await ca.lists()
  await clock.advance(1000)
  const summary = await ca.rekeyRoot(LOCAL_ACTOR)
  t.match(summary, { kind: 'root', active: true })
  const atMs = clock.now()
  t.equal((await pathAt(ca, before.chain, { ...by, atMs })).nodeId, 'relay-7')
  const after = await enrollMember(ca, 'relay-8', by)
  t.equal(after.chain.length, 3)
  t.equal((await pathAt(ca, after.chain, { ...by, atMs })).nodeId, 'relay-8')
  t.equal(toHex(after.chain.at(-1)!.fingerprint), (await ca.status()).root.fingerprint)
  const { member } = await rotateMember(ca, before, by)
  t.equal(member.chain.length, 3, 'renewed under the new root')

  const lists = await ca.lists()
  t.equal(toHex(lists[0]!.authorityKeyId), summary.keyId, 'the active one first')
  t.equal(lists.length, 2)
  t.ok(lists[1]!.full.number >= oldList!.full.number)
  await clock.advance(1000)
  await ca.revoke({ serialNumber: before.chain[0]!.serialNumber }, {}, LOCAL_ACTOR)
  await clock.advance(1000)
  await ca.revoke({ nodeId: 'relay-8' }, {}, LOCAL_ACTOR)
  const revocations = await revocationsOf(ca, after.chain, clock.now())
  t.ok(revocations.find(before.chain[0]!), 'in the list of the old root')
  t.ok(revocations.find(after.chain[0]!), 'in the list of the new one')
  t.equal(revocations.find(member.chain[0]!), undefined)

  await ca.close()
  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  t.equal((await reopened.status()).authorities.length, 2)
  await enrollMember(reopened, 'relay-9', by)
  t.equal((await reopened.issueServerIdentity()).certificateChain.split('BEGIN CERTIFICATE').length, 4)
  const { issuing } = await makeIssuing(t, { ...made, ca: reopened })
  const deep = await enrollMember(issuing, 'sensor-1', by)
  t.equal(deep.chain.length, 4, 'leaf, issuing CA, new root, old root')
  await pathAt(reopened, deep.chain, { ...by, atMs: clock.now() })
  await reopened.verifyAudit()
})

t.test('the root changes on the word of two operators, where there are two', async (t) => {
  const { ca, clock } = await makeCa(t)
  const operator = (name: string) => ({ kind: 'operator', name }) as const
  await addTestOperator(ca, 'alice', provider)
  t.same(await ca.approveRootChange(operator('alice')), { approvedBy: ['alice'], needed: 0 })
  await addTestOperator(ca, 'bob', provider)
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), { code: 'ENROLLMENT_ROOT_APPROVALS' })
  t.same(await ca.approveRootChange(operator('alice')), { approvedBy: ['alice'], needed: 2 }, 'not twice')
  t.throws(() => ca.approveRootChange(LOCAL_ACTOR), TypeError)
  await ca.approveRootChange(operator('mallory'))
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), { code: 'ENROLLMENT_ROOT_APPROVALS' }, 'of operators only')
  await ca.approveRootChange(operator('bob'))
  await clock.advance(8 * DAY_MS)
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), { code: 'ENROLLMENT_ROOT_APPROVALS' }, 'within a week')
  for (const name of ['alice', 'bob']) await ca.approveRootChange(operator(name))
  await ca.rekeyRoot(LOCAL_ACTOR)
  await clock.advance(1000)
  await t.rejects(ca.rekeyRoot(LOCAL_ACTOR), { code: 'ENROLLMENT_ROOT_APPROVALS' }, 'once')
  t.equal((await eventsOf(ca)).filter((event) => event === 'root-changed').length, 1)
})

t.test('an issuing CA does the daily work; the root revokes it with all that it issued', async (t) => {
  const made = await makeCa(t)
  const { ca, clock } = made
  const direct = await enrollMember(ca, 'relay-1', by)
  const { token: early } = await ca.createToken({ nodeId: 'relay-2' })
  const { issuing, at, answer } = await makeIssuing(t, made)
  t.equal(toHex(issuing.root.fingerprint), toHex(ca.root.fingerprint))
  const member = await enrollMember(issuing, 'relay-7', by)
  t.equal((await pathAt(ca, member.chain, { ...by, atMs: clock.now() })).chain.length, 3)
  t.equal((await issuing.pseudonym()).epoch, 2, 'a key of its own')
  const csr = await buildCsr(await makeRequestKeys(provider))
  const request = { token: early, csr, nodeId: 'relay-2', addresses: [] }
  await t.rejects(ca.enroll(request, { crlUrl: 'https://ca/v1/crl' }), { code: 'ENROLLMENT_DELEGATED' })
  await t.rejects(ca.createToken({ nodeId: 'relay-2' }), { code: 'ENROLLMENT_DELEGATED' }, 'nobody could use it')
  await t.rejects(issuing.rekeyRoot(LOCAL_ACTOR), { code: 'ENROLLMENT_ROOT_ABSENT' })
  await t.rejects(issuing.signIssuingCa(answer, LOCAL_ACTOR), { code: 'ENROLLMENT_ROOT_ABSENT' })

  await t.rejects(rotateMember(issuing, direct, by), { code: 'ENROLLMENT_RENEWAL_ELSEWHERE' })
  const [rootLists] = await ca.lists()
  t.equal(parseCrl(rootLists!.full.der).pseudonym, undefined, 'the issuing CA has the pseudonym key')
  await issuing.importList(rootLists!.full.der)
  await issuing.importList(rootLists!.full.der)
  const moved = await rotateMember(issuing, direct, by)
  t.equal(moved.member.chain.length, 3, 'once it knows what the root has revoked')
  const published = await issuing.lists()
  t.same(
    published.map(({ own }) => own),
    [true, false],
  )
  t.same(published[1]!.full.der, rootLists!.full.der)

  await clock.advance(1000)
  await issuing.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  const revocations = await revocationsOf(issuing, member.chain, clock.now())
  t.ok(revocations.find(member.chain[0]!))
  t.equal((await issuing.pseudonym()).epoch, 3)

  const [authority] = member.chain.slice(1)
  await ca.revoke({ serialNumber: authority!.serialNumber }, { reason: 'cACompromise' }, LOCAL_ACTOR)
  const [{ full } = { full: undefined }] = await ca.lists()
  await issuing.importList(full!.der)
  const all = await revocationsOf(issuing, member.chain, clock.now())
  const policy = {
    mesh: ca.mesh,
    rootFingerprint: ca.root.fingerprint,
    signaturePolicy: 'hybrid',
    purpose: 'node',
  } as const
  await t.rejects(
    validatePath({ chain: moved.member.chain, atMs: clock.now(), revocations: all, policy }, { provider }),
    { code: 'RECORDS_PATH_REVOKED' },
  )
  await t.rejects(rotateMember(issuing, moved.member, by), { code: 'ENROLLMENT_PEER_REVOKED' })
  await enrollMember(ca, 'relay-2', by)
  t.ok((await ca.pseudonym()).epoch > 2 ** 20, 'beyond every epoch that the issuing CA had')

  await issuing.close()
  const dependencies = made.dependencies
  const reopened = await openCa(at, dependencies)
  t.equal((await reopened.lists()).length, 2)
  await reopened.verifyAudit()
  await reopened.close()
})

t.test('what an issuing CA installs must be for its keys and end in the root that is meant', async (t) => {
  const made = await makeCa(t)
  const { ca, home, dependencies } = made
  const at = { home: join(home, 'issuing'), unlock: testUnlock() }
  const answer = await ca.signIssuingCa(await initIssuingCa(at, dependencies), LOCAL_ACTOR)
  const rootFingerprint = ca.root.fingerprint
  const wrong = { code: 'ENROLLMENT_ISSUING_ANSWER' }
  const install = (changes: object) => installIssuingCa({ ...at, rootFingerprint, answer, ...changes }, dependencies)
  await t.rejects(install({ rootFingerprint: new Uint8Array(32) }), wrong)
  await t.rejects(install({ answer: answer.subarray(1) }), wrong)
  const other = { home: join(home, 'other'), unlock: testUnlock() }
  await initIssuingCa(other, dependencies)
  await t.rejects(install(other), wrong, 'of another home')
  const keys = await makeRequestKeys(provider)
  await t.rejects(ca.signIssuingCa(await buildMemberCsr(keys), LOCAL_ACTOR), { code: 'ENROLLMENT_CSR_SUITE' })
  const issuing = await install({})
  await issuing.createToken({ nodeId: 'relay-7' })
  await issuing.close()
  const renewed = await ca.signIssuingCa(await initIssuingCa(at, dependencies), LOCAL_ACTOR)
  const again = await install({ answer: renewed })
  t.equal((await again.status()).tokens.open, 1, 'a new certificate changes nothing else')
  await again.close()
})
