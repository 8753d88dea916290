// TCPCLv4 on the loopback, beside a TCP echo of the same bytes: both ends in this process, each turn's writes in one.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { nextTick } from 'node:process'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { type LinkEvents, type LinkSecurity, startTcpcl } from '../bundles/links/index.ts'
import { systemClock } from '../core/index.ts'
import { encodePem } from '../enrollment/index.ts'
import { type Benchmark, type BenchRow, byTurns, inParallel, median, row, timeMs } from './harness.ts'
import { type BenchNode, makeMesh } from './mesh.ts'

const BUNDLE_BYTES = 1024
const COUNT = 100_000
const IN_FLIGHT = 1024
const ROUNDS = 7
const PINGS = 2000

/** Sends one message and resolves when it is answered. */
type Exchange = (bytes: Uint8Array) => Promise<unknown>

interface Subject {
  readonly exchange: Exchange
  close(): Promise<void>
}

const EVENTS: LinkEvents = {
  opened: () => undefined,
  closed: () => undefined,
  received: () => Promise.resolve({ taken: true }),
}

/** Certificates are shown and proven, and believed: how a chain is judged is measured elsewhere. */
function securityOf(node: BenchNode, peer: string): LinkSecurity {
  return { context: contextOf(node), judge: async () => peer }
}

function contextOf({ chain, identityKey }: BenchNode) {
  const cert = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  return { cert, key: identityKey.keyObject.export({ type: 'pkcs8', format: 'pem' }) }
}

async function startSession(nodes?: readonly [BenchNode, BenchNode]): Promise<Subject> {
  const tls = nodes === undefined ? 'refused' : 'required'
  const start = (at: 0 | 1, listen: string[]) =>
    startTcpcl(
      { nodeId: `dtn://${at}/`, tls, listen },
      {
        clock: systemClock(),
        events: EVENTS,
        ...(nodes && { security: securityOf(nodes[at], `dtn://${1 - at}/`) }),
      },
    )
  const [near, far] = [await start(0, []), await start(1, ['0'])]
  const contact = await near.connect(far.listening[0] as string)
  const close = async () => {
    await near.close()
    await far.close()
  }
  return { exchange: (bytes) => contact.send(bytes), close }
}

/** An echo of whole messages; what is written in one turn of the event loop leaves in one write, at both ends. */
async function startEcho(nodes?: readonly [BenchNode, BenchNode]): Promise<Subject> {
  const tls = nodes && { ...contextOf(nodes[1]), requestCert: true, rejectUnauthorized: false }
  const onSocket = (socket: Socket) => {
    socket.setNoDelay(true)
    const write = coalesced(socket)
    socket.on('data', write)
  }
  const server: Server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const own = nodes && { ...contextOf(nodes[0]), rejectUnauthorized: false }
  const socket = own === undefined ? connect(port, '127.0.0.1') : connectTls({ ...own, port, host: '127.0.0.1' })
  await once(socket, own === undefined ? 'connect' : 'secureConnect')
  socket.setNoDelay(true)
  const close = async () => {
    socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { exchange: echoExchange(socket), close }
}

function echoExchange(socket: Socket): Exchange {
  const write = coalesced(socket)
  const waiting: (() => void)[] = []
  let [answered, partial] = [0, 0]
  socket.on('data', (chunk: Uint8Array) => {
    partial += chunk.length
    for (; partial >= BUNDLE_BYTES; partial -= BUNDLE_BYTES) {
      waiting[answered]?.()
      answered += 1
    }
    if (answered === waiting.length) {
      waiting.length = 0
      answered = 0
    }
  })
  return (bytes) =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      write(bytes)
    })
}

function coalesced(socket: Socket): (bytes: Uint8Array) => void {
  let parts: Uint8Array[] = []
  return (bytes) => {
    parts.push(bytes)
    if (parts.length > 1) return
    nextTick(() => {
      socket.write(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts))
      parts = []
    })
  }
}

async function rate({ exchange }: Subject): Promise<number> {
  const bytes = new Uint8Array(BUNDLE_BYTES)
  return (COUNT / (await timeMs(() => inParallel(COUNT, IN_FLIGHT, () => exchange(bytes))))) * 1000
}

async function pingUs({ exchange }: Subject): Promise<number> {
  const bytes = new Uint8Array(BUNDLE_BYTES)
  const times: number[] = []
  for (let left = PINGS; left > 0; left -= 1) times.push((await timeMs(() => exchange(bytes))) * 1000)
  return median(times)
}

async function compare(
  [session, echo]: readonly [Subject, Subject],
  measure: (subject: Subject) => Promise<number>,
): Promise<{ value: number; floor: number }> {
  try {
    return await byTurns({ rounds: ROUNDS, subject: () => measure(session), floor: () => measure(echo) })
  } finally {
    await session.close()
    await echo.close()
  }
}

async function run(): Promise<readonly BenchRow[]> {
  const [near, far] = (await makeMesh(2)).nodes as readonly [BenchNode, BenchNode]
  const nodes = [near, far] as const
  const plain = await compare([await startSession(), await startEcho()], rate)
  const tls = await compare([await startSession(nodes), await startEcho(nodes)], rate)
  const ping = await compare([await startSession(), await startEcho()], pingUs)
  return [
    row({ name: 'tcpcl-plain', unit: '/s', aim: '>= 0.5', ...plain }),
    row({ name: 'tcpcl-tls', unit: '/s', aim: '>= 0.35', ...tls }),
    row({ name: 'tcpcl-ping', unit: 'µs', aim: '', ...ping }),
  ]
}

/** Bundles over TCPCLv4. */
export const tcpclBenchmark: Benchmark = { name: 'tcpcl', rows: ['tcpcl-plain', 'tcpcl-tls', 'tcpcl-ping'], run }
