import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import { HttpsCa } from '../../agent/node/ca-client.ts'
import { SimulatedClock } from '../../core/index.ts'
import { parseCrl } from '../../enrollment/crl/index.ts'
import { testDependencies } from '../helpers/ca.ts'
import { clock, openTrustMesh, until } from './trust-mesh.ts'

const DAY_MS = 86_400_000

t.test('a slow clock does not cut a node off from its CA; a fast one, and another CA, do', async (t) => {
  const mesh = await openTrustMesh(t)
  const other = await openTrustMesh(t)
  const { provider } = testDependencies()
  const { root } = mesh.ca
  const at = (nowMs: number, url = mesh.url) => {
    const wrong = { ...clock, now: () => new SimulatedClock(nowMs).now() }
    const options = { url, mesh: 'north-grid', rootFingerprint: root.fingerprint, root }
    return new HttpsCa(options, { provider, clock: wrong, signal: new AbortController().signal })
  }
  const [published] = await mesh.ca.lists()
  for (const nowMs of [clock.now(), clock.now() - 3 * DAY_MS, 0]) {
    const fetched = await at(nowMs).list('full')
    if (fetched === undefined || fetched === 'unchanged') return t.fail('no list')
    t.equal(parseCrl(fetched.der).number, published?.full.number)
    t.equal(await at(nowMs).list('full', { etag: fetched.etag }), 'unchanged')
  }
  await t.rejects(at(clock.now() + 400 * DAY_MS).list('full'), { code: 'ENROLLMENT_SERVER_UNTRUSTED' })
  await t.rejects(at(clock.now(), other.url).list('full'), { code: 'ENROLLMENT_SERVER_UNTRUSTED' })
  await t.rejects(at(0, other.url).list('full'), { code: 'ENROLLMENT_SERVER_UNTRUSTED' }, 'whatever the clock')
  t.equal(
    await at(clock.now()).list('full', { authority: new Uint8Array(32) }),
    undefined,
    'a CA that it does not know',
  )
})

t.test('a CA that takes connections and says nothing does not hold up the end of a node', async (t) => {
  const mesh = await openTrustMesh(t)
  const home = await mesh.enrol('sensor-1')
  const sockets = new Set<Socket>()
  const silent = createServer((socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const [node] = await mesh.start([home], { flags: { 'ca.url': url } })
  const rotated = node!.parts.rotation.now().catch((error) => error)
  await until('it has asked for a certificate and for lists', () => sockets.size === 2)
  const startedMs = clock.monotonic()
  await node!.stop()
  t.ok(clock.monotonic() - startedMs < 2_000, 'soon')
  t.ok((await rotated) instanceof Error)
})
