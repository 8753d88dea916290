/** Nodes with the real link, and hand-made peers that speak just enough to misbehave. */
import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import * as tls from 'node:tls'
import { yamux } from '@chainsafe/libp2p-yamux'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import {
  concatBytes,
  type RandomSource,
  SimulatedClock,
  silentLogger,
  systemRandom,
  utf8,
} from '../../../core/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import type { Admission, Refusal } from '../../../overlay/admission.ts'
import { FrameChannel } from '../../../overlay/link/frame-channel.ts'
import { MeshTls, type MeshTlsOptions } from '../../../overlay/link/index.ts'
import { MeshQuic } from '../../../overlay/link/quic/index.ts'
import type { Statement } from '../../../overlay/link/statement.ts'
import type { PeerGate } from '../../../overlay/ports.ts'
import { noRevocations, parseChain, validatePath } from '../../../records/path/index.ts'
import type { TestMesh, TestNode } from '../../helpers/pki.ts'

/** A libp2p node with one link; its clock stands still unless a test moves it. */
export interface LinkNode {
  readonly self: TestNode
  readonly libp2p: Libp2p
  readonly link: MeshTls | MeshQuic
  readonly clock: SimulatedClock
  readonly admissions: Admission[]
  readonly refusals: Refusal[]
  readonly address: Multiaddr
}

export interface LinkNodeChanges {
  /** Default `tcp`. */
  transport?: 'tcp' | 'quic'
  /** Runs the identify protocol as well. Default false. */
  identify?: boolean
  options?: Partial<MeshTlsOptions>
  gate?: PeerGate
  random?: RandomSource
}

export function gateOf(mesh: TestMesh, clock: SimulatedClock): PeerGate {
  return {
    judge: async (chain) =>
      validatePath(
        { chain: parseChain(chain), atMs: clock.now(), revocations: noRevocations(), policy: mesh.policy() },
        { provider: mesh.provider },
      ),
  }
}

export async function startNode(mesh: TestMesh, nodeId: string, changes: LinkNodeChanges = {}): Promise<LinkNode> {
  const self = mesh.node(nodeId)
  const clock = new SimulatedClock(mesh.nowMs)
  const admissions: Admission[] = []
  const refusals: Refusal[] = []
  const { transport = 'tcp' } = changes
  const link = new (transport === 'tcp' ? MeshTls : MeshQuic)(
    {
      mesh: mesh.mesh,
      rootDer: mesh.root.certificate.der,
      chainDer: self.chain,
      identityKey: self.identityKey,
      deviceKey: self.deviceKey,
      ...changes.options,
    },
    {
      gate: changes.gate ?? gateOf(mesh, clock),
      provider: mesh.provider,
      clock,
      random: changes.random ?? systemRandom(),
      logger: silentLogger(),
      sink: {
        onAdmitted: (admission) => void admissions.push(admission),
        onRefusal: (refusal) => void refusals.push(refusal),
      },
    },
  )
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(self.overlayRawKey),
    ...(link instanceof MeshTls ? overTcp(link) : await overQuic(link)),
    connectionManager: { inboundConnectionThreshold: 1000 },
    services: (changes.identify ? { identify: identify() } : {}) as Record<string, never>,
  })
  const address = libp2p.getMultiaddrs()[0]
  if (address === undefined) throw new Error('the node does not listen')
  return { self, libp2p, link, clock, admissions, refusals, address }
}

function overTcp(link: MeshTls): Libp2pOptions {
  return {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [() => link],
    streamMuxers: [yamux()],
  }
}

async function overQuic(link: MeshQuic): Promise<Libp2pOptions> {
  const gate = link.gate.bind(link)
  return {
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [await link.transport()],
    connectionGater: { denyInboundEncryptedConnection: gate, denyOutboundEncryptedConnection: gate },
  }
}

/** Waits until `condition` holds; fails after five seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not reached: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** TCP connections of this process, those of others' servers aside. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

/** Fails unless nothing of a refused connection is left: sockets, libp2p connections, timers of the link. */
export async function nothingLeft(...nodes: readonly LinkNode[]): Promise<void> {
  await until(() => openSockets() === 0, 'no socket is left')
  await until(() => nodes.every(({ libp2p }) => libp2p.getConnections().length === 0), 'no connection is left')
  await until(() => nodes.every(({ clock }) => clock.pendingTimers === 0), 'no timer is left')
}

const NEGOTIATION = concatBytes(
  Uint8Array.of(19),
  utf8('/multistream/1.0.0\n'),
  Uint8Array.of(13),
  utf8('/dadm-mesh/1\n'),
)

/** A TCP connection to `node` that has agreed on the link's protocol and sent nothing of it. */
export async function dialRaw(node: LinkNode): Promise<Socket> {
  const [, port] = /\/tcp\/(\d+)/.exec(node.address.toString()) ?? []
  const socket = connectTcp(Number(port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(NEGOTIATION)
  await readExactly(socket, NEGOTIATION.length)
  return socket
}

/** Reads exactly `length` bytes; none when the stream ends before. */
export function readExactly(stream: Readable, length: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const done = (bytes: Uint8Array) => {
      stream.off('readable', attempt)
      resolve(bytes)
    }
    const attempt = () => {
      const bytes: Buffer | null = stream.read(length)
      if (bytes !== null) done(new Uint8Array(bytes))
    }
    stream.on('readable', attempt)
    stream.once('close', () => done(new Uint8Array()))
    attempt()
  })
}

/** A listener that agrees on the link's protocol and hands each connection to `handle`. */
export async function listenRaw(
  handle: (socket: Socket) => void,
): Promise<{ address: Multiaddr; close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer(async (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.write(await readExactly(socket, NEGOTIATION.length))
    handle(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { address: multiaddr(`/ip4/127.0.0.1/tcp/${port}`), close }
}

/** What a good node of `level5` sets for TLS, written down a second time on purpose. */
export function tlsOptions(self: TestNode): tls.SecureContextOptions & { rejectUnauthorized: false } {
  return {
    key: self.keyPem,
    cert: self.chainPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_256_GCM_SHA384',
    ecdhCurve: 'SecP384r1MLKEM1024',
    sigalgs: 'mldsa87',
    rejectUnauthorized: false,
  }
}

/** A hand-made side of a connection that says in the admission whatever a test wants. */
export interface RawPeer {
  /** Carries the frames. */
  readonly stream: Duplex
  readonly channel: FrameChannel
  /** Settles when the connection is closed, by either side. */
  readonly closed: Promise<unknown>
  hangUp(): void
  /** The true statement of this side, but for the nonces. */
  readonly facts: Omit<Statement, 'diallerNonce' | 'listenerNonce'>
}

/** A hand-made side of a TLS connection. */
export interface TlsPeer extends RawPeer {
  readonly socket: tls.TLSSocket
}

/** Dials `node` with TLS as `self`, changed by `changes`. @throws what TLS throws */
export async function dialTls(node: LinkNode, self: TestNode, changes: tls.ConnectionOptions = {}): Promise<TlsPeer> {
  const socket = tls.connect({
    socket: await dialRaw(node),
    ...tlsOptions(self),
    ALPNProtocols: ['dadm-mesh/1'],
    ...changes,
  })
  await once(socket, 'secureConnect')
  return rawPeer(socket, { role: 'dialler', dialler: self, listener: node.self })
}

/** The listener's side over a raw connection. */
export async function acceptTls(
  raw: Socket,
  parties: { dialler: TestNode; listener: TestNode },
  changes: tls.TlsOptions = {},
): Promise<TlsPeer> {
  const server = tls.createServer({
    ...tlsOptions(parties.listener),
    requestCert: true,
    ALPNProtocols: ['dadm-mesh/1'],
    ...changes,
  })
  const secured = once(server, 'secureConnection')
  server.once('tlsClientError', (error) => server.emit('error', error))
  server.emit('connection', raw)
  const [socket] = (await secured) as [tls.TLSSocket]
  return rawPeer(socket, { role: 'listener', ...parties })
}

function rawPeer(
  socket: tls.TLSSocket,
  { role, dialler, listener }: { role: Statement['role']; dialler: TestNode; listener: TestNode },
): TlsPeer {
  socket.on('error', () => undefined)
  return {
    socket,
    stream: socket,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    hangUp: () => void socket.destroy(),
    channel: new FrameChannel(socket),
    facts: {
      protocol: '/dadm-mesh/1',
      role,
      mesh: 'test-mesh',
      diallerCertificate: sha256(dialler.certificate.der),
      listenerCertificate: sha256(listener.certificate.der),
      channelBinding: new Uint8Array(socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))),
      policyVersion: 0,
      features: [],
    },
  }
}
