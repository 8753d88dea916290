import t, { type Test } from 'tap'
import { equalBytes, SimulatedClock, toHex } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { parseCrl, type RevocationList, RevocationState, verifyCrl } from '../../enrollment/crl/index.ts'
import { DEFAULT_POLICY, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { addTestOperator, enrollMember, eventsOf, rotateMember } from '../helpers/ca-members.ts'

const HOUR_MS = 3600 * 1000
const DAY_MS = 24 * HOUR_MS
const { provider } = testDependencies()
const by = { provider }

async function makeCa(t: Test) {
  const clock = new SimulatedClock()
  const made = await makeTestCa(t, {}, testDependencies({ clock }))
  return { ...made, clock }
}

/** The lists of the CA's active authority, verified. */
async function listsOf(ca: MeshCa): Promise<{ full: RevocationList; delta: RevocationList | undefined }> {
  const [own] = await ca.lists()
  const full = parseCrl(own!.full.der)
  const delta = own!.delta === undefined ? undefined : parseCrl(own!.delta.der)
  for (const list of [full, ...(delta === undefined ? [] : [delta])]) {
    await verifyCrl(list, ca.root, { provider, signaturePolicy: 'hybrid' })
  }
  return { full, delta }
}

const serials = (list: RevocationList | undefined) => [...(list?.entries ?? [])].map((one) => toHex(one.serialNumber))

t.test('a list from the first moment, issued anew at half of its time though nothing changed', async (t) => {
  const { ca, clock } = await makeCa(t)
  const first = await listsOf(ca)
  t.match(first.full, { number: 1n, thisUpdateMs: clock.now(), nextUpdateMs: clock.now() + 7 * DAY_MS })
  t.equal(first.full.entries.size, 0)
  t.equal(first.delta, undefined)
  t.strictSame(first.full.pseudonym, { epoch: 1, keyHash: sha256((await ca.pseudonym()).key) })
  t.ok(equalBytes((await listsOf(ca)).full.der, first.full.der), 'the same until then')
  const [published] = await ca.lists()
  t.equal(published!.full.etag, toHex(first.full.hash))

  await clock.advance(12 * HOUR_MS)
  const second = await listsOf(ca)
  t.equal(second.full.number, 1n)
  t.match(second.delta, { number: 2n, baseNumber: 1n, nextUpdateMs: clock.now() + DAY_MS })
  await clock.advance(3 * DAY_MS)
  const third = await listsOf(ca)
  t.match(third, { full: { number: 3n }, delta: { number: 3n, baseNumber: 1n } })
  await clock.advance(12 * HOUR_MS)
  t.match((await listsOf(ca)).delta, { number: 4n, baseNumber: 3n })
})

t.test('while it runs as a server a timer issues them', async (t) => {
  const { ca, clock } = await makeCa(t)
  const issuing = ca.startIssuing()
  for (let hours = 0; hours < 24 * 8; hours += 1) {
    await clock.advance(HOUR_MS)
    // Signing takes real time; the next timer is set when it is done.
    while (clock.pendingTimers === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await issuing.stop()
  const issued = (await eventsOf(ca)).filter((event) => event === 'list-issued').length
  t.ok(issued >= 15 && issued <= 18, `${issued} in eight days`)
  t.equal(clock.pendingTimers, 0)
  await ca.verifyAudit()
})

t.test('a revocation is in the next full list and its delta at once', async (t) => {
  const { ca, clock } = await makeCa(t)
  const node = await enrollMember(ca, 'relay-7', by)
  const { member } = await rotateMember(ca, node, by)
  const alice = await addTestOperator(ca, 'alice', provider)
  const before = await listsOf(ca)
  await clock.advance(1500)
  const invalidityMs = clock.now() - DAY_MS
  const revoked = await ca.revoke({ nodeId: 'relay-7' }, { reason: 'keyCompromise', invalidityMs }, LOCAL_ACTOR)
  t.equal(revoked.length, 2, 'every certificate of the node')
  t.match(revoked[0], { state: 'revoked', name: 'relay-7', revocation: { reason: 'keyCompromise' } })
  const { full, delta } = await listsOf(ca)
  t.match(full, { number: 2n, pseudonym: { epoch: 2 } })
  t.match(delta, { number: 2n, baseNumber: 1n, thisUpdateMs: full.thisUpdateMs })
  const both = [node, member].map(({ chain }) => toHex(chain[0]!.serialNumber)).sort()
  t.same(serials(full), both)
  t.same(serials(delta), both)
  const entry = [...full.entries].find((one) => equalBytes(one.serialNumber, node.chain[0]!.serialNumber))
  t.match(entry, { reason: 'keyCompromise', invalidityMs: Math.floor(invalidityMs / 1000) * 1000 })
  t.strictSame(entry?.keyHash, node.chain[0]!.subjectKeyId)
  const pseudonym = await ca.pseudonym()
  t.strictSame(full.pseudonym, { epoch: 2, keyHash: sha256(pseudonym.key) })

  const state = RevocationState.empty(ca.root.subjectKeyId).apply(before.full, clock.now()).state
  const after = state.apply(delta!, clock.now()).state
  t.match(after.find(member.chain[0]!), { keyCompromise: true })
  t.equal(after.find(alice.chain[0]!), undefined)
  t.same(await ca.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR), [], 'once')
  t.equal((await listsOf(ca)).full.number, 2n)

  await clock.advance(1000)
  await ca.revoke({ operator: 'alice' }, { reason: 'superseded' }, LOCAL_ACTOR)
  const later = await listsOf(ca)
  t.equal(later.full.entries.size, 3)
  t.match(later.delta, { number: 3n, baseNumber: 1n })
  const superseded = [...later.full.entries].find(({ reason }) => reason === 'superseded')
  t.equal(superseded?.keyHash, undefined, 'a superseded key stays good')
  await clock.advance(1000)
  await ca.revoke({ operator: 'alice' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  t.notOk(
    [...(await listsOf(ca)).full.entries].some(({ reason }) => reason === 'superseded'),
    'it turned out worse',
  )
  await ca.verifyAudit()
})

t.test('a revocation ahead of the first list changes the pseudonym key', async (t) => {
  const { ca } = await makeCa(t)
  await enrollMember(ca, 'relay-7', by)
  const { key } = await ca.pseudonym()
  key.fill(0)
  const before = await ca.pseudonym()
  t.notOk(equalBytes(before.key, key), 'each caller has a copy')
  await ca.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  const after = await ca.pseudonym()
  t.equal(after.epoch, before.epoch + 1)
  t.notOk(equalBytes(after.key, before.key))
  const { full } = await listsOf(ca)
  t.match(full, { number: 1n, pseudonym: { epoch: after.epoch, keyHash: sha256(after.key) } })
  t.equal((await eventsOf(ca)).filter((event) => event === 'pseudonym-key-changed').length, 1)
})

t.test('since when a certificate has been invalid: a time that a list can say', async (t) => {
  const { ca, clock } = await makeCa(t)
  await enrollMember(ca, 'relay-7', by)
  const last = Date.UTC(10_000, 0) - 1000
  const malformed = { code: 'ENROLLMENT_REQUEST_MALFORMED' }
  for (const invalidityMs of [-1, last + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    await t.rejects(ca.revoke({ nodeId: 'relay-7' }, { invalidityMs }, LOCAL_ACTOR), malformed, String(invalidityMs))
  }
  t.equal((await listsOf(ca)).full.entries.size, 0)
  await enrollMember(ca, 'relay-8', by)
  await clock.advance(1000)
  await ca.revoke({ nodeId: 'relay-7' }, { invalidityMs: 0 }, LOCAL_ACTOR)
  await clock.advance(1000)
  await ca.revoke({ nodeId: 'relay-8' }, { invalidityMs: last }, LOCAL_ACTOR)
  const { full } = await listsOf(ca)
  t.same([...full.entries].map(({ invalidityMs }) => invalidityMs).sort(), [0, last])
})

t.test('whom to revoke and why', async (t) => {
  const { ca } = await makeCa(t)
  const unknown = { code: 'ENROLLMENT_CERTIFICATE_UNKNOWN' }
  await t.rejects(ca.revoke({ nodeId: 'nobody' }, {}, LOCAL_ACTOR), unknown)
  await t.rejects(ca.revoke({ serialNumber: Uint8Array.of(1) }, {}, LOCAL_ACTOR), unknown)
  for (const reason of ['removeFromCRL', 'certificateHold', 'unspecified', 'x']) {
    await t.rejects(ca.revoke({ nodeId: 'nobody' }, { reason } as never, LOCAL_ACTOR), TypeError)
  }
})

t.test('never two lists in one second: what comes within it goes into one list of the next', async (t) => {
  const { ca, clock } = await makeCa(t)
  const names = Array.from({ length: 12 }, (_, at) => `relay-${at}`)
  const members = await Promise.all(names.map((name) => enrollMember(ca, name, by)))
  const first = await listsOf(ca)
  const revocations = names.map((nodeId) => ca.revoke({ nodeId }, {}, LOCAL_ACTOR))
  let done = false
  const all = Promise.all(revocations).then(() => {
    done = true
  })
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.notOk(done, 'they wait')
  await t.rejects(rotateMember(ca, members[0]!, by), { code: 'ENROLLMENT_PEER_REVOKED' }, 'while they count already')
  await clock.advance(1000)
  await all
  const { full } = await listsOf(ca)
  t.match(full, { number: 2n, thisUpdateMs: first.full.thisUpdateMs + 1000 })
  t.equal(full.entries.size, 12)
  t.equal((await ca.pseudonym()).epoch, 2, 'one new key for all')
})

t.test('entries stay until the certificate could not even be renewed any more', async (t) => {
  const { ca, clock } = await makeCa(t)
  await ca.setPolicy({ ...DEFAULT_POLICY, graceMs: 10 * DAY_MS }, LOCAL_ACTOR)
  await enrollMember(ca, 'relay-7', by)
  await ca.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  await clock.advance(18 * DAY_MS - 1000)
  t.equal((await listsOf(ca)).full.entries.size, 1)
  await clock.advance(4 * DAY_MS)
  t.equal((await listsOf(ca)).full.entries.size, 0)
  for await (const one of ca.list({ state: 'revoked' })) t.equal(one.name, 'relay-7', 'the CA remembers it')
})

t.test('numbers and revocations outlive a restart; a clock that was set back issues nothing earlier', async (t) => {
  const { ca, clock, home, dependencies } = await makeCa(t)
  await enrollMember(ca, 'relay-7', by)
  await enrollMember(ca, 'relay-8', by)
  await ca.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  const before = await listsOf(ca)
  await ca.close()
  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  t.ok(equalBytes((await listsOf(reopened)).full.der, before.full.der))
  clock.jumpTo(clock.now() - 60_000)
  await reopened.revoke({ nodeId: 'relay-8' }, {}, LOCAL_ACTOR)
  const { full } = await listsOf(reopened)
  t.match(full, { number: before.full.number + 1n, thisUpdateMs: before.full.thisUpdateMs + 1000 })
})

t.test('lists of a clock that was years ahead are followed by sound ones once it is set right', async (t) => {
  const { ca, clock } = await makeCa(t)
  const member = await enrollMember(ca, 'relay-7', by)
  await ca.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  await ca.lists()
  const nowMs = clock.now()
  clock.jumpTo(nowMs + 2 * 365 * DAY_MS)
  const ahead = await listsOf(ca)
  t.ok(ahead.full.thisUpdateMs > nowMs + DAY_MS)
  clock.jumpTo(nowMs + 10_000)
  const after = await listsOf(ca)
  t.ok(after.full.thisUpdateMs <= clock.now(), 'not in the future')
  t.ok(after.full.number > ahead.full.number)
  t.equal(after.delta, undefined, 'nothing goes on from what no node has')
  t.same(serials(after.full), [toHex(member.chain[0]!.serialNumber)], 'no revocation is lost')
})
