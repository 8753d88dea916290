import t from 'tap'
import { RecordInbox } from '../../agent/node/inbox.ts'
import { silentLogger } from '../../core/index.ts'
import { encodeCertificateBody, signRecord } from '../../records/index.ts'
import { entry } from '../helpers/crl.ts'
import type { TestNode } from '../helpers/pki.ts'
import { DAY_MS, listOf, trustScene } from './trust-scene.ts'

const GOSSIP = { road: 'gossip', nodeId: 'relay-1' } as const

t.test('a connection outlives the certificate that it began with, if its node has a newer one', async (t) => {
  const { mesh, machine, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const old = mesh.node('sensor-1')
  await node.trust.judge(old.chain)
  const later = (content: { notBeforeMs: number; notAfterMs: number }) => ({
    notAfterMs: content.notAfterMs + 5 * DAY_MS,
  })
  const change = (content: Parameters<NonNullable<Parameters<typeof mesh.addNode>[0]['change']>>[0]) => ({
    ...content,
    ...later(content),
  })
  await machine.advance(old.certificate.notAfterMs - mesh.nowMs + 1)
  await t.rejects(node.trust.judgeAgain(old.chain), { code: 'RECORDS_PATH_EXPIRED' })
  await node.trust.learn((await mesh.addNode({ nodeId: 'sensor-1', change })).chain)
  await t.rejects(node.trust.judgeAgain(old.chain), { code: 'RECORDS_PATH_EXPIRED' }, 'not with another PeerId')
  const { overlayKey } = old
  const renewed = await mesh.addNode({
    nodeId: 'sensor-1',
    overlayKey,
    change: (content) => ({ ...change(content), notAfterMs: change(content).notAfterMs + 1000 }),
  })
  await node.trust.learn(renewed.chain)
  const { leaf, verdict } = await node.trust.judgeAgain(old.chain)
  t.same(leaf.serialNumber, renewed.certificate.serialNumber)
  t.equal(verdict, 'trusted')
  await t.rejects(node.trust.judge(old.chain), { code: 'RECORDS_PATH_EXPIRED' }, 'a new connection needs the new one')
  await node.desk.take(await listOf(mesh, mesh.root, { entries: [entry(renewed.certificate.serialNumber)] }))
  await t.rejects(node.trust.judgeAgain(old.chain), { code: 'RECORDS_PATH_REVOKED' })
})

t.test('old records of a node that left are taken, of one whose key was stolen none', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const port = inboxOf(node, mesh.provider)
  const nowMs = Math.floor(mesh.nowMs / 1000) * 1000
  const [left, stolen] = [mesh.node('sensor-1'), mesh.node('sensor-2')]
  const entries = [
    entry(left.certificate.serialNumber, { reason: 'cessationOfOperation', revokedAtMs: nowMs - 60_000 }),
    entry(stolen.certificate.serialNumber, { reason: 'keyCompromise', revokedAtMs: nowMs - 60_000 }),
  ]
  await node.desk.take(await listOf(mesh, mesh.root, { entries }))
  await port.receiveCertificates([left.chain, stolen.chain], GOSSIP)
  t.equal(await port.receive(await announce(left, nowMs - 61_000, left.chain), GOSSIP), 'accept', 'from before')
  t.equal(await port.receive(await announce(left, nowMs - 60_000, left.chain), GOSSIP), 'ignore', 'from then on')
  t.equal(await port.receive(await announce(stolen, nowMs - 61_000, stolen.chain), GOSSIP), 'ignore')
  t.same(port.counters.refused, { RECORDS_PATH_REVOKED: 1, RECORDS_REVOKED: 1, RECORDS_CERTIFICATE_UNKNOWN: 1 })

  /** A record in which a node announces a chain. */
  function announce(author: TestNode, createdAtMs: number, chain: readonly Uint8Array[]) {
    return announcement({ author, createdAtMs, chain, rootFingerprint: mesh.root.certificate.fingerprint })
  }
})

t.test('a node announces its own next certificate, and nobody else’s', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const port = inboxOf(node, mesh.provider)
  const author = mesh.node('sensor-1')
  const rootFingerprint = mesh.root.certificate.fingerprint
  const createdAtMs = mesh.nowMs
  await port.receiveCertificates([author.chain], GOSSIP)
  const other = mesh.node('sensor-2')
  const foreign = await announcement({ author, createdAtMs, chain: other.chain, rootFingerprint })
  t.equal(await port.receive(foreign, GOSSIP), 'reject')
  const next = await mesh.addNode({ nodeId: 'sensor-1', overlayKey: author.overlayKey })
  const forged = await mesh.addNode({ nodeId: 'sensor-1', flaw: 'other-root' })
  const chain = [forged.chain[0] ?? new Uint8Array()]
  t.equal(await port.receive(await announcement({ author, createdAtMs, chain, rootFingerprint }), GOSSIP), 'reject')
  t.same(port.counters.refused, { AGENT_CERTIFICATE_FOREIGN: 1, RECORDS_PATH_KEY_ID: 1 })
  const { authorityKeyId, serialNumber } = next.certificate
  t.equal(await node.records.chain(authorityKeyId, serialNumber), undefined)
  const good = await announcement({ author, createdAtMs, chain: next.chain, rootFingerprint })
  t.equal(await port.receive(good, GOSSIP), 'accept')
  t.ok(await node.records.chain(authorityKeyId, serialNumber), 'what it signs next is understood')
})

t.test('who is revoked in the newest certificate is so in the one before, whose key is still there', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const port = inboxOf(node, mesh.provider)
  const before = mesh.node('sensor-1')
  await node.trust.judge(before.chain)
  const { overlayKey, deviceKey } = before
  const newest = await mesh.addNode({
    nodeId: 'sensor-1',
    overlayKey,
    deviceKey,
    change: (content) => ({ ...content, notBeforeMs: content.notBeforeMs + 60_000 }),
  })
  await node.trust.learn(newest.chain)
  await node.trust.judge(before.chain)
  const { authorityKeyId, serialNumber, subjectKeyId } = newest.certificate
  const order = {
    kind: 'revoke',
    authorityKeyId,
    serialNumber,
    subjectKeyId,
    reason: 1,
    revokedAtMs: mesh.nowMs,
  } as const
  t.ok(node.desk.order(order, mesh.nowMs))
  await t.rejects(node.trust.judge(newest.chain), { code: 'RECORDS_PATH_REVOKED' })
  await t.rejects(node.trust.judge(before.chain), { code: 'RECORDS_PATH_REVOKED' })
  const rootFingerprint = mesh.root.certificate.fingerprint
  const record = await announcement({ author: before, createdAtMs: mesh.nowMs, chain: before.chain, rootFingerprint })
  t.equal(await port.receive(record, GOSSIP), 'ignore')
  t.same(port.counters.refused, { RECORDS_REVOKED: 1 })
  const again = await mesh.addNode({
    nodeId: 'sensor-1',
    change: (content) => ({ ...content, notBeforeMs: content.notBeforeMs + 120_000 }),
  })
  await node.trust.judge(again.chain)
  await t.rejects(node.trust.judge(before.chain), { code: 'RECORDS_PATH_REVOKED' }, 'also once the node has another')
})

type Node = Awaited<ReturnType<Awaited<ReturnType<typeof trustScene>>['open']>>

function inboxOf(
  { clock, records, trust }: Node,
  provider: Awaited<ReturnType<typeof trustScene>>['mesh']['provider'],
) {
  const logger = silentLogger()
  const none = () => {}
  return new RecordInbox({ clock, logger, provider, records, trust, fetchCertificates: none, onAdmitted: none })
}

async function announcement(given: {
  author: TestNode
  createdAtMs: number
  chain: readonly Uint8Array[]
  rootFingerprint: Uint8Array
}): Promise<Uint8Array> {
  const { author, createdAtMs, rootFingerprint } = given
  const { authorityKeyId: issuerKeyId, serialNumber } = author.certificate
  const body = encodeCertificateBody(given.chain.slice(0, 1))
  const { bytes } = await signRecord(
    {
      type: 'certificate',
      origin: author.nodeId,
      issuerKeyId,
      serialNumber,
      sequence: createdAtMs,
      createdAtMs,
      lifetimeMs: DAY_MS,
      body,
    },
    { mesh: 'test-mesh', rootFingerprint, identityKey: author.identityKey, deviceKey: author.deviceKey },
    { policy: 'hybrid' },
  )
  return bytes
}
