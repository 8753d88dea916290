import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { TopicValidatorResult } from '@libp2p/gossipsub'
import { isGapmeshError, silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { createOverlay, MeshTls, type RecordPort, type Verdict } from '../../overlay/index.ts'
import { createHost } from '../../overlay/libp2p.ts'
import { createRouter, topicsOf } from '../../overlay/gossip/index.ts'
import { resolveOptions } from '../../overlay/options.ts'
import { encodeAnomalyBody, signRecord, verify } from '../../records/index.ts'
import { noRevocations, PathCache, parseChain, validatePath } from '../../records/path/index.ts'
import { openRecordStore } from '../../records/store/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { anomaly } from '../records/scene.ts'
import { MemoryChains, until } from './harness.ts'
import { multiaddr } from '@multiformats/multiaddr'

const COUNT = Number(process.argv[2] ?? 1000)
const SIGS = Number(process.argv[3] ?? 64)
const clock = systemClock()
const names = ['a', 'b', 'c', 'd']
const mesh = await makeTestMesh({ nowMs: Date.now() - 86400000, nodes: names })
const gate = { judge: (chain: readonly Uint8Array[]) => validatePath({ chain: parseChain(chain), atMs: clock.now(), revocations: noRevocations(), policy: mesh.policy() }, { provider: mesh.provider }) }
const deps = { clock, random: systemRandom(), logger: silentLogger() }
const linkOf = (name: string, sink: any) => { const self = mesh.node(name); return new MeshTls({ mesh: mesh.mesh, rootDer: mesh.root.certificate.der, chainDer: self.chain, identityKey: self.identityKey, deviceKey: self.deviceKey }, { ...deps, gate, provider: mesh.provider, sink }) }

const self = mesh.node('a')
const signer = { mesh: mesh.mesh, rootFingerprint: mesh.root.certificate.fingerprint, identityKey: self.identityKey, deviceKey: self.deviceKey }
const records: any[] = []
for (let round = 0; round < 2; round++) {
  const list = []
  for (let at = 0; at < COUNT; at++) {
    const t0 = Date.now()
    const sigs = Array.from({ length: SIGS }, (_, n) => anomaly({ indicator: `suricata:1:${2000000 + at * 64 + n}`, firstSeenMs: t0, lastSeenMs: t0, expiresAtMs: t0 + 3600000 }))
    list.push(await signRecord({ type: 'anomaly', origin: 'a', issuerKeyId: self.certificate.authorityKeyId, serialNumber: self.certificate.serialNumber, sequence: round * COUNT + at, createdAtMs: t0, lifetimeMs: 86400000, body: encodeAnomalyBody(sigs) }, signer, { policy: 'hybrid' }))
  }
  records.push(list)
}
console.log('record bytes', records[0][0].bytes.length)

async function baseline(list: any[]) {
  const topics = [...topicsOf(mesh.mesh).keys()]
  const got = new Map(names.map((n) => [n, 0]))
  const hosts = []
  for (const name of names) {
    const options = resolveOptions({ mesh: mesh.mesh, privateKey: privateKeyFromRaw(mesh.node(name).overlayRawKey), listen: ['/ip4/127.0.0.1/tcp/0'] })
    const router = createRouter({ topics, fanOut: options.fanOut })
    const host = await createHost(options, { encrypter: linkOf(name, { onAdmitted() {}, onRefusal() {} }), router: router.factory, mayOpen: () => true })
    await host.start()
    const g = host.services.gossip
    g.addEventListener('gossipsub:message', (e: any) => { got.set(name, (got.get(name) ?? 0) + 1); g.reportMessageValidationResult(e.detail.msgId, e.detail.propagationSource.toString(), TopicValidatorResult.Accept) })
    for (const t of topics) g.subscribe(t)
    for (const other of hosts) await host.dial(other.getMultiaddrs()[0])
    hosts.push(host)
  }
  const topic = topics[0]
  await until(() => hosts.every((h) => h.services.gossip.getSubscribers(topic).length === 3), 'subscribed')
  await new Promise((r) => setTimeout(r, 1500))
  const cpu = process.cpuUsage(); const start = performance.now()
  for (const r of list) { await hosts[0].services.gossip.publish(topic, r.bytes); if (hosts[0].getConnections().some((c: any) => c.streams.some((s: any) => s.writeBufferLength > 1048576))) await new Promise((r) => setTimeout(r, 5)) }
  await until(() => names.slice(1).every((n) => got.get(n) === COUNT), 'all', 60000)
  const ms = performance.now() - start
  const u = process.cpuUsage(cpu)
  console.log('baseline', (COUNT / ms * 1000).toFixed(0), 'records/s', ms.toFixed(0), 'ms cpu', ((u.user + u.system) / 1000).toFixed(0))
  for (const h of hosts) await h.stop()
  return COUNT / ms * 1000
}

async function ours(list: any[]) {
  const dir = mkdtempSync(join(tmpdir(), 'gm-'))
  const nodes = []
  for (const name of names) {
    const database = await openDatabase(join(dir, name))
    const store = await openRecordStore({}, { database, clock, logger: silentLogger() })
    const paths = new PathCache()
    const trust: any = { mesh: mesh.mesh, rootFingerprint: mesh.root.certificate.fingerprint, root: mesh.root.certificate, revocations: noRevocations(), policyAt: () => 'hybrid', headOf: (o: any, t: any) => store.headOf(o, t), isDuplicate: (id: any, c: any) => store.isDuplicate(id, c), chainFor: (i: any, s: any) => store.chain(i, s) }
    const port: RecordPort = {
      async receive(record): Promise<Verdict> { try { const v = await verify({ record, trust, clock }, { provider: mesh.provider, paths }); return (await store.admit(v, clock.now())) ? 'accept' : 'ignore' } catch (e) { return isGapmeshError(e) && e.action === 'reject' ? 'reject' : 'ignore' } },
      async receiveCertificates(chains) { for (const c of chains) { const p = await gate.judge(c); await store.putChain(p.chain) } },
      buckets: async () => store.buckets(), prefixes: async (b) => store.prefixes(b), ids: async (b, p) => store.ids(b, p), missing: (i) => store.missing(i), read: (i) => store.read(i), chainsFor: (i) => store.chainsFor(i),
    }
    const p = await gate.judge(self.chain); await store.putChain(p.chain)
    const overlay = await createOverlay({ mesh: mesh.mesh, privateKey: privateKeyFromRaw(mesh.node(name).overlayRawKey), listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: nodes.map((n: any) => n.overlay.addresses()[0]) }, { ...deps, records: port, chains: new MemoryChains(), encrypter: (sink) => linkOf(name, sink) })
    await overlay.start()
    nodes.push({ store, overlay, database })
  }
  await until(() => nodes.every((n) => n.overlay.state().inGossip === 3), 'in gossip')
  await new Promise((r) => setTimeout(r, 1500))
  const cpu = process.cpuUsage(); const start = performance.now()
  let stored = 0
  const pending: Promise<any>[] = []
  for (const r of list) {
    pending.push(nodes[0].store.admit(r, clock.now()))
    if (pending.length >= 64) { await Promise.all(pending.splice(0)) }
    await nodes[0].overlay.publish(r.bytes, 'anomaly')
  }
  await Promise.all(pending)
  await until(() => nodes.slice(1).every((n) => n.store.counts().records >= COUNT), 'all', 60000)
  const ms = performance.now() - start
  const u = process.cpuUsage(cpu)
  console.log('gapmesh ', (COUNT / ms * 1000).toFixed(0), 'records/s', ms.toFixed(0), 'ms cpu', ((u.user + u.system) / 1000).toFixed(0), JSON.stringify(nodes.map((n) => { const s = n.overlay.state(); return [s.gossip.accepted, s.gossip.overflowed, s.gossip.expired, s.gossip.late, s.sync.recordsAccepted, s.gossip.publishShortfalls, s.gossipRejoins] })))
  for (const n of nodes) { await n.overlay.stop(); await n.store.close(); await n.database.close() }
  rmSync(dir, { recursive: true })
  return COUNT / ms * 1000
}
for (let i = 0; i < 2; i++) { const b = await baseline(records[i]); const o = await ours(records[i]); console.log('ratio', (o / b).toFixed(2)) }
