/** A CA whose clock was years ahead for a while: what it signed then moves nobody's time. */
import { yamux } from '@chainsafe/libp2p-yamux'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import t, { type Test } from 'tap'
import type { RunningNode } from '../../agent/index.ts'
import { controlHandlers } from '../../agent/node/handlers.ts'
import { SimulatedClock } from '../../core/index.ts'
import type { SoftwareSigningKey } from '../../crypto/index.ts'
import { MeshTls } from '../../overlay/index.ts'
import { linkFailure } from '../../overlay/link/index.ts'
import { testDependencies } from '../helpers/ca.ts'
import { makeNode, type TestMember } from '../helpers/ca-api.ts'
import { openTrustMesh } from './trust-mesh.ts'

const YEARS_MS = 3 * 365 * 86_400_000
const dependencies = testDependencies()

/** A host that shows the chain of `member` and believes whoever answers. */
async function hostOf(t: Test, member: TestMember, hub: RunningNode): Promise<Libp2p> {
  const { keys, identityKey, chain: chainDer } = member
  const overlayKey = keys.overlayKey as SoftwareSigningKey
  const path = await hub.parts.trust.judge(hub.parts.membership.current.chain)
  const link = new MeshTls(
    { mesh: path.mesh, rootDer: chainDer.at(-1)!, chainDer, identityKey, deviceKey: keys.deviceKey },
    { ...dependencies, gate: { judge: async () => path }, sink: { onAdmitted: () => {}, onRefusal: () => {} } },
  )
  const [secret, open] = [overlayKey.exportPrivate().subarray(-32), overlayKey.publicKey.spki.subarray(-32)]
  const host = await createLibp2p({
    privateKey: privateKeyFromRaw(Buffer.concat([secret, open])),
    transports: [tcp()],
    connectionEncrypters: [() => link],
    streamMuxers: [yamux()],
  })
  t.teardown(() => host.stop())
  return host
}

t.test('certificates and lists that a CA dates years ahead do not move the time of a node', async (t) => {
  const caClock = new SimulatedClock(Date.now())
  const mesh = await openTrustMesh(t, {}, caClock)
  const [hub] = (await mesh.start([await mesh.enrol('sensor-1')])) as [RunningNode]
  const offMs = () => Math.abs(hub.clock.now() - Date.now())
  const dial = async (member: TestMember) => {
    const host = await hostOf(t, member, hub)
    return host.dial(multiaddr(hub.parts.overlay.addresses()[0])).catch((error) => error)
  }
  const right = await makeNode(mesh.ca, 'sensor-2', dependencies.provider)
  t.equal((await dial(right)).status, 'open')
  caClock.jumpTo(Date.now() + YEARS_MS)
  for (const nodeId of ['sensor-3', 'sensor-4']) {
    const ahead = await makeNode(mesh.ca, nodeId, dependencies.provider)
    t.same(linkFailure(await dial(ahead)), { code: 'RECORDS_PATH_NOT_YET_VALID', by: 'peer' })
    t.ok(offMs() < 5_000, `off by ${offMs()} ms`)
  }
  const [list] = await mesh.ca.lists()
  t.ok(list!.full.thisUpdateMs > Date.now() + YEARS_MS / 2)
  const taken = controlHandlers(hub)['crl.import']?.(
    { der: Buffer.from(list!.full.der).toString('base64') },
    new AbortController().signal,
  )
  await t.rejects(taken as Promise<unknown>, { code: 'ENROLLMENT_CRL_FUTURE' })
  t.ok(offMs() < 5_000, `off by ${offMs()} ms`)
  t.equal(hub.clock.standing, 'trusted')
  t.ok(hub.clock.floor.atMs < Date.now() + 60_000, 'nor the floor under it')
  t.equal((await hub.parts.trust.judge(right.chain)).nodeId, 'sensor-2', 'others hold as before')
})
