import t from 'tap'
import { ROOM } from '../../core/store/index.ts'
import { DAY_MS, listOf, trustScene } from './trust-scene.ts'

const MINUTE_MS = 60_000

t.test('a node that wakes in 1970 learns the time from a peer, and keeps it', async (t) => {
  const { mesh, machine, open } = await trustScene(t, { machineMs: 0 })
  const node = await open()
  t.match(node.clock, { standing: 'behind' })
  const { chain, certificate } = mesh.node('sensor-1')
  const { leaf } = await node.trust.judge(chain)
  t.equal(leaf.notBeforeMs, certificate.notBeforeMs, 'the peer holds, though by the floor it was not valid yet')
  t.equal(node.clock.now(), certificate.notBeforeMs)
  await node.desk.take(await listOf(mesh, mesh.root))
  t.ok(Math.abs(node.clock.now() - mesh.nowMs) < 1_000, 'and a list says more')
  const expired = await mesh.addNode({ nodeId: 'sensor-3', flaw: 'expired' })
  await t.rejects(node.trust.judge(expired.chain), { code: 'RECORDS_PATH_EXPIRED' }, 'what has ended is not taken')
  await machine.advance(DAY_MS)
  t.ok(Math.abs(node.clock.now() - mesh.nowMs - DAY_MS) < 1_000, 'it goes on from there')
  await node.close()
  machine.jumpTo(0)
  const again = await open()
  t.ok(again.clock.now() >= mesh.nowMs - 1_000)
  t.match(again.clock, { standing: 'behind', isNew: false })
  await again.close()
})

t.test('a clock in 2099 is not believed, and one that is set right is', async (t) => {
  const { mesh, machine, open } = await trustScene(t, { machineMs: Date.UTC(2099, 0) })
  const node = await open()
  t.teardown(() => node.close())
  t.match(node.clock, { standing: 'ahead' })
  await node.trust.judge(mesh.node('sensor-1').chain)
  t.equal(node.clock.now(), mesh.node('sensor-1').certificate.notBeforeMs, 'the peer has not expired')
  machine.jumpTo(mesh.nowMs)
  t.match(node.clock, { standing: 'trusted', offByMs: 0 })
  machine.jumpTo(mesh.nowMs + 20 * DAY_MS)
  t.match(node.clock, { standing: 'trusted' }, 'a jump of days may be right')
  await t.rejects(node.trust.judge(mesh.node('sensor-1').chain), { code: 'RECORDS_PATH_EXPIRED' })
  machine.jumpTo(mesh.nowMs)
  await t.resolves(node.trust.judge(mesh.node('sensor-1').chain), 'it has cut nobody off for good')
})

t.test('one mis-dated signature does not move the time by years', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const yearsMs = mesh.nowMs + 3 * 365 * DAY_MS
  const later = await mesh.addNode({
    nodeId: 'sensor-3',
    change: (content) => ({
      ...content,
      notBeforeMs: yearsMs - (yearsMs % 1000),
      notAfterMs: yearsMs - (yearsMs % 1000) + DAY_MS,
    }),
  })
  await t.rejects(node.trust.judge(later.chain), { code: 'RECORDS_PATH_NOT_YET_VALID' })
  t.ok(Math.abs(node.clock.now() - mesh.nowMs) < MINUTE_MS)
  const list = await listOf(mesh, mesh.root, { number: 9n, thisUpdateMs: yearsMs - (yearsMs % 1000) })
  await t.rejects(node.desk.take(list), { code: 'ENROLLMENT_CRL_FUTURE' })
  t.ok(Math.abs(node.clock.now() - mesh.nowMs) < MINUTE_MS, 'not twice by the same CA either')
  t.equal(await node.desk.receiveList(await listOf(mesh, mesh.root)), 'accept', 'the next sound list is taken')
  await node.trust.judge(mesh.node('sensor-1').chain)
  // A certificate whose signatures do not hold says nothing of the time.
  const forged = await mesh.addNode({
    nodeId: 'sensor-4',
    signers: () => ({ main: later.identityKey, alternative: undefined }),
    change: (content) => ({ ...content, notBeforeMs: content.notBeforeMs + DAY_MS }),
  })
  const before = node.clock.floor
  await t.rejects(node.trust.judge(forged.chain))
  t.same(node.clock.floor, before)
})

t.test('an operator has the last word, in both directions', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  node.clock.confirm(mesh.nowMs + 200 * DAY_MS)
  t.equal(node.clock.standing, 'behind')
  node.clock.confirm(mesh.nowMs - DAY_MS)
  t.equal(node.clock.standing, 'trusted')
  t.equal(node.clock.machineMs, mesh.nowMs)
})

t.test('a floor that is damaged is learned anew, one that was not written is written at the end', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  const { commit } = node.database
  node.database.commit = () => Promise.reject(new Error('no space'))
  node.clock.attest('ca', mesh.nowMs)
  await new Promise((resolve) => setImmediate(resolve))
  node.database.commit = commit
  await node.close()
  const again = await open()
  t.equal(again.clock.floor.atMs, mesh.nowMs)
  const room = again.database.room(ROOM.nodeState)
  for await (const key of room.keys()) await again.database.commit([room.put(key, Uint8Array.of(0xff))])
  await again.close()
  const third = await open()
  t.teardown(() => third.close())
  t.match(third.clock, { isNew: true, standing: 'trusted' })
})
