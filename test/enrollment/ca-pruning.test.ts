// A CA that runs for years: what it forgets, and what it does not.
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { LOCAL_ACTOR } from '../../enrollment/index.ts'
import { MAX_GRACE_MS } from '../../enrollment/limits.ts'
import { makeTestCa, testDependencies } from '../helpers/ca.ts'
import { enrollMember, renewalRequest, rotateMember, type TestMember, withNewIdentity } from '../helpers/ca-members.ts'

const DAY_MS = 24 * 3600 * 1000
const { provider } = testDependencies()
const by = { provider }

t.test('what ended more than a year ago is forgotten, but the newest of each node and what was revoked', async (t) => {
  const clock = new SimulatedClock()
  const { ca } = await makeTestCa(t, { home: t.testdir() }, testDependencies({ clock }))
  const first = await enrollMember(ca, 'relay-1', by)
  const gone = await enrollMember(ca, 'relay-2', by)
  const second = await rotateMember(ca, await enrollMember(ca, 'relay-3', by), by)
  await ca.revoke({ nodeId: 'relay-3' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  let member: TestMember = first
  for (let renewal = 0; renewal < 3; renewal += 1) {
    await clock.advance(3 * DAY_MS)
    member = (await rotateMember(ca, member, by)).member
  }
  const names = async () => {
    const found: string[] = []
    for await (const { name } of ca.list()) found.push(name)
    return found.sort()
  }
  const all = ['relay-1', 'relay-1', 'relay-1', 'relay-1', 'relay-2', 'relay-3', 'relay-3']
  t.same(await names(), all)
  clock.jumpTo(clock.now() + MAX_GRACE_MS - 10 * DAY_MS)
  const early = ca.startIssuing()
  await early.stop()
  t.same(await names(), all, 'as long as any policy could renew it')
  clock.jumpTo(clock.now() + 30 * DAY_MS)
  const late = ca.startIssuing()
  await late.stop()
  t.same(await names(), ['relay-1', 'relay-2', 'relay-3', 'relay-3'])
  await ca.verifyAudit()

  t.comment('somebody shows what was forgotten')
  const keys = await withNewIdentity(first, provider)
  await t.rejects(ca.rotate(await renewalRequest(first, keys), first.chain), { code: 'ENROLLMENT_PEER_UNTRUSTED' })
  t.equal((await ca.status()).behind, false, 'which is no sign of an old backup')
  await t.rejects(rotateMember(ca, gone, by), { code: 'ENROLLMENT_GRACE_OVER' }, 'the newest is known')
  const revoked = { ...by, keys: second.member.keys }
  await t.rejects(enrollMember(ca, 'relay-9', revoked), { code: 'ENROLLMENT_KEY_REVOKED' }, 'a revoked key stays one')
})
