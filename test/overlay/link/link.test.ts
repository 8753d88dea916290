import t from 'tap'
import { linkFailure } from '../../../overlay/link/index.ts'
import { makeTestMesh } from '../../helpers/pki.ts'
import { TCP_KIT } from './kits.ts'
import { linkSuite } from './link-suite.ts'
import { startNode, until } from './support.ts'

await linkSuite(TCP_KIT)

t.test('level3: the smaller groups and ML-DSA-65, on both sides', async (t) => {
  const mesh = await makeTestMesh({ nodes: ['alpha'] })
  const alpha = await startNode(mesh, 'alpha')
  for (const nodeId of ['small-1', 'small-2']) await mesh.addNode({ nodeId, identitySuite: 'ml-dsa-65' })
  const [one, two] = [
    await startNode(mesh, 'small-1', { options: { level: 'level3' } }),
    await startNode(mesh, 'small-2', { options: { level: 'level3' } }),
  ]
  t.teardown(() => Promise.all([alpha.libp2p.stop(), one.libp2p.stop(), two.libp2p.stop()]))
  await one.libp2p.dial(two.address)
  await until(() => two.admissions.length === 1, 'admitted')
  for (const { admissions } of [one, two]) {
    t.match(admissions, [{ link: { group: 'X25519MLKEM768', signature: 'ML-DSA-65' } }])
  }
  const refused = await one.libp2p.dial(alpha.address).catch((error) => error)
  t.same(linkFailure(refused), { code: 'OVERLAY_LINK_NO_CERTIFICATE', by: 'peer' }, 'level5 asks for ML-DSA-87')
  t.match(alpha.refusals.splice(0), [{ code: 'OVERLAY_LINK_NO_CERTIFICATE', by: 'self' }])
  await t.rejects(alpha.libp2p.dial(one.address), { message: /^OVERLAY_LINK_TLS_ALERT: / })
  t.match(one.refusals.at(-1), { code: 'OVERLAY_LINK_SIGNATURE_ALGORITHM', by: 'self' })
})
