import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { dropIdentityKeys, identityKeyOf, nextIdentityKey } from '../../agent/node/identity-keys.ts'
import { nodeStatus } from '../../agent/node/status.ts'
import { equalBytes, randomBelow, SimulatedRandom, sleep } from '../../core/index.ts'
import { LOCAL_ACTOR } from '../../enrollment/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import { makeNodeKeystore, testDependencies } from '../helpers/ca.ts'
import { SEED } from './crash-mesh.ts'
import { clock, event, openTrustMesh, until } from './trust-mesh.ts'

const CHILD = fileURLToPath(new URL('renewal-child.ts', import.meta.url))
const DAY_MS = 86_400_000

t.test('a node killed at any moment of a renewal starts again, with the certificate and the key for it', async (t) => {
  t.comment(`seed ${SEED}`)
  const random = new SimulatedRandom(SEED)
  const mesh = await openTrustMesh(t)
  const { home, keyFile } = await mesh.enrol('sensor-1')
  for (let round = 0; round < 5; round += 1) {
    const child = spawn(process.execPath, [CHILD, home.directory, keyFile], {
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    // Half of them while the keys and the request are made, half around the switch a second later.
    await sleep(clock, randomBelow(random, 2) * 1_000 + randomBelow(random, 120))
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  const [node] = await mesh.start([{ home, keyFile }])
  const { certificate, identityKey } = node!.parts.membership.current
  t.ok(equalBytes(certificate.subjectKeyId, identityKey.publicKey.keyId))
  await node!.publish([event(1)])
  await node!.parts.rotation.now()
  await node!.publish([event(2)])
  const names = (await node!.parts.keys.keystore.list())
    .map(({ name }) => name)
    .filter((name) => name.startsWith('identity'))
  t.equal(names.length, 2, `no more is left than ${names}`)
})

t.test('keys of certificates by name', async (t) => {
  const keystore = await makeNodeKeystore(`${t.testdir()}/keys`, testDependencies())
  t.teardown(() => keystore.close())
  const certificateOf = async (name: string, notBeforeMs = 0) => {
    const key = await keystore.signingKey(name)
    return { subjectKeyId: key?.publicKey.keyId, notBeforeMs } as Certificate
  }
  await keystore.generate('identity', 'ml-dsa-65')
  await keystore.generate('identity-backup', 'ml-dsa-65')
  const first = { keyName: 'identity', certificate: await certificateOf('identity') }
  t.match(await identityKeyOf(keystore, first.certificate), { name: 'identity' })
  t.match(await nextIdentityKey(keystore, first), { name: 'identity-2' })
  const next = await nextIdentityKey(keystore, first)
  t.match(next, { name: 'identity-2' }, 'made once')
  t.equal(next.key.publicKey.suite.name, 'ml-dsa-65', 'of the same suite')
  const later = { ...first, certificate: await certificateOf('identity', clock.now() + DAY_MS) }
  t.match(
    await nextIdentityKey(keystore, later),
    { name: 'identity-3' },
    'a key older than the certificate is none for the next',
  )
  const second = { keyName: 'identity-2', certificate: await certificateOf('identity-2') }
  t.match(await identityKeyOf(keystore, second.certificate), { name: 'identity-2' })
  await dropIdentityKeys(keystore, ['identity-2', 'identity-3'])
  t.same(
    (await keystore.list()).map(({ name }) => name),
    ['identity-2', 'identity-3', 'identity-backup'],
    'other keys stay',
  )
  t.equal(await identityKeyOf(keystore, first.certificate), undefined)
})

t.test('a node that was off past the end of its certificate comes back, so often and so long', async (t) => {
  let offsetMs = 0
  const shifted = { ...clock, now: () => clock.now() + offsetMs }
  const mesh = await openTrustMesh(t, { graceCount: 1 }, shifted)
  const homes = await Promise.all(['sensor-1', 'sensor-2'].map((nodeId) => mesh.enrol(nodeId)))
  await mesh.ca.revoke({ nodeId: 'sensor-2' }, { reason: 'cessationOfOperation' }, LOCAL_ACTOR)
  offsetMs = 20 * DAY_MS
  const [node] = await mesh.start([homes[0]!], { clock: shifted })
  await until('it has a new certificate', () => node!.certificate.notAfterMs > shifted.now())
  await node!.publish([event(1)])
  t.match(node!.parts.renewals.grace, { used: 1, left: 0 })
  t.equal((await nodeStatus(node!)).trust.grace, undefined)
  await node!.stop()

  const [revoked] = await mesh.start([homes[1]!], { clock: shifted })
  await until('the CA has refused it', () => revoked!.parts.rotation.state.failures > 0)
  t.match(revoked!.parts.rotation.state, { lastFailure: /ENROLLMENT_(?:REFUSED|UNAUTHENTICATED)/, renewed: 0 })
  await until('it knows itself', async () =>
    (await nodeStatus(revoked!)).warnings.some((line) => /this node is revoked/.test(line)),
  )
  await revoked!.stop()

  offsetMs = 40 * DAY_MS
  const flags = { 'ca.url': await mesh.reopenCa() }
  const [again] = await mesh.start([homes[0]!], { clock: shifted, flags })
  await until('the CA has refused', () => again!.parts.rotation.state.failures > 0)
  const { trust, warnings } = await nodeStatus(again!)
  t.match(trust.grace, { used: 1, left: 0, why: /ENROLLMENT_REFUSED/, help: /enrol the node again/ })
  t.match(warnings.join('\n'), /the certificate ended before it could be renewed: ENROLLMENT_REFUSED.*0 times/)
  await t.rejects(again!.publish([event(2)]), { code: 'AGENT_CERTIFICATE_ENDED' })
  const keys = (await again!.parts.keys.keystore.list())
    .map(({ name }) => name)
    .filter((name) => /^identity/.test(name))
  t.equal(keys.length, 2, 'a key that the CA did not take is not kept')
})

t.test('a CA that has come to give shorter lives is obeyed', async (t) => {
  let offsetMs = 0
  const shifted = { ...clock, now: () => clock.now() + offsetMs }
  const mesh = await openTrustMesh(t, {}, shifted)
  const [node] = await mesh.start([await mesh.enrol('sensor-1')], { clock: shifted })
  const before = node!.certificate
  offsetMs = DAY_MS
  await mesh.ca.setPolicy({ ...(await mesh.ca.policy()), leafLifetimeMs: DAY_MS }, LOCAL_ACTOR)
  await node!.parts.rotation.now()
  t.ok(node!.certificate.notAfterMs < before.notAfterMs)
  t.same(node!.parts.trust.leafOf('sensor-1')?.serialNumber, node!.certificate.serialNumber, 'the one that counts')
})
