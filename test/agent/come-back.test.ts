import t from 'tap'
import { enrollWith } from '../../agent/actions/enroll.ts'
import { readIdentity, writeIdentity } from '../../agent/node/home.ts'
import { openKeystore, unlockByKeyFile } from '../../crypto/store/index.ts'
import { LOCAL_ACTOR } from '../../enrollment/index.ts'
import { testDependencies } from '../helpers/ca.ts'
import type { EnrolledHome } from './node-home.ts'
import { clock, event, openTrustMesh } from './trust-mesh.ts'

const DAY_MS = 86_400_000

/** A node that has changed its certificate `renewals` times and is off. */
async function away(t: Parameters<typeof openTrustMesh>[0], renewals: number) {
  const time = { offsetMs: 0 }
  const shifted = { ...clock, now: () => clock.now() + time.offsetMs }
  const mesh = await openTrustMesh(t, {}, shifted)
  const enrolled = await mesh.enrol('sensor-1')
  const [node] = await mesh.start([enrolled], { clock: shifted })
  for (let round = 0; round < renewals; round += 1) await node!.parts.rotation.now()
  await node!.publish([event(1)])
  await node!.stop()
  return { mesh, shifted, time, enrolled }
}

/** What `gapmesh node enroll` does in the home of a node that was enrolled before. */
async function enrolAgain(
  { mesh, shifted, enrolled: { home, keyFile } }: Awaited<ReturnType<typeof away>>,
  url: string,
): Promise<EnrolledHome> {
  const held = await readIdentity(home)
  const { token } = await mesh.ca.createToken({ nodeId: 'sensor-1' })
  const dependencies = testDependencies({ clock: shifted })
  const keystore = await openKeystore(
    { directory: home.keystore, unlock: unlockByKeyFile({ path: keyFile }) },
    dependencies,
  )
  try {
    const { chain, path } = await enrollWith({ keystore, url, token }, held, dependencies)
    await writeIdentity(home, { ...held, chain, caUrl: url, enrolledAtMs: path.leaf.notBeforeMs })
    return { home, keyFile }
  } finally {
    keystore.close()
  }
}

t.test('a node that was off for half a year, or two, is enrolled again in its home, whatever key it had', async (t) => {
  for (const [renewals, days] of [
    [1, 180],
    [3, 730],
  ] as const) {
    const scene = await away(t, renewals)
    scene.time.offsetMs = days * DAY_MS
    const again = await enrolAgain(scene, await scene.mesh.reopenCa())
    const [node] = await scene.mesh.start([again], { clock: scene.shifted })
    await node!.publish([event(2)])
    t.equal(node!.parts.ledger.head('sensor-1')?.seq, 2, `after ${renewals} renewals: its chain goes on`)
    await node!.parts.rotation.now()
    await node!.stop()
  }
})

t.test('a node that was revoked comes back in its home by a new token, under a new key', async (t) => {
  for (const renewals of [0, 1]) {
    const scene = await away(t, renewals)
    await scene.mesh.ca.revoke({ nodeId: 'sensor-1' }, { reason: 'cessationOfOperation' }, LOCAL_ACTOR)
    scene.time.offsetMs = 1000
    const again = await enrolAgain(scene, scene.mesh.url)
    const [node] = await scene.mesh.start([again], { clock: scene.shifted })
    await node!.publish([event(2)])
    t.equal(node!.parts.ledger.head('sensor-1')?.seq, 2, `after ${renewals} renewals`)
    await node!.stop()
  }
})
