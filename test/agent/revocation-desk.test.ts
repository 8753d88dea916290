import t from 'tap'
import { sha256 } from '../../crypto/index.ts'
import { entry } from '../helpers/crl.ts'
import { DAY_MS, listOf, trustScene } from './trust-scene.ts'

t.test('lists count at once, last over a restart, and never go back', async (t) => {
  const { mesh, open } = await trustScene(t)
  const { root } = mesh
  const victim = mesh.node('sensor-1').certificate
  const nowMs = Math.floor(mesh.nowMs / 1000) * 1000
  const revoked = entry(victim.serialNumber, { reason: 'keyCompromise', revokedAtMs: nowMs })
  const lists = {
    first: await listOf(mesh, root, { number: 5n, thisUpdateMs: nowMs - 4000 }),
    delta: await listOf(mesh, root, { number: 6n, baseNumber: 5n, thisUpdateMs: nowMs - 3000, entries: [revoked] }),
    early: await listOf(mesh, root, { number: 9n, baseNumber: 8n, thisUpdateMs: nowMs - 1000, entries: [revoked] }),
    between: await listOf(mesh, root, { number: 8n, thisUpdateMs: nowMs - 2000, entries: [revoked] }),
  }
  const node = await open()
  await node.trust.judge(mesh.node('sensor-1').chain)
  t.equal(await node.desk.receiveList(lists.delta), 'accept', 'a delta without its base waits')
  t.equal(node.revocations.find(victim), undefined)
  t.equal(await node.desk.take(lists.first), 'applied', 'and is applied with it')
  t.match(node.revocations.find(victim), { keyCompromise: true })
  t.same(node.trust.revoked(), ['sensor-1'])
  t.same(node.trust.members(), [])
  t.same(node.changes, [true])
  await t.rejects(node.trust.judge(mesh.node('sensor-1').chain), { code: 'RECORDS_PATH_REVOKED' })
  t.equal(await node.desk.take(lists.early), 'held')
  t.equal(await node.desk.receiveList(lists.first), 'duplicate')
  t.same(
    node.desk.lists().map(({ kind, number }) => [kind, number]),
    [
      ['full', 5n],
      ['delta', 6n],
    ],
    'what is held is not announced',
  )
  await node.close()

  const again = await open()
  await again.desk.load()
  await again.trust.load()
  t.same(again.trust.revoked(), ['sensor-1'])
  t.equal(await again.desk.take(lists.between), 'applied')
  t.equal(again.revocations.index.state(root.certificate.subjectKeyId)?.number, 9n, 'with the delta that was held')
  await t.rejects(again.desk.take(lists.delta), { code: 'ENROLLMENT_CRL_ROLLBACK' })
  t.equal(await again.desk.receiveList(lists.first), 'ignore')
  await again.close()
})

t.test('lists that nobody may believe', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const { root } = mesh
  const stranger = await mesh.makeIssuingCa()
  const refused = async (der: Uint8Array, code: string, verdict: string) => {
    await t.rejects(node.desk.take(der), { code }, code)
    t.equal(await node.desk.receiveList(der), verdict)
  }
  const good = await listOf(mesh, root)
  const broken = good.slice()
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
  await refused(broken, 'ENROLLMENT_CRL_SIGNATURE', 'reject')
  await refused(Uint8Array.of(...good, 0), 'ENROLLMENT_CRL_MALFORMED', 'reject')
  await refused(await listOf(mesh, stranger), 'ENROLLMENT_CRL_AUTHORITY_UNKNOWN', 'ignore')
  const forged = { ...root, keys: stranger.keys }
  await refused(await listOf(mesh, forged), 'ENROLLMENT_CRL_SIGNATURE', 'reject')
  await refused(await listOf(mesh, root, { number: 2n ** 158n }), 'ENROLLMENT_CRL_STEP', 'ignore')
  const before = { thisUpdateMs: root.certificate.notBeforeMs - 1000, nextUpdateMs: mesh.nowMs }
  await refused(await listOf(mesh, root, before), 'ENROLLMENT_CRL_ISSUER', 'ignore')
  t.same(node.desk.lists(), [])
  t.equal(await node.desk.take(good), 'applied')
})

t.test('a revoked CA revokes what it has issued, and its lists count no more', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const issuing = await mesh.makeIssuingCa()
  const below = await mesh.addNode({ nodeId: 'sensor-3', issuer: issuing })
  await node.trust.judge(below.chain)
  const first = await listOf(mesh, issuing)
  t.equal(await node.desk.take(first), 'applied', 'its lists count once a path with it held')
  const entries = [
    entry(issuing.certificate.serialNumber, {
      reason: 'cACompromise',
      revokedAtMs: Math.floor(mesh.nowMs / 1000) * 1000,
    }),
  ]
  await node.desk.take(await listOf(mesh, mesh.root, { entries }))
  t.same(node.trust.revoked(), ['sensor-3'])
  t.equal(node.trust.findKeyAt('sensor-3', below.deviceKey.publicKey.keyId, 0), undefined, 'no block of it is taken')
  t.ok(node.trust.findKey('sensor-3', below.deviceKey.publicKey.keyId), 'those that are held still verify')
  const second = await listOf(mesh, issuing, { number: 2n, thisUpdateMs: Math.floor(mesh.nowMs / 1000) * 1000 + 1000 })
  await t.rejects(node.desk.take(second), { code: 'AGENT_LIST_ISSUER_REVOKED' })
})

t.test('what a disk refuses counts all the same, and is written later', async (t) => {
  const { mesh, machine, open } = await trustScene(t)
  const node = await open()
  const { commit } = node.database
  let full = true
  node.database.commit = (operations) =>
    full ? Promise.reject(new Error('no space')) : Reflect.apply(commit, node.database, [operations])
  const victim = mesh.node('sensor-1').certificate
  const der = await listOf(mesh, mesh.root, { entries: [entry(victim.serialNumber)] })
  t.equal(await node.desk.take(der), 'applied')
  t.ok(node.revocations.find(victim))
  t.same(
    Buffer.from((await node.desk.readList(sha256(der), 0, 1e6)) ?? []),
    Buffer.from(der),
    'peers get it from memory',
  )
  t.equal(await node.store.read(sha256(der), 0, 10), undefined)
  const timers = machine.pendingTimers
  const thisUpdateMs = Math.floor(mesh.nowMs / 1000) * 1000 + 1000
  t.equal(await node.desk.take(await listOf(mesh, mesh.root, { number: 2n, thisUpdateMs })), 'applied')
  t.equal(machine.pendingTimers, timers, 'one attempt waits, however many lists do')
  full = false
  await machine.advance(31_000)
  await node.desk.close()
  t.ok((await node.store.load()).some(({ number }) => number === 2n))
  await node.close()
})

t.test('damaged lists are dropped, and the number stays', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  const der = await listOf(mesh, mesh.root, { number: 7n })
  await node.desk.take(der)
  const chunks = node.database.room(0x61)
  for await (const [key, value] of chunks.entries()) {
    value[20] = (value[20] ?? 0) ^ 1
    await node.database.commit([chunks.put(key, value)])
  }
  await node.close()
  const again = await open()
  t.teardown(() => again.close())
  await again.desk.load()
  const state = again.revocations.index.state(mesh.root.certificate.subjectKeyId)
  t.match(state, { number: 7n, full: undefined })
  const older = await listOf(mesh, mesh.root, { number: 6n })
  await t.rejects(again.desk.take(older), { code: 'ENROLLMENT_CRL_ROLLBACK' })
  const offered = { authorityKeyId: mesh.root.certificate.subjectKeyId, kind: 'full', sizeBytes: der.length } as const
  t.same(again.desk.wants([{ ...offered, number: 7n, hash: sha256(der) }]).length, 1, 'the same list is wanted again')
  t.same(again.desk.wants([{ ...offered, number: 6n, hash: sha256(older) }]).length, 0)
  t.equal(await again.desk.take(der), 'applied')
})

t.test('of what peers offer a node wants what it lacks, the short ones first', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const authorityKeyId = mesh.root.certificate.subjectKeyId
  const offer = (kind: 'full' | 'delta', number: bigint, keyId = authorityKeyId) => ({
    authorityKeyId: keyId,
    kind,
    number,
    sizeBytes: 10,
    hash: sha256(Uint8Array.of(kind.length, Number(number))),
  })
  const wanted = () =>
    node.desk
      .wants([offer('full', 4n), offer('delta', 5n), offer('full', 3n), offer('full', 9n, new Uint8Array(32))])
      .map(({ kind, number }) => `${kind} ${number}`)
  t.same(wanted(), ['full 4', 'full 3', 'delta 5'], 'a delta is of no use yet')
  await node.desk.take(await listOf(mesh, mesh.root, { number: 3n }))
  t.same(wanted(), ['delta 5', 'full 4'])
  await node.desk.take(
    await listOf(mesh, mesh.root, { number: 5n, thisUpdateMs: Math.floor(mesh.nowMs / 1000) * 1000 + 1000 }),
  )
  t.same(wanted(), [])
})

t.test('the pseudonym key that lists name is taken from anybody, and no other', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const key = new Uint8Array(32).fill(7)
  t.equal(await node.desk.receivePseudonymKey(2, key), 'ignore', 'no list names it')
  await node.desk.take(await listOf(mesh, mesh.root, { pseudonym: { epoch: 2, keyHash: sha256(key) } }))
  t.equal(node.desk.wantsPseudonymEpoch(), 2)
  t.equal(await node.desk.receivePseudonymKey(2, new Uint8Array(32).fill(8)), 'reject')
  t.equal(await node.desk.receivePseudonymKey(3, key), 'ignore')
  t.equal(node.desk.pseudonymKey(2), undefined)
  t.same(await Promise.all([1, 2].map(() => node.desk.receivePseudonymKey(2, key))), ['accept', 'duplicate'])
  t.same(node.pseudonyms.current, { epoch: 2, key })
  t.same(node.kept, [2])
  t.equal(node.desk.wantsPseudonymEpoch(), undefined)
  t.same(node.desk.pseudonymKey(2), key)
  t.equal(node.desk.pseudonymKey(1), undefined, 'the old one is nobody else’s business')
})

t.test('old lists make peers stale or refused, by policy; the default is patient', async (t) => {
  const tolerant = { kind: 'tolerated', days: 30 } as const
  for (const [policy, afterDays, verdict] of [
    [tolerant, 20, 'trusted'],
    [tolerant, 32, 'stale'],
    [{ kind: 'fresh' }, 2, 'stale'],
    [{ kind: 'fail-closed' }, 2, 'untrusted'],
  ] as const) {
    const { mesh, machine, open } = await trustScene(t, {
      staleness: { node: policy, validator: tolerant, operator: tolerant },
    })
    const node = await open()
    const { certificate: leaf } = mesh.node('sensor-1')
    t.match(node.trust.opinionOf(leaf), { verdict: 'trusted', reasons: [] }, 'a first list is not due yet')
    await machine.advance(afterDays * DAY_MS)
    const never = verdict === 'stale' ? 'unreachable' : verdict
    t.match(node.trust.opinionOf(leaf), { verdict: never }, `${policy.kind} without any list`)
    node.clock.confirm(mesh.nowMs)
    await node.desk.take(await listOf(mesh, mesh.root))
    node.clock.confirm(mesh.nowMs + afterDays * DAY_MS)
    t.match(node.trust.opinionOf(leaf), { verdict }, `${policy.kind} after ${afterDays} days`)
    const validator = await mesh.addNode({ nodeId: 'sensor-9', roles: ['node', 'validator'] })
    t.match(
      node.trust.opinionOf(validator.certificate).verdict,
      afterDays > 31 ? 'stale' : 'trusted',
      'each role has its own',
    )
    await node.close()
  }
})
