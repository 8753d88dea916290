/** The overlay as it is used: real links, real signatures, real stores on disk. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import t from 'tap'
import { isGapmeshError, silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import {
  createOverlay,
  LINK_PROTOCOL,
  MeshTls,
  type Overlay,
  type OverlayOptions,
  type RecordPort,
  type Refusal,
  type Verdict,
} from '../../overlay/index.ts'
import { HELLO_TIMEOUT_MS } from '../../overlay/limits.ts'
import { LINK_ALPN } from '../../overlay/link/tls-endpoint.ts'
import { encodeAnomalyBody, type RecordTrust, type RecordType, signRecord, verify } from '../../records/index.ts'
import { noRevocations, PathCache, parseChain, validatePath } from '../../records/path/index.ts'
import { openRecordStore, type RecordStore } from '../../records/store/index.ts'
import { makeTestMesh, type TestMesh, type TestNode } from '../helpers/pki.ts'
import { anomaly } from '../records/scene.ts'
import { MemoryChains, until } from './harness.ts'

const HOUR_MS = 3_600_000
const clock = systemClock()

interface RealNode {
  readonly self: TestNode
  readonly store: RecordStore
  readonly overlay: Overlay
  readonly refusals: Refusal[]
  address(): string
}

/** The record side of a node: the one verifying path, and the store. */
function recordPort(mesh: TestMesh, store: RecordStore): RecordPort {
  const paths = new PathCache()
  const trust: RecordTrust = {
    mesh: mesh.mesh,
    rootFingerprint: mesh.root.certificate.fingerprint,
    root: mesh.root.certificate,
    revocations: noRevocations(),
    policyAt: () => 'hybrid',
    headOf: (origin, type) => store.headOf(origin, type),
    isDuplicate: (id, createdAtMs) => store.isDuplicate(id, createdAtMs),
    chainFor: (issuerKeyId, serialNumber) => store.chain(issuerKeyId, serialNumber),
  }
  return {
    async receive(record): Promise<Verdict> {
      try {
        const verified = await verify({ record, trust, clock }, { provider: mesh.provider, paths })
        return (await store.admit(verified, clock.now())) ? 'accept' : 'duplicate'
      } catch (error) {
        return isGapmeshError(error) && error.action === 'reject' ? 'reject' : 'ignore'
      }
    },
    async receiveCertificates(chains) {
      for (const chain of chains) await learn(mesh, store, chain)
    },
    buckets: async () => store.buckets(),
    prefixes: async (bucket) => store.prefixes(bucket),
    ids: async (bucket, page) => store.ids(bucket, page),
    missing: (ids) => store.missing(ids),
    read: (ids) => store.read(ids),
    chainsFor: (ids) => store.chainsFor(ids),
  }
}

async function learn(mesh: TestMesh, store: RecordStore, chain: readonly Uint8Array[]): Promise<void> {
  const input = { chain: parseChain(chain), atMs: clock.now(), revocations: noRevocations(), policy: mesh.policy() }
  const path = await validatePath(input, { provider: mesh.provider })
  await store.putChain(path.chain)
}

interface Scene {
  readonly mesh: TestMesh
  readonly directory: string
  readonly teardown: (action: () => Promise<void>) => void
}

async function startReal(scene: Scene, nodeId: string, changes: Partial<OverlayOptions> = {}): Promise<RealNode> {
  const { mesh } = scene
  const self = mesh.node(nodeId)
  const database = await openDatabase(join(scene.directory, nodeId))
  const store = await openRecordStore({}, { database, clock, logger: silentLogger() })
  const dependencies = { clock, random: systemRandom(), logger: silentLogger() }
  const gate = {
    judge: (chain: readonly Uint8Array[]) =>
      validatePath(
        { chain: parseChain(chain), atMs: clock.now(), revocations: noRevocations(), policy: mesh.policy() },
        { provider: mesh.provider },
      ),
  }
  const overlay = await createOverlay(
    {
      mesh: mesh.mesh,
      privateKey: privateKeyFromRaw(self.overlayRawKey),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      sync: { minGapMs: 50 },
      ...changes,
    },
    {
      ...dependencies,
      records: recordPort(mesh, store),
      chains: new MemoryChains(),
      encrypter: (sink) =>
        new MeshTls(
          {
            mesh: mesh.mesh,
            rootDer: mesh.root.certificate.der,
            chainDer: self.chain,
            identityKey: self.identityKey,
            deviceKey: self.deviceKey,
          },
          { ...dependencies, gate, provider: mesh.provider, sink },
        ),
    },
  )
  const refusals: Refusal[] = []
  overlay.on('refused', (refusal) => refusals.push(refusal))
  await overlay.start()
  scene.teardown(async () => {
    await overlay.stop()
    await store.close()
    await database.close()
  })
  return { self, store, overlay, refusals, address: () => overlay.addresses()[0] ?? '' }
}

/** Signs and stores a record of `node`. */
async function say(scene: Scene, node: RealNode, createdAtMs: number, type: RecordType = 'anomaly') {
  const { self, store } = node
  const content = {
    type,
    origin: self.nodeId,
    issuerKeyId: self.certificate.authorityKeyId,
    serialNumber: self.certificate.serialNumber,
    sequence: store.nextSequence(self.nodeId, type),
    createdAtMs,
    lifetimeMs: 24 * HOUR_MS,
    body: encodeAnomalyBody([
      anomaly({ firstSeenMs: createdAtMs, lastSeenMs: createdAtMs, expiresAtMs: createdAtMs + HOUR_MS }),
    ]),
  }
  const signer = {
    mesh: scene.mesh.mesh,
    rootFingerprint: scene.mesh.root.certificate.fingerprint,
    identityKey: self.identityKey,
    deviceKey: self.deviceKey,
  }
  const record = await signRecord(content, signer, { policy: 'hybrid' })
  await learn(scene.mesh, store, self.chain)
  await store.admit(record, clock.now())
  return record
}

t.test('a line of three real nodes: what one says live and what it said before reaches the last', async (t) => {
  const mesh = await makeTestMesh({ nowMs: clock.now() - 24 * HOUR_MS, nodes: ['a', 'b', 'c'] })
  const scene = { mesh, directory: t.testdir(), teardown: (action: () => Promise<void>) => t.teardown(action) }
  const a = await startReal(scene, 'a')
  const startMs = clock.now() - 5 * HOUR_MS
  for (let at = 0; at < 200; at += 1) await say(scene, a, startMs + at * 60_000)
  const b = await startReal(scene, 'b', { bootstrap: [a.address()] })
  const c = await startReal(scene, 'c', { bootstrap: [b.address()] })
  await until(() => c.store.counts().records === 200, 'c has caught up', 15_000)
  await until(() => a.overlay.state().inGossip === 1 && c.overlay.state().inGossip === 1, 'in gossip')
  const live = await say(scene, a, clock.now())
  await a.overlay.publish(live.bytes, 'anomaly')
  await until(() => c.store.has(live.id), 'c heard it live')
  t.equal(c.overlay.state().gossip.rejected + b.overlay.state().gossip.rejected, 0)
  t.equal(b.overlay.state().gossip.accepted, 1)
  const [peer] = a.overlay.peers()
  t.match(peer, { nodeId: 'b', direction: 'inbound', link: { protocol: 'TLSv1.3' } })
})

t.test('who is not of the mesh is refused before identify or anything else', async (t) => {
  const mesh = await makeTestMesh({ nodes: ['a', { nodeId: 'stranger', flaw: 'other-root' }] })
  const scene = { mesh, directory: t.testdir(), teardown: (action: () => Promise<void>) => t.teardown(action) }
  const a = await startReal(scene, 'a')
  const stranger = await startReal(scene, 'stranger', { bootstrap: [a.address()] })
  await until(() => a.refusals.length > 0 && stranger.refusals.length > 0, 'both sides know')
  t.equal(a.overlay.peers().length, 0)
  t.equal(stranger.overlay.peers().length, 0)
  t.equal(a.overlay.state().refusals, a.refusals.length)
})

t.test('a handshake that has begun in earnest may take longer than a silent connection', async (t) => {
  const mesh = await makeTestMesh({ nodes: ['a'] })
  const scene = { mesh, directory: t.testdir(), teardown: (action: () => Promise<void>) => t.teardown(action) }
  const a = await startReal(scene, 'a')
  const port = Number(/tcp\/(\d+)/.exec(a.address())?.[1])
  const open = async (...greeting: Uint8Array[]) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.resume()
    t.teardown(async () => void socket.destroy())
    await once(socket, 'connect')
    for (const bytes of greeting) socket.write(bytes)
    return socket
  }
  const negotiation = ['/multistream/1.0.0\n', `${LINK_PROTOCOL}\n`].map((line) =>
    Buffer.from(`${String.fromCharCode(line.length)}${line}`),
  )
  const silent = await open()
  const chatty = await open(...negotiation)
  const earnest = await open(...negotiation, await clientHello())
  await until(() => silent.closed && chatty.closed, 'the others are cut', HELLO_TIMEOUT_MS + 2_000)
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.notOk(earnest.closed)
})

/** The first bytes of a client that this mesh could talk to. */
async function clientHello(): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  const wire = new Duplex({ read() {}, write: (chunk: Uint8Array) => resolve(chunk) })
  const options = { socket: wire, minVersion: 'TLSv1.3', ecdhCurve: 'SecP384r1MLKEM1024', ALPNProtocols: [LINK_ALPN] }
  const client = connectTls(options as ConnectionOptions)
  client.on('error', () => {})
  return promise.finally(() => client.destroy())
}
