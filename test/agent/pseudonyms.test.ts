import t from 'tap'
import { MAX_PAST_PSEUDONYM_KEYS } from '../../agent/limits.ts'
import { sha256 } from '../../crypto/index.ts'
import { pseudonymEpochOf } from '../../enrollment/keys/index.ts'
import { entry } from '../helpers/crl.ts'
import { listOf, trustScene } from './trust-scene.ts'

const keyOf = (epoch: number) => new Uint8Array(32).fill(epoch)
const named = (epoch: number, key = keyOf(epoch)) => ({ pseudonym: { epoch, keyHash: sha256(key) } })

t.test('keys of past epochs do not fill the keystore, in which new identity keys need room', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const firstMs = Math.floor(mesh.nowMs / 1000) * 1000
  for (let epoch = 2; epoch <= MAX_PAST_PSEUDONYM_KEYS + 4; epoch += 1) {
    const times = { number: BigInt(epoch), thisUpdateMs: firstMs + epoch * 1000 }
    await node.desk.take(await listOf(mesh, mesh.root, { ...named(epoch), ...times }))
    t.equal(await node.desk.receivePseudonymKey(epoch, keyOf(epoch)), 'accept')
  }
  const epochs = (await node.keystore.list()).flatMap(({ name }) => pseudonymEpochOf(name) ?? []).sort((a, b) => a - b)
  const newest = MAX_PAST_PSEUDONYM_KEYS + 4
  t.same(
    epochs,
    Array.from({ length: MAX_PAST_PSEUDONYM_KEYS + 1 }, (_, at) => newest - MAX_PAST_PSEUDONYM_KEYS + at),
    'the newest stay',
  )
})

t.test('the key in use is there until another one for its epoch is', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  await node.desk.take(await listOf(mesh, mesh.root, named(2)))
  await node.desk.receivePseudonymKey(2, keyOf(2))
  const thisUpdateMs = Math.floor(mesh.nowMs / 1000) * 1000 + 1000
  const other = keyOf(9)
  await node.desk.take(await listOf(mesh, mesh.root, { ...named(2, other), number: 2n, thisUpdateMs }))
  const full = () => Promise.reject(new Error('no space'))
  const { putSecret } = node.keystore
  node.keystore.putSecret = full
  node.keystore.replaceSecret = full
  await t.rejects(node.desk.receivePseudonymKey(2, other))
  t.same(await node.keystore.secret('pseudonym-2'), keyOf(2), 'the node can start again')
  node.keystore.putSecret = putSecret
  Reflect.deleteProperty(node.keystore, 'replaceSecret')
  t.equal(await node.desk.receivePseudonymKey(2, other), 'accept')
  t.same(await node.keystore.secret('pseudonym-2'), other)
})

t.test('what a revoked CA has named keeps nobody from the key that the others name', async (t) => {
  const { mesh, open } = await trustScene(t)
  const node = await open()
  t.teardown(() => node.close())
  const issuing = await mesh.makeIssuingCa()
  await node.trust.judge((await mesh.addNode({ nodeId: 'sensor-3', issuer: issuing })).chain)
  await node.desk.take(await listOf(mesh, issuing, named(1_000_000, keyOf(3))))
  t.equal(node.desk.wantsPseudonymEpoch(), 1_000_000)
  const entries = [entry(issuing.certificate.serialNumber, { reason: 'cACompromise' })]
  await node.desk.take(await listOf(mesh, mesh.root, { ...named(2), entries }))
  t.equal(node.desk.wantsPseudonymEpoch(), 2)
  t.equal(await node.desk.receivePseudonymKey(2, keyOf(2)), 'accept')
})
