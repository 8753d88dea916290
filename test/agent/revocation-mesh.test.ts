import t from 'tap'
import type { RunningNode } from '../../agent/index.ts'
import { controlHandlers } from '../../agent/node/handlers.ts'
import { nodeStatus, nodeSummaries } from '../../agent/node/status.ts'
import { sleep } from '../../core/index.ts'
import { createNativeProvider } from '../../crypto/index.ts'
import { buildMemberCsr, LOCAL_ACTOR } from '../../enrollment/index.ts'
import type { MeshCa } from '../../enrollment/store/index.ts'
import { type Directive, encodeDirective, signRecord } from '../../records/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { anomalies, clock, event, openTrustMesh, until } from './trust-mesh.ts'

const never = new AbortController().signal

const isConnected = (node: RunningNode, nodeId: string) =>
  node.parts.overlay.peers().some((peer) => peer.nodeId === nodeId)

const importAt = (node: RunningNode, der: Uint8Array) =>
  controlHandlers(node)['crl.import']?.({ der: Buffer.from(der).toString('base64') }, never)

t.test('a node is locked out everywhere within a second of the list that revokes it, over restarts too', async (t) => {
  const mesh = await openTrustMesh(t)
  const homes = await Promise.all(['sensor-1', 'sensor-2', 'sensor-3'].map((nodeId) => mesh.enrol(nodeId)))
  const nodes = await mesh.start(homes)
  const [hub, second, third] = nodes as [RunningNode, RunningNode, RunningNode]
  await until('all have the first list', () =>
    nodes.every(({ parts }) => parts.revocations.index.states.some(({ full }) => full !== undefined)),
  )
  await third.publish([event(1)])
  await until('all hold its record', async () => (await anomalies(hub)) === 1 && (await anomalies(second)) === 1)
  const [before] = await mesh.ca.lists()
  await mesh.ca.revoke({ nodeId: 'sensor-3' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  const [after] = await mesh.ca.lists()
  t.ok(isConnected(hub, 'sensor-3'), 'nobody has told the nodes yet')

  const arrivedMs = clock.monotonic()
  t.match(await importAt(hub, after!.full.der), { outcome: 'applied', number: String(after!.full.number) })
  await until('the hub has sent it away', () => !isConnected(hub, 'sensor-3'))
  await until(
    'the list has reached the other',
    () => !second.parts.trust.members().some(({ nodeId }) => nodeId === 'sensor-3'),
  )
  const tookMs = clock.monotonic() - arrivedMs
  t.ok(tookMs < 1_000, `${Math.round(tookMs)} ms`)
  t.ok(isConnected(second, 'sensor-1'), 'the others stay connected')

  const { record } = await third.publish([event(2)])
  for (const node of [hub, second]) {
    const from = { road: 'gossip', nodeId: 'sensor-1', topic: 'anomaly' } as const
    t.equal(await node.parts.inbox.receive(record.bytes, from), 'ignore')
    t.match(node.parts.inbox.counters.refused, { RECORDS_REVOKED: 1 })
    t.equal(await anomalies(node), 1, 'what was admitted stays')
    t.match(
      nodeSummaries(node).find(({ nodeId }) => nodeId === 'sensor-3'),
      { verdict: 'untrusted', reasons: ['revoked'] },
    )
  }
  await t.rejects(hub.parts.trust.judge(third.parts.membership.current.chain), { code: 'RECORDS_PATH_REVOKED' })
  await until('addresses are hashed under a new key', () =>
    [hub, second].every(({ parts }) => parts.pseudonyms.current.epoch > 1),
  )
  t.same(second.parts.pseudonyms.current, hub.parts.pseudonyms.current)
  t.equal(third.parts.pseudonyms.current.epoch, 1, 'which the revoked node does not get')
  await t.rejects(importAt(hub, before!.full.der) as Promise<unknown>, { code: 'ENROLLMENT_CRL_ROLLBACK' })
  t.match(await controlHandlers(hub)['crl.status']?.({}, never), {
    lists: [{ number: String(after!.full.number), state: 'fresh' }],
    peers: [{ nodeId: 'sensor-2', lists: [{ number: String(after!.full.number) }] }],
  })
  const read: Buffer[] = []
  for await (const { bytes } of controlHandlers(hub)['crl.read']?.({ kind: 'full' }, never) ?? []) {
    read.push(Buffer.from(bytes, 'base64'))
  }
  t.same(Buffer.concat(read), Buffer.from(after!.full.der))

  await mesh.closeCa()
  await second.stop()
  const [again] = await mesh.start([homes[1]!])
  t.same(again!.parts.trust.revoked(), ['sensor-3'], 'a restart without any list to be had')
  t.equal(again!.parts.pseudonyms.current.epoch, hub.parts.pseudonyms.current.epoch)
  const { trust } = await nodeStatus(again!)
  t.match(trust, {
    verdicts: [{ nodeId: 'sensor-3', verdict: 'untrusted' }],
    lists: [{ kind: 'full', state: 'fresh' }],
  })
})

/** An operator with keys, and the directives that it signs. */
async function makeOperator({ ca }: { ca: MeshCa }) {
  const provider = createNativeProvider()
  const identityKey = await provider.generate('ml-dsa-87')
  const deviceKey = await provider.generate('ed25519')
  const csr = await buildMemberCsr({ identityKey, deviceKey })
  const { chain } = await ca.addOperator({ name: 'op-1', csr }, LOCAL_ACTOR)
  const [leaf, root] = [parseChain(chain)[0]!, parseChain(chain).at(-1)!]
  let sequence = 0
  const sign = async (directive: Directive) => {
    sequence += 1
    const { authorityKeyId: issuerKeyId, serialNumber } = leaf
    const { bytes } = await signRecord(
      {
        type: 'directive',
        origin: 'op-1',
        issuerKeyId,
        serialNumber,
        sequence,
        createdAtMs: clock.now(),
        lifetimeMs: 3_600_000,
        body: encodeDirective(directive),
      },
      { mesh: 'north-grid', rootFingerprint: root.fingerprint, identityKey, deviceKey },
      { policy: 'hybrid' },
    )
    return {
      record: Buffer.from(bytes).toString('base64'),
      chain: chain.map((der) => Buffer.from(der).toString('base64')),
    }
  }
  return { sign }
}

t.test('what operators order counts at once, and until a later list says otherwise', async (t) => {
  const mesh = await openTrustMesh(t)
  const homes = await Promise.all(['sensor-1', 'sensor-2', 'sensor-3'].map((nodeId) => mesh.enrol(nodeId)))
  const nodes = await mesh.start(homes)
  const [hub, second, third] = nodes as [RunningNode, RunningNode, RunningNode]
  const operator = await makeOperator(mesh)
  const send = async (directive: Directive, node: RunningNode) =>
    controlHandlers(node)['directive.send']?.(await operator.sign(directive), never)

  const serials = () => nodes.map(({ certificate }) => Buffer.from(certificate.serialNumber).toString('hex'))
  const first = serials()
  t.match(await send({ kind: 'rotate', nodeId: undefined, notLaterThanMs: clock.now() }, second), { isNews: true })
  await until('all have rotated', () => serials().every((serial, at) => serial !== first[at]))
  const rotated = serials()
  await third.stop()
  const [restarted] = await mesh.start([homes[2]!], { bootstrap: hub.parts.overlay.addresses() })
  await until('it is connected again', () => isConnected(hub, 'sensor-3'))
  t.same(Buffer.from(restarted!.certificate.serialNumber).toString('hex'), rotated[2], 'it does not obey again')

  const { authorityKeyId, serialNumber, subjectKeyId } = restarted!.certificate
  const target = { authorityKeyId, serialNumber, subjectKeyId, revokedAtMs: clock.now() }
  await send({ kind: 'revoke', ...target, reason: 1 }, second)
  await until(
    'everybody refuses it',
    () =>
      [hub, second].every(({ parts }) => parts.trust.revoked().includes('sensor-3')) && !isConnected(hub, 'sensor-3'),
    1_000,
  )
  t.equal((await nodeStatus(hub)).trust.ordered, 1)
  await second.stop()
  const [again] = await mesh.start([homes[1]!])
  t.same(again!.parts.trust.revoked(), ['sensor-3'], 'a restart obeys')
  await sleep(clock, 1_100)
  await mesh.ca.revoke({ nodeId: 'sensor-2' }, { reason: 'cessationOfOperation' }, LOCAL_ACTOR)
  const [later] = await mesh.ca.lists()
  await importAt(hub, later!.full.der)
  t.same(hub.parts.trust.revoked(), ['sensor-2'], 'the CA has the last word')
  t.equal((await nodeStatus(hub)).trust.ordered, 0)
  await until('who was revoked by mistake comes back', () => isConnected(hub, 'sensor-3'))
})

t.test('nobody but an operator orders anything', async (t) => {
  const mesh = await openTrustMesh(t)
  const [node] = (await mesh.start([await mesh.enrol('sensor-1')])) as [RunningNode]
  const { identityKey, certificate, chain } = node.parts.membership.current
  const { mesh: name, rootFingerprint } = node.parts.identity
  const { authorityKeyId: issuerKeyId, serialNumber } = certificate
  const { bytes } = await signRecord(
    {
      type: 'directive',
      origin: 'sensor-1',
      issuerKeyId,
      serialNumber,
      sequence: 1,
      createdAtMs: clock.now(),
      lifetimeMs: 3_600_000,
      body: encodeDirective({ kind: 'rotate', nodeId: undefined, notLaterThanMs: 0 }),
    },
    { mesh: name, rootFingerprint, identityKey, deviceKey: node.parts.keys.deviceKey },
    { policy: 'hybrid' },
  )
  const base64 = (der: Uint8Array) => Buffer.from(der).toString('base64')
  const sent = controlHandlers(node)['directive.send']?.({ record: base64(bytes), chain: chain.map(base64) }, never)
  await t.rejects(sent as Promise<unknown>, { code: 'RECORDS_CERTIFICATE_REFUSED' })
  t.equal(node.parts.rotation.state.renewed, 0)
})
