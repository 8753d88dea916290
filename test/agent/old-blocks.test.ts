import t from 'tap'
import { sha256 } from '../../crypto/index.ts'
import {
  decodeMicroblock,
  encodeMicroblock,
  ledgerPort,
  type Microblock,
  microblockId,
  openLedger,
  signedBytesOf,
} from '../../ledger/index.ts'
import { entry } from '../helpers/crl.ts'
import type { TestNode } from '../helpers/pki.ts'
import { sealer } from '../ledger/support.ts'
import { DAY_MS, listOf, trustScene } from './trust-scene.ts'

/** A node that keeps blocks of others, the port they come in by, and one that signs them. */
async function scene(t: Parameters<typeof trustScene>[0]) {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  const [author, keeper] = [mesh.node('sensor-1'), mesh.node('sensor-2')]
  await node.trust.learn(author.chain)
  const binding = { mesh: mesh.mesh, rootFingerprint: mesh.root.certificate.fingerprint }
  const { database, clock, trust } = node
  const ledger = await openLedger(
    { ...binding, nodeId: 'sensor-2' },
    {
      database,
      clock,
      sealer,
      provider: mesh.provider,
      deviceKey: keeper.deviceKey,
      findKey: async (nodeId, keyId, atMs) => trust.findKeyAt(nodeId, keyId, atMs),
    },
  )
  const port = ledgerPort(ledger)
  const receive = (fromSeq: number, blocks: readonly Microblock[]) =>
    port.receive(
      { origin: 'sensor-1', fromSeq },
      blocks.map(({ bytes }) => bytes),
      { nodeId: 'relay-1' },
    )
  const chain = (timesMs: readonly number[]) => signedChain(author, timesMs, binding)
  const nowMs = Math.floor(mesh.nowMs / 1000) * 1000
  return { mesh, node, author, ledger, receive, chain, nowMs, headSeq: () => ledger.head('sensor-1')?.seq }
}

async function signedChain(
  { deviceKey }: TestNode,
  timesMs: readonly number[],
  binding: { mesh: string; rootFingerprint: Uint8Array },
): Promise<Microblock[]> {
  const blocks: Microblock[] = []
  for (const [at, timestampMs] of timesMs.entries()) {
    const { keyId } = deviceKey.publicKey
    const prev = blocks.at(-1)?.id ?? new Uint8Array(32)
    const payloadHash = sha256(Uint8Array.of(at))
    const fields = {
      nodeId: 'sensor-1',
      seq: at + 1,
      prev,
      timestampMs,
      payloadHash,
      eventType: 'ids_alert',
      keyId,
    } as const
    const signature = await deviceKey.sign(signedBytesOf(binding)(microblockId(fields)))
    blocks.push(decodeMicroblock(encodeMicroblock(fields, signature)))
  }
  return blocks
}

t.test('of a node that left, blocks from before are taken, and none from then on', async (t) => {
  const { mesh, node, author, receive, chain, nowMs, headSeq } = await scene(t)
  t.teardown(() => node.close())
  const leftMs = nowMs - 60_000
  const gone = entry(author.certificate.serialNumber, { reason: 'cessationOfOperation', revokedAtMs: leftMs })
  await node.desk.take(await listOf(mesh, mesh.root, { entries: [gone] }))
  const blocks = await chain([leftMs - 2000, leftMs - 1, leftMs, leftMs + 1000])
  t.equal(await receive(1, blocks.slice(0, 1)), 'accept')
  t.equal(await receive(2, blocks.slice(1)), 'ignore', 'the rest is nobody’s fault')
  t.equal(headSeq(), 2, 'what comes before it in the same answer is kept')
  t.equal(await receive(3, blocks.slice(2)), 'ignore')
  t.equal(headSeq(), 2)
})

t.test('of a node whose key was stolen no block is taken any more; those that are held stay', async (t) => {
  const { mesh, node, author, ledger, receive, chain, nowMs, headSeq } = await scene(t)
  t.teardown(() => node.close())
  const blocks = await chain([nowMs - DAY_MS, nowMs - DAY_MS + 1])
  t.equal(await receive(1, blocks.slice(0, 1)), 'accept')
  const stolen = entry(author.certificate.serialNumber, { reason: 'keyCompromise', revokedAtMs: nowMs - 60_000 })
  await node.desk.take(await listOf(mesh, mesh.root, { entries: [stolen] }))
  t.equal(await receive(2, blocks.slice(1)), 'ignore')
  t.equal(headSeq(), 1)
  t.equal((await ledger.blocks('sensor-1', 1, 9)).length, 1)
})

t.test('a key counts until its last certificate ends', async (t) => {
  const { mesh, node, author, receive, chain, headSeq } = await scene(t)
  t.teardown(() => node.close())
  const { notAfterMs } = author.certificate
  const blocks = await chain([mesh.nowMs, notAfterMs, notAfterMs + 1])
  t.equal(await receive(1, blocks), 'ignore')
  t.equal(headSeq(), 2)
  const { deviceKey, overlayKey } = author
  const change = <Content extends { notAfterMs: number }>(content: Content) => ({
    ...content,
    notAfterMs: notAfterMs + DAY_MS,
  })
  await node.trust.learn((await mesh.addNode({ nodeId: 'sensor-1', deviceKey, overlayKey, change })).chain)
  t.equal(await receive(3, blocks.slice(2)), 'accept', 'once the next one is known')
})
