import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SimulatedClock, toHex } from '../../core/index.ts'
import { parseCrl } from '../../enrollment/crl/index.ts'
import { LOCAL_ACTOR } from '../../enrollment/index.ts'
import { RESTORE_NUMBER_STEP } from '../../enrollment/limits.ts'
import { type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { makeCsr, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { addTestOperator, CRL_URL, enrollMember, eventsOf, rotateMember } from '../helpers/ca-members.ts'

const { provider } = testDependencies()
const by = { provider }

/** A CA that has gone on after a backup, and how to put the backup in its place. */
async function makeBackedUp(t: Test) {
  const clock = new SimulatedClock()
  const dependencies = testDependencies({ clock })
  const home = join(t.testdir(), 'ca')
  const { ca } = await makeTestCa(t, { home }, dependencies)
  await enrollMember(ca, 'relay-1', by)
  const { token } = await ca.createToken({ nodeId: 'relay-9' })
  await ca.lists()
  await ca.close()
  await cp(home, `${home}-backup`, { recursive: true })
  await clock.advance(2000)
  const restore = async (): Promise<MeshCa> => {
    await rm(home, { recursive: true })
    await cp(`${home}-backup`, home, { recursive: true })
    await clock.advance(2000)
    const restored = await openCa({ home, unlock: testUnlock() }, dependencies)
    t.teardown(() => restored.close())
    return restored
  }
  return { clock, token, restore, ca: await openCa({ home, unlock: testUnlock() }, dependencies) }
}

t.test('a restored CA jumps its number ahead and voids open tokens', async (t) => {
  const { ca, token, restore, clock } = await makeBackedUp(t)
  await enrollMember(ca, 'relay-2', by)
  await ca.revoke({ nodeId: 'relay-2' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  const [lost] = await ca.lists()
  await ca.close()
  const restored = await restore()
  await restored.restored(LOCAL_ACTOR, { lists: [lost!.full.der] })
  const [own] = await restored.lists()
  t.equal(own!.full.number, lost!.full.number + BigInt(RESTORE_NUMBER_STEP) + 1n)
  t.equal(own!.delta, undefined, 'no delta goes on from what was lost')
  const serials = [...parseCrl(own!.full.der).entries].map(({ serialNumber }) => toHex(serialNumber))
  t.same(
    serials,
    [...parseCrl(lost!.full.der).entries].map(({ serialNumber }) => toHex(serialNumber)),
  )
  const { csr } = await makeCsr(provider)
  const enroll = restored.enroll({ token, csr, addresses: [] }, { crlUrl: CRL_URL })
  await t.rejects(enroll, { code: 'ENROLLMENT_TOKEN_USED' })
  t.ok((await restored.pseudonym()).epoch > 1)
  await clock.advance(2000)
  await restored.restored(LOCAL_ACTOR)
  const [again] = await restored.lists()
  t.equal(again!.full.number, own!.full.number + BigInt(RESTORE_NUMBER_STEP) + 1n)
  t.equal((await eventsOf(restored)).filter((event) => event === 'ca-restored').length, 2)
  await restored.verifyAudit()
})

t.test(
  'a certificate that it signed and does not know shows that it was restored; nothing is decided until it is told',
  async (t) => {
    const { ca, restore, clock } = await makeBackedUp(t)
    const unknown = await enrollMember(ca, 'relay-2', by)
    const operator = await addTestOperator(ca, 'alice', provider)
    await ca.close()
    const restored = await restore()
    const known = await enrollMember(restored, 'relay-3', by)
    const [before] = await restored.lists()
    const behind = { code: 'ENROLLMENT_CA_BEHIND' }
    await t.rejects(rotateMember(restored, unknown, by), behind)
    t.equal((await restored.status()).behind, true)
    await t.rejects(rotateMember(restored, known, by), behind)
    await t.rejects(enrollMember(restored, 'relay-4', by), behind)
    await t.rejects(restored.revoke({ nodeId: 'relay-1' }, {}, LOCAL_ACTOR), behind)
    await t.rejects(restored.rekeyRoot(LOCAL_ACTOR), behind)
    await clock.advance(6 * 24 * 3600 * 1000)
    t.same((await restored.lists())[0]!.full.number, before!.full.number, 'nor is a number used twice')

    await restored.restored(LOCAL_ACTOR)
    t.equal((await restored.status()).behind, false)
    const { renewal } = await rotateMember(restored, unknown, by)
    t.equal(renewal.repeated, false, 'what it lost it takes back')
    await t.rejects(restored.authenticate(operator.chain, 'operator'), { code: 'ENROLLMENT_PEER_UNTRUSTED' })
    t.equal((await restored.status()).behind, false, 'an operator has to be added again')
    t.ok((await restored.lists())[0]!.full.number > RESTORE_NUMBER_STEP)
    await restored.verifyAudit()
  },
)

t.test('a list of its own that it has not issued yet shows it too', async (t) => {
  const { ca, restore } = await makeBackedUp(t)
  await enrollMember(ca, 'relay-2', by)
  await ca.revoke({ nodeId: 'relay-2' }, {}, LOCAL_ACTOR)
  const [lost] = await ca.lists()
  await ca.importList(lost!.full.der)
  await ca.close()
  const restored = await restore()
  await t.rejects(restored.importList(lost!.full.der), { code: 'ENROLLMENT_CA_BEHIND' })
  t.equal((await restored.status()).behind, true)
})

t.test('tokens stay void when the clock was ahead while the CA was restored', async (t) => {
  const { ca, token, restore, clock } = await makeBackedUp(t)
  await ca.close()
  const restored = await restore()
  const enroll = async () => {
    const { csr } = await makeCsr(provider)
    return restored.enroll({ token, csr, addresses: [] }, { crlUrl: CRL_URL })
  }
  const nowMs = clock.now()
  clock.jumpTo(nowMs + 5 * 24 * 3600 * 1000)
  await restored.restored(LOCAL_ACTOR)
  clock.jumpTo(nowMs)
  t.equal((await restored.status()).tokens.open, 0)
  await t.rejects(enroll(), { code: 'ENROLLMENT_TOKEN_USED' })
})
