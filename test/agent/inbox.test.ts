import t, { type Test } from 'tap'
import { RecordInbox } from '../../agent/node/inbox.ts'
import { MeshTrust } from '../../agent/node/trust.ts'
import { silentLogger } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import type { Sender } from '../../overlay/index.ts'
import { bucketOf, openRecordStore } from '../../records/store/index.ts'
import { DAY_MS, makeScene, NOW_MS } from '../records/scene.ts'

const GOSSIP: Sender = { road: 'gossip', nodeId: 'relay-1', topic: 'anomaly' }
const CATCH_UP: Sender = { road: 'catch-up', nodeId: 'relay-1' }

/** The inbox of a node that knows the root of the mesh, and nobody in it. */
async function inbox(t: Test) {
  const scene = await makeScene()
  const { mesh, clock } = scene
  const { certificate: root } = mesh.root
  const database = await openDatabase(t.testdir())
  const logger = silentLogger()
  const records = await openRecordStore({}, { database, clock, logger })
  t.teardown(async () => {
    await records.close()
    await database.close()
  })
  const { provider } = mesh
  const trust = new MeshTrust(
    { mesh: mesh.mesh, rootFingerprint: root.fingerprint, root },
    { provider, clock, records },
  )
  const asked: string[] = []
  const admitted: string[] = []
  const port = new RecordInbox({
    clock,
    logger,
    provider,
    records,
    trust,
    fetchCertificates: (nodeId) => asked.push(nodeId),
    onAdmitted: ({ origin }) => admitted.push(origin),
  })
  return { scene, port, records, asked, admitted }
}

t.test('a record of an unknown certificate is ignored, and its chain asked for', async (t) => {
  const { scene, port, records, asked, admitted } = await inbox(t)
  const { bytes, id } = await scene.sign()
  t.equal(await port.receive(bytes, GOSSIP), 'ignore', 'without blame')
  t.same(asked, ['relay-1'], 'who has the record has the chain')
  t.same(await port.missing([id]), [id], 'it is still wanted')
  t.equal(await port.receive(bytes, CATCH_UP), 'ignore')
  t.same(asked, ['relay-1'], 'catch-up asked for it just before: not again at once')
  await port.receiveCertificates([scene.node.chain], CATCH_UP)
  t.equal(await port.receive(bytes, CATCH_UP), 'accept')
  t.equal(await port.receive(bytes, GOSSIP), 'duplicate', 'once')
  t.same(admitted, ['sensor-01'])
  t.same(port.counters, { admitted: 1, duplicates: 1, refused: { RECORDS_CERTIFICATE_UNKNOWN: 2 } })
  t.equal(records.counts().records, 1)
})

t.test('a record that catch-up was offered in another hour is rejected', async (t) => {
  const { scene, port, records } = await inbox(t)
  await port.receiveCertificates([scene.node.chain], CATCH_UP)
  const { bytes, createdAtMs } = await scene.sign()
  const bucket = bucketOf(createdAtMs)
  t.equal(await port.receive(bytes, { ...CATCH_UP, bucket: bucket - 1 }), 'reject')
  t.equal(records.counts().records, 0)
  t.equal(await port.receive(bytes, { ...CATCH_UP, bucket }), 'accept')
})

t.test('a record on the topic of another type is rejected', async (t) => {
  const { scene, port, records } = await inbox(t)
  await port.receiveCertificates([scene.node.chain], CATCH_UP)
  const { bytes, id } = await scene.sign()
  t.equal(await port.receive(bytes, { ...GOSSIP, topic: 'revocation' }), 'reject')
  t.same(port.counters.refused, { AGENT_RECORD_MISPLACED: 1 })
  t.equal(records.counts().records, 0)
  t.same(await port.missing([id]), [id], 'the record itself is not at fault')
  t.equal(await port.receive(bytes, GOSSIP), 'accept')
})

t.test('what is wrong for ever is remembered, what only this copy gets wrong is not', async (t) => {
  const { scene, port } = await inbox(t)
  await port.receiveCertificates([scene.node.chain], CATCH_UP)
  const good = await scene.sign({ sequence: 1 })
  const broken = good.bytes.slice()
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
  t.equal(await port.receive(broken, GOSSIP), 'reject')
  t.same(await port.missing([good.id]), [good.id])
  t.equal(await port.receive(Uint8Array.of(0xff), GOSSIP), 'reject', 'not even a record')
  const old = await scene.sign({ sequence: 2, createdAtMs: NOW_MS - 2 * DAY_MS })
  t.equal(await port.receive(old.bytes, CATCH_UP), 'ignore')
  t.same(await port.missing([old.id]), [old.id], 'the clock of this node may be wrong')
  const pretended = await scene.sign({ sequence: 3, origin: 'sensor-02' })
  t.equal(await port.receive(pretended.bytes, GOSSIP), 'reject')
  t.same(await port.missing([pretended.id]), [], 'not asked for again')
  t.same(port.counters.refused, {
    RECORDS_SIGNATURE: 1,
    RECORDS_MALFORMED: 1,
    RECORDS_EXPIRED: 1,
    RECORDS_ORIGIN_MISMATCH: 1,
  })
})

t.test('chains that do not end in the root are dropped and counted', async (t) => {
  const { scene, port, records } = await inbox(t)
  const stranger = await makeScene()
  await port.receiveCertificates([stranger.node.chain, [Uint8Array.of(1)], scene.node.chain], CATCH_UP)
  t.equal(
    Object.values(port.counters.refused).reduce((sum, count) => sum + count, 0),
    2,
  )
  const { authorityKeyId, serialNumber } = stranger.node.certificate
  t.equal(await records.chain(authorityKeyId, serialNumber), undefined)
  t.equal(await port.receive((await scene.sign()).bytes, GOSSIP), 'accept', 'the good one beside them was taken')
})
