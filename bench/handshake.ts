// The link between two nodes, beside classical mutual TLS on the same path.
import { once } from 'node:events'
import { setImmediate as nextTick } from 'node:timers/promises'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { ConnectionEncrypter, Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { ClassicalTls, classicalCertificates } from './classical-tls.ts'
import { type Benchmark, byTurns, row } from './harness.ts'
import { meshTls } from './links.ts'
import { type BenchMesh, type BenchNode, makeMesh } from './mesh.ts'

const DIALS_PER_TURN = 10
const ROUNDS = 20

async function startHost(node: BenchNode, encrypter: ConnectionEncrypter): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', node.overlaySeed),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [() => encrypter],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1_000_000, reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
  })
}

/** Mean time of a connection, from the dial to the moment when it is open on both sides; closing is not counted. */
export async function dialMs(dialler: Libp2p, listener: Libp2p): Promise<number> {
  let totalMs = 0
  for (let left = DIALS_PER_TURN; left > 0; left -= 1) {
    const started = performance.now()
    const accepted = once(listener, 'connection:open')
    const connection = await dialler.dial(listener.getMultiaddrs())
    await accepted
    totalMs += performance.now() - started
    const closed = once(listener, 'connection:close')
    await connection.close()
    await closed
    await nextTick()
  }
  return totalMs / DIALS_PER_TURN
}

type Pair = [Libp2p, Libp2p]

async function pairOf(
  mesh: BenchMesh,
  encrypterOf: (node: BenchNode, at: number) => ConnectionEncrypter,
): Promise<Pair> {
  return (await Promise.all(mesh.nodes.map((node, at) => startHost(node, encrypterOf(node, at))))) as Pair
}

async function classicalPair(mesh: BenchMesh): Promise<Pair> {
  const { ca, leaves } = await classicalCertificates(mesh.nodes.map(({ overlayKey }) => overlayKey))
  return pairOf(mesh, ({ overlayKey: key }, at) => new ClassicalTls({ key, ca, certificate: leaves[at]! }))
}

/** What post-quantum links and admission cost when a connection is made. */
export const handshakeBenchmark: Benchmark = {
  name: 'handshake',
  rows: ['handshake', 'handshake-first'],
  async run() {
    const mesh = await makeMesh(2)
    const known = await pairOf(mesh, (node) => meshTls(mesh, node))
    const first = await pairOf(mesh, (node) => meshTls(mesh, node, { paths: undefined }))
    const classical = await classicalPair(mesh)
    const floor = () => dialMs(...classical)
    const rows = [
      row({
        name: 'handshake',
        aim: '<= 4.5',
        unit: 'ms',
        ...(await byTurns({ rounds: ROUNDS, floor, subject: () => dialMs(...known) })),
      }),
      row({
        name: 'handshake-first',
        aim: '<= 4.5',
        unit: 'ms',
        ...(await byTurns({ rounds: ROUNDS, floor, subject: () => dialMs(...first) })),
      }),
    ]
    await Promise.all([...known, ...first, ...classical].map((host) => host.stop()))
    return rows
  },
}
