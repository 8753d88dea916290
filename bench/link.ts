// The link on TCP and on QUIC: connecting with admission, and records a second, each beside bare libp2p on that transport.
import { quic } from '@chainsafe/libp2p-quic'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { dialMs } from './handshake.ts'
import { type Benchmark, type BenchRow, byTurns, row } from './harness.ts'
import { meshQuic, meshTls } from './links.ts'
import { type BenchMesh, type BenchNode, makeMesh } from './mesh.ts'

const ROUNDS = 10
const RECORD_BYTES = 1024
const RECORDS_PER_TURN = 20_000
const PROTOCOL = '/bench/sink/1'

type Pair = [Libp2p, Libp2p]
type Setup = (mesh: BenchMesh, node: BenchNode) => Libp2pOptions | Promise<Libp2pOptions>

const OVER_TCP: Libp2pOptions = {
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  streamMuxers: [yamux()],
}
const OVER_QUIC: Libp2pOptions = { addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] } }

const TRANSPORTS: readonly { name: string; link: Setup; bare: Setup }[] = [
  {
    name: 'tcp',
    link: (mesh, node) => ({ ...OVER_TCP, connectionEncrypters: [() => meshTls(mesh, node)] }),
    bare: () => ({ ...OVER_TCP, connectionEncrypters: [tls()] }),
  },
  { name: 'quic', link: overMeshQuic, bare: () => ({ ...OVER_QUIC, transports: [quic()] }) },
]

async function overMeshQuic(mesh: BenchMesh, node: BenchNode): Promise<Libp2pOptions> {
  const link = meshQuic(mesh, node)
  const gate = link.gate.bind(link)
  return {
    ...OVER_QUIC,
    transports: [await link.transport()],
    connectionGater: { denyInboundEncryptedConnection: gate, denyOutboundEncryptedConnection: gate },
  }
}

async function pairOf(mesh: BenchMesh, setup: Setup): Promise<Pair> {
  const hosts = mesh.nodes.map(async (node) =>
    createLibp2p({
      ...(await setup(mesh, node)),
      privateKey: await generateKeyPairFromSeed('Ed25519', node.overlaySeed),
      connectionManager: { inboundConnectionThreshold: 1_000_000, reconnectRetries: 0 },
      connectionMonitor: { enabled: false },
    }),
  )
  return (await Promise.all(hosts)) as Pair
}

/** Records a second over one stream of one connection, counted when the last byte has arrived. */
async function recordsPerSecond([sender, receiver]: Pair): Promise<number> {
  const { promise: received, resolve } = Promise.withResolvers<void>()
  let left = RECORDS_PER_TURN * RECORD_BYTES
  await receiver.handle(PROTOCOL, (stream) => {
    stream.addEventListener('message', ({ data }) => {
      left -= data.byteLength
      if (left === 0) resolve()
    })
  })
  const connection = await sender.dial(receiver.getMultiaddrs())
  const stream = await connection.newStream(PROTOCOL)
  const started = performance.now()
  await sendRecords(stream)
  await received
  const seconds = (performance.now() - started) / 1000
  await connection.close()
  await receiver.unhandle(PROTOCOL)
  return RECORDS_PER_TURN / seconds
}

async function sendRecords(stream: Stream): Promise<void> {
  const record = new Uint8Array(RECORD_BYTES).fill(7)
  for (let sent = 0; sent < RECORDS_PER_TURN; sent += 1) {
    if (!stream.send(record)) await stream.onDrain()
  }
}

async function rowsOf(mesh: BenchMesh, { name, link, bare }: (typeof TRANSPORTS)[number]): Promise<BenchRow[]> {
  const [ours, theirs] = [await pairOf(mesh, link), await pairOf(mesh, bare)]
  const connect = { rounds: ROUNDS, subject: () => dialMs(...ours), floor: () => dialMs(...theirs) }
  const send = { rounds: ROUNDS, subject: () => recordsPerSecond(ours), floor: () => recordsPerSecond(theirs) }
  const rows = [
    row({ name: `link-${name}`, aim: '', unit: 'ms', ...(await byTurns(connect)) }),
    row({ name: `link-${name}-records`, aim: '', unit: 'records/s', ...(await byTurns(send)) }),
  ]
  await Promise.all([...ours, ...theirs].map((host) => host.stop()))
  return rows
}

/** What the two transports cost, side by side; the figures have no aim. */
export const linksBenchmark: Benchmark = {
  name: 'links',
  rows: ['link-tcp', 'link-tcp-records', 'link-quic', 'link-quic-records'],
  async run() {
    const mesh = await makeMesh(2)
    const rows: BenchRow[] = []
    for (const transport of TRANSPORTS) rows.push(...(await rowsOf(mesh, transport)))
    return rows
  },
}
