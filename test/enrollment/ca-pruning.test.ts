// A CA that runs for years: what it forgets, and what it does not.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { DEFAULT_POLICY, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { MAX_GRACE_MS } from '../../enrollment/limits.ts'
import type { CaChange, CaStore } from '../../enrollment/store/ca-store.ts'
import { openCaStore } from '../../enrollment/store/level-ca-store.ts'
import { CertificatePruner } from '../../enrollment/store/pruner.ts'
import { makeTestCa, testDependencies } from '../helpers/ca.ts'
import { enrollMember, renewalRequest, rotateMember, withNewIdentity } from '../helpers/ca-members.ts'

const DAY_MS = 24 * 3600 * 1000
const { provider } = testDependencies()
const by = { provider }

t.test('what ended more than a year before the newest of its node is forgotten, but what was revoked', async (t) => {
  const clock = new SimulatedClock()
  const { ca } = await makeTestCa(t, { home: t.testdir() }, testDependencies({ clock }))
  await ca.setPolicy({ ...DEFAULT_POLICY, graceMs: MAX_GRACE_MS }, LOCAL_ACTOR)
  const first = await enrollMember(ca, 'relay-1', by)
  const gone = await enrollMember(ca, 'relay-2', by)
  const second = await rotateMember(ca, await enrollMember(ca, 'relay-3', by), by)
  await ca.revoke({ nodeId: 'relay-3' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  const names = async () => {
    await ca.startIssuing().stop()
    const found: string[] = []
    for await (const { name } of ca.list()) found.push(name)
    return found.sort()
  }
  clock.jumpTo(clock.now() + 300 * DAY_MS)
  const { member } = await rotateMember(ca, first, by)
  t.same(await names(), ['relay-1', 'relay-1', 'relay-2', 'relay-3', 'relay-3'], 'any policy could renew it')
  clock.jumpTo(clock.now() + 300 * DAY_MS)
  await rotateMember(ca, member, by)
  t.same(await names(), ['relay-1', 'relay-1', 'relay-2', 'relay-3', 'relay-3'])
  await ca.verifyAudit()

  t.comment('somebody shows what was forgotten')
  const keys = await withNewIdentity(first, provider)
  await t.rejects(ca.rotate(await renewalRequest(first, keys), first.chain), { code: 'ENROLLMENT_PEER_UNTRUSTED' })
  t.equal((await ca.status()).behind, false, 'which is no sign of an old backup')
  await t.rejects(rotateMember(ca, gone, by), { code: 'ENROLLMENT_GRACE_OVER' }, 'the newest is known')
  const revoked = { ...by, keys: second.member.keys }
  await t.rejects(enrollMember(ca, 'relay-9', revoked), { code: 'ENROLLMENT_KEY_REVOKED' }, 'a revoked key stays one')
})

t.test('a clock that was years ahead has nothing forgotten that is in use', async (t) => {
  const clock = new SimulatedClock()
  const { ca } = await makeTestCa(t, { home: t.testdir() }, testDependencies({ clock }))
  const member = await enrollMember(ca, 'relay-1', by)
  const keys = await withNewIdentity(member, provider)
  await rotateMember(ca, member, { ...by, keys })
  const nowMs = clock.now()
  clock.jumpTo(nowMs + 3 * 365 * DAY_MS)
  await ca.startIssuing().stop()
  clock.jumpTo(nowMs)
  const { renewal } = await rotateMember(ca, member, { ...by, keys })
  t.equal(renewal.repeated, true, 'a node that never got the answer asks again')
  t.equal((await ca.status()).behind, false)
})

t.test('nothing is revoked while it is being forgotten', async (t) => {
  const clock = new SimulatedClock()
  const database = await openDatabase(t.testdir())
  const store = await openCaStore(database)
  t.teardown(() => store.close())
  const issued = (serial: number, issuedAtMs: number): CaChange => {
    const id = { serialNumber: Uint8Array.of(serial), identityKeyId: new Uint8Array(32).fill(serial) }
    const times = { issuedAtMs, notBeforeMs: issuedAtMs, notAfterMs: issuedAtMs + DAY_MS }
    const rest = { roles: ['node'], labels: [], der: Uint8Array.of(1), tokenId: undefined, renews: undefined } as const
    return { kind: 'certificate', issued: { kind: 'node', name: 'relay-1', ...id, ...times, ...rest } }
  }
  await store.commit([issued(1, 0), issued(2, clock.now())], [])
  const revoke = async () => {
    const certificate = await store.certificate(Uint8Array.of(1))
    if (certificate === undefined) return
    const about = { sequence: 1, authorityKeyId: new Uint8Array(32), keyHash: certificate.identityKeyId } as const
    const why = { revokedAtMs: 5, reason: 'keyCompromise', invalidityMs: undefined } as const
    await store.commit([{ kind: 'revocation', revocation: { ...certificate, ...about, ...why } }], [])
  }
  let revoking: Promise<void> | undefined
  const between: CaStore = Object.create(store, {
    locked: { value: store.locked.bind(store) },
    commit: { value: store.commit.bind(store) },
    certificate: { value: store.certificate.bind(store) },
    heldCertificates: { value: store.heldCertificates.bind(store) },
    revocation: {
      value: async (serialNumber: Uint8Array) => {
        const found = await store.revocation(serialNumber)
        revoking ??= store.locked(['node:relay-1', 'revocations'], revoke)
        for (let turn = 0; turn < 200; turn += 1) await setImmediate()
        return found
      },
    },
  })
  await new CertificatePruner({ store: between, dependencies: testDependencies({ clock }) }).prune()
  await revoking
  const [held, revoked] = [await store.certificate(Uint8Array.of(1)), await store.revocation(Uint8Array.of(1))]
  t.equal(held === undefined, revoked === undefined, 'a revoked certificate is never forgotten')
})
