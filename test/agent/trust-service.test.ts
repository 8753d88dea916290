import t from 'tap'
import { RenewalMemory } from '../../agent/node/renewal.ts'
import type { Rotation } from '../../agent/node/rotation.ts'
import { TrustService } from '../../agent/node/trust-service.ts'
import { silentLogger } from '../../core/index.ts'
import {
  type CheckedRecord,
  type Directive,
  encodeDirective,
  MAX_CREATION_AHEAD_MS,
  signRecord,
} from '../../records/index.ts'
import { entry } from '../helpers/crl.ts'
import { DAY_MS, listOf, type SceneOptions, trustScene } from './trust-scene.ts'

/** What acts on directives, on real trust; nobody is connected and nothing is renewed. */
async function scene(t: Parameters<typeof trustScene>[0], options: SceneOptions = {}) {
  const { mesh, open, machine } = await trustScene(t, options)
  const node = await open()
  t.teardown(() => node.close())
  const renewals = await RenewalMemory.open(node.database)
  const hurried: number[] = []
  const rotation = { hurry: (atMs: number) => hurried.push(atMs) } as unknown as Rotation
  const overlay = { announceLists() {}, rejudge: async () => {}, disconnect: async () => {}, peers: () => [] }
  const parts = { ...node, logger: silentLogger(), overlay, rotation, renewals, poller: undefined }
  const service = new TrustService({ nodeId: 'sensor-2' }, parts)
  const hear = (decodedBody: Directive, createdAtMs: number) =>
    service.heard({ type: 'directive', decodedBody, createdAtMs } as unknown as CheckedRecord)
  return { mesh, machine, node, renewals, hurried, service, hear }
}

const rotate = (nodeId: string | undefined = undefined): Directive => ({ kind: 'rotate', nodeId, notLaterThanMs: 7 })

t.test('a rotation is obeyed once, by whom it means, whatever an earlier clock has dated', async (t) => {
  const { mesh, renewals, hurried, hear } = await scene(t)
  hear(rotate('sensor-1'), mesh.nowMs)
  t.same(hurried, [])
  hear(rotate('sensor-2'), mesh.nowMs)
  hear(rotate(), mesh.nowMs)
  t.same(hurried, [7, 7])
  await renewals.keep(mesh.nowMs + 1, undefined)
  hear(rotate(), mesh.nowMs)
  t.equal(hurried.length, 2, 'done since')
  await renewals.keep(mesh.nowMs + 80 * DAY_MS, undefined)
  hear(rotate(), mesh.nowMs)
  t.equal(hurried.length, 3, 'a renewal of eighty days ahead is none')
})

t.test('a revocation that an operator orders counts at once where the clock is behind', async (t) => {
  const machineMs = Date.now() - MAX_CREATION_AHEAD_MS + 30_000
  const { mesh, node, hear } = await scene(t, { machineMs })
  const victim = mesh.node('sensor-1')
  const { authorityKeyId, serialNumber, subjectKeyId } = victim.certificate
  await node.trust.judge(victim.chain)
  const order = {
    kind: 'revoke',
    authorityKeyId,
    serialNumber,
    subjectKeyId,
    reason: 5,
    revokedAtMs: mesh.nowMs,
  } as const
  hear({ ...order, revokedAtMs: mesh.nowMs + DAY_MS }, mesh.nowMs)
  await node.trust.judge(victim.chain)
  hear(order, mesh.nowMs + 1)
  await t.rejects(node.trust.judge(victim.chain), { code: 'RECORDS_PATH_REVOKED' })
})

t.test('what an operator has ordered is not done any more at the next start when its key was stolen', async (t) => {
  const { mesh, node, hurried, service } = await scene(t)
  const author = await mesh.addNode({ nodeId: 'operator-1' })
  const { authorityKeyId: issuerKeyId, serialNumber } = author.certificate
  await node.trust.learn(author.chain)
  const createdAtMs = mesh.nowMs
  const place = { origin: 'operator-1', issuerKeyId, serialNumber, sequence: createdAtMs, createdAtMs }
  const content = { type: 'directive', ...place, lifetimeMs: DAY_MS, body: encodeDirective(rotate()) } as const
  const { identityKey, deviceKey } = author
  const binding = { mesh: mesh.mesh, rootFingerprint: mesh.root.certificate.fingerprint }
  const record = await signRecord(content, { ...binding, identityKey, deviceKey }, { policy: 'hybrid' })
  await node.records.admit(record, mesh.nowMs)
  await service.load()
  t.same(hurried, [7])
  await node.desk.take(await listOf(mesh, mesh.root, { entries: [entry(serialNumber, { reason: 'keyCompromise' })] }))
  await service.load()
  t.same(hurried, [7])
})
