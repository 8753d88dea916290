import { readdir } from 'node:fs/promises'
import t from 'tap'
import type { RunningNode } from '../../agent/index.ts'
import { nodeStatus } from '../../agent/node/status.ts'
import { sleep } from '../../core/index.ts'
import { anomalies, clock, event, openTrustMesh, until } from './trust-mesh.ts'

t.test(
  'while all nodes change certificates every few seconds, nothing is lost and nothing refused for good',
  async (t) => {
    const mesh = await openTrustMesh(t, { leafLifetimeMs: 10_000 })
    const homes = await Promise.all(['sensor-1', 'sensor-2', 'sensor-3'].map((nodeId) => mesh.enrol(nodeId)))
    const nodes = await mesh.start(homes)
    const stopAtMs = clock.monotonic() + 9_000
    const publish = async (node: RunningNode) => {
      let published = 0
      for (; clock.monotonic() < stopAtMs; published += 1) {
        await node.publish([event(published)])
        await sleep(clock, 20)
      }
      return published
    }
    const counts = await Promise.all(nodes.map(publish))
    const total = counts.reduce((sum, count) => sum + count, 0)
    t.ok(total > 100, `${total} records`)
    for (const node of nodes) {
      const { nodeId } = node.parts.identity
      await until(`${nodeId} holds everything`, async () => (await anomalies(node)) === total)
      const { renewed, failures, lastFailure } = node.parts.rotation.state
      t.ok(renewed >= 2, `${nodeId} was renewed ${renewed} times`)
      t.same({ failures, lastFailure }, { failures: 0, lastFailure: undefined })
      const lasting = Object.keys(node.parts.inbox.counters.refused).filter(
        (code) => code !== 'RECORDS_CERTIFICATE_UNKNOWN',
      )
      t.same(lasting, [], 'nothing was refused but until its certificate came')
      const { trust } = await nodeStatus(node)
      t.match(trust, { rotation: { caUrl: mesh.url, failures: 0 }, clock: { standing: 'trusted' } })
    }
    for (const { home } of homes) {
      const keys = (await readdir(home.keystore)).filter((name) => name.startsWith('identity'))
      t.ok(keys.length <= 3, `${keys} are left`)
    }
  },
)

t.test('an operator asks one node for a new certificate; a restart goes on with it', async (t) => {
  const mesh = await openTrustMesh(t)
  const home = await mesh.enrol('sensor-1')
  const [node] = await mesh.start([home])
  const before = node!.certificate
  const { controlHandlers } = await import('../../agent/node/handlers.ts')
  const answer = await controlHandlers(node!)['node.rotate']?.({}, new AbortController().signal)
  t.not(Buffer.from(node!.certificate.serialNumber).toString('hex'), Buffer.from(before.serialNumber).toString('hex'))
  t.equal(answer?.serialNumber, Buffer.from(node!.certificate.serialNumber).toString('hex'))
  t.equal(node!.parts.membership.current.keyName, 'identity-2')
  await node!.publish([event(1)])
  await node!.stop()
  const [again] = await mesh.start([home])
  t.equal(again!.parts.membership.current.keyName, 'identity-2')
  await again!.publish([event(2)])
  t.equal(await anomalies(again!), 2)
  await mesh.closeCa()
  await t.rejects(again!.parts.rotation.now(), { code: 'ENROLLMENT_UNREACHABLE' })
  t.match((await nodeStatus(again!)).warnings.join('\n'), /could not be renewed 1 times: ENROLLMENT_UNREACHABLE/)
  await again!.publish([event(3)])
})
