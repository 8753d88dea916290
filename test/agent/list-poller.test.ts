import t from 'tap'
import type { CaClient } from '../../agent/node/ca-client.ts'
import { ListPoller } from '../../agent/node/list-poller.ts'
import type { Membership } from '../../agent/node/membership.ts'
import { SimulatedRandom, silentLogger, toHex } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { entry } from '../helpers/crl.ts'
import { listOf, trustScene } from './trust-scene.ts'

const KEY = new Uint8Array(32).fill(2)

/** A node below an issuing CA, and a server that answers for each CA with the list it is given here. */
async function scene(t: Parameters<typeof trustScene>[0]) {
  const { mesh, machine, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const issuing = await mesh.makeIssuingCa()
  const { certificate, chain } = await mesh.addNode({ nodeId: 'sensor-3', issuer: issuing })
  await node.trust.judge(chain)
  const lists = new Map<string, Uint8Array>()
  const asked: string[] = []
  const ca: Pick<CaClient, 'list' | 'pseudonym'> = {
    list: async (kind, { authority = new Uint8Array() } = {}) => {
      const name = toHex(authority)
      asked.push(name)
      const der = kind === 'full' ? lists.get(name) : undefined
      return der && { der, etag: undefined }
    },
    pseudonym: async () => ({ epoch: 2, key: KEY }),
  }
  const { clock, desk, revocations, pseudonyms } = node
  const membership = { current: { certificate } } as unknown as Membership
  const parts = {
    clock,
    random: new SimulatedRandom(1),
    logger: silentLogger(),
    desk,
    revocations,
    pseudonyms,
    membership,
  }
  const poller = new ListPoller({ periodMs: 60_000 }, { ...parts, ca: ca as CaClient })
  const give = (authority: { certificate: { subjectKeyId: Uint8Array } }, der: Uint8Array) =>
    lists.set(toHex(authority.certificate.subjectKeyId), der)
  /** Has it ask about everybody once. */
  const poll = async () => {
    poller.start()
    await machine.advance(0)
    await poller.stop()
  }
  return { mesh, node, issuing, give, poll, poller, asked }
}

t.test('a list that is refused keeps nobody from the lists of other CAs, nor from the pseudonym key', async (t) => {
  const { mesh, node, issuing, give, poll, poller } = await scene(t)
  const victim = mesh.node('sensor-1').certificate
  give(issuing, Uint8Array.of(0x30, 0))
  const entries = [entry(victim.serialNumber)]
  give(mesh.root, await listOf(mesh, mesh.root, { entries, pseudonym: { epoch: 2, keyHash: sha256(KEY) } }))
  await poll()
  t.ok(node.revocations.find(victim))
  t.equal(node.pseudonyms.current.epoch, 2)
  t.match(poller.state, { failures: 1, lastFailure: 'ENROLLMENT_CRL_MALFORMED' }, 'and status says so')
})

t.test('a revoked CA is not asked for lists that nobody may believe', async (t) => {
  const { mesh, node, issuing, give, poll, poller, asked } = await scene(t)
  const entries = [entry(issuing.certificate.serialNumber, { reason: 'cACompromise' })]
  await node.desk.take(await listOf(mesh, mesh.root, { entries }))
  give(issuing, await listOf(mesh, issuing))
  await poll()
  t.match(poller.state, { failures: 0 })
  t.notOk(asked.includes(toHex(issuing.certificate.subjectKeyId)))
})
