/** The transports that the conformance suites run on, each with its hand-made peers. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { quic } from '@chainsafe/libp2p-quic'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type {
  ComponentLogger,
  Logger,
  MultiaddrConnection,
  Transport,
  Upgrader,
  UpgraderWithoutEncryptionOptions,
} from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { encodeCbor } from '../../../core/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import { FrameChannel } from '../../../overlay/link/frame-channel.ts'
import { QuicDuplex } from '../../../overlay/link/quic/quic-duplex.ts'
import { type RawConnection, rawConnectionOf } from '../../../overlay/link/quic/raw-connection.ts'
import type { TestMesh, TestNode } from '../../helpers/pki.ts'
import {
  acceptTls,
  dialTls,
  type LinkNode,
  type LinkNodeChanges,
  listenRaw,
  type RawPeer,
  startNode,
} from './support.ts'

/** One transport under test. */
export interface LinkKit {
  readonly transport: 'tcp' | 'quic'
  /** What a good admission reports of the link, policy and features aside. */
  readonly facts: Readonly<Record<string, string>>
  start(mesh: TestMesh, nodeId: string, changes?: LinkNodeChanges): Promise<LinkNode>
  /** A hand-made dialler, up to the first frame that both transports share. */
  dial(node: LinkNode, self: TestNode): Promise<RawPeer>
  /** A hand-made listener: `handle` gets each connection, up to the first frame that both transports share. */
  listen(
    parties: { dialler: TestNode; listener: TestNode },
    handle: (peer: RawPeer) => Promise<void>,
  ): Promise<{ address: Multiaddr; close: () => Promise<void> }>
}

export const TCP_KIT: LinkKit = {
  transport: 'tcp',
  facts: {
    class: 'post-quantum',
    protocol: 'TLSv1.3',
    group: 'SecP384r1MLKEM1024',
    cipher: 'TLS_AES_256_GCM_SHA384',
    signature: 'ML-DSA-87',
  },
  start: (mesh, nodeId, changes) => startNode(mesh, nodeId, { ...changes, transport: 'tcp' }),
  dial: (node, self) => dialTls(node, self),
  listen: (parties, handle) => listenRaw((raw) => void acceptTls(raw, parties).then(handle, () => undefined)),
}

export const QUIC_KIT: LinkKit = {
  transport: 'quic',
  facts: { class: 'classical', protocol: 'QUICv1', signature: 'ML-DSA-87' },
  start: (mesh, nodeId, changes) => startNode(mesh, nodeId, { ...changes, transport: 'quic' }),
  async dial(node, self) {
    const connection = await dialQuic(node.address, self)
    const peer = quicPeer(await connection.raw.outboundStream(), connection, {
      role: 'dialler',
      dialler: self,
      listener: node.self,
    })
    peer.channel.send({ type: 'certificates', chain: self.chain.slice(0, -1) })
    await peer.channel.expect('certificates')
    return peer
  },
  listen: (parties, handle) =>
    listenQuic(parties.listener, async (connection) => {
      const peer = quicPeer(await connection.raw.inboundStream(), connection, { role: 'listener', ...parties })
      await peer.channel.expect('certificates')
      peer.channel.send({ type: 'certificates', chain: parties.listener.chain.slice(0, -1) })
      await handle(peer)
    }),
}

/** A QUIC connection outside libp2p. */
export interface QuicConnection {
  readonly raw: RawConnection
  readonly closed: Promise<unknown>
  abort(): void
}

const LOG: Logger = Object.assign(() => undefined, {
  enabled: false,
  error: () => undefined,
  trace: () => undefined,
  newScope: () => LOG,
})
const SILENT: ComponentLogger = { forComponent: () => LOG }

function bareTransport(self: TestNode): Transport & { start(): Promise<void>; stop(): Promise<void> } {
  const privateKey = privateKeyFromRaw(self.overlayRawKey)
  return quic()({ logger: SILENT, privateKey }) as ReturnType<typeof bareTransport>
}

/** Dials with the overlay key of `self` and does nothing more. The transport behind it ends with the connection. */
export async function dialQuic(address: Multiaddr, self: TestNode): Promise<QuicConnection> {
  const transport = bareTransport(self)
  const { promise, resolve } = Promise.withResolvers<QuicConnection>()
  const upgradeOutbound = async (connection: MultiaddrConnection, options: UpgraderWithoutEncryptionOptions) => {
    resolve(bareConnection(connection, options))
    return {}
  }
  await transport.dial(address, {
    upgrader: { upgradeOutbound } as unknown as Upgrader,
    signal: AbortSignal.timeout(5000),
  })
  const connection = await promise
  void connection.closed.then(() => transport.stop())
  return connection
}

/** What a QUIC dialler sends first. */
export async function firstDatagram(self: TestNode): Promise<Buffer> {
  const sink = createSocket('udp4').bind(0, '127.0.0.1')
  await once(sink, 'listening')
  const transport = bareTransport(self)
  const address = multiaddr(`/ip4/127.0.0.1/udp/${sink.address().port}/quic-v1`)
  transport.dial(address, { upgrader: {} as Upgrader, signal: AbortSignal.timeout(5000) }).catch(() => undefined)
  const [datagram] = (await once(sink, 'message')) as [Buffer]
  sink.close()
  await transport.stop()
  return datagram
}

/** Listens with the overlay key of `self` and hands over whatever connects. */
export async function listenQuic(
  self: TestNode,
  handle: (connection: QuicConnection) => Promise<void>,
): Promise<{ address: Multiaddr; close: () => Promise<void> }> {
  const transport = bareTransport(self)
  const upgradeInbound = async (connection: MultiaddrConnection, options: UpgraderWithoutEncryptionOptions) => {
    void handle(bareConnection(connection, options)).catch(() => undefined)
  }
  const listener = transport.createListener({ upgrader: { upgradeInbound } as unknown as Upgrader })
  await listener.listen(multiaddr('/ip4/127.0.0.1/udp/0/quic-v1'))
  const [address] = listener.getAddrs()
  if (address === undefined) throw new Error('the listener does not listen')
  const close = async () => {
    await listener.close()
    await transport.stop()
  }
  return { address, close }
}

function bareConnection(connection: MultiaddrConnection, options: UpgraderWithoutEncryptionOptions): QuicConnection {
  return {
    raw: rawConnectionOf(options.muxerFactory),
    closed: new Promise((resolve) => connection.addEventListener('close', resolve)),
    abort: () => connection.abort(new Error('the test hangs up')),
  }
}

/** A hand-made side of an admission on one stream of a QUIC connection. */
export function quicPeer(
  stream: Awaited<ReturnType<RawConnection['inboundStream']>>,
  connection: QuicConnection,
  { role, dialler, listener }: { role: 'dialler' | 'listener'; dialler: TestNode; listener: TestNode },
): RawPeer {
  const duplex = new QuicDuplex(stream)
  const [diallerId, listenerId] = [dialler, listener].map(
    ({ overlayRawKey }) => peerIdFromPrivateKey(privateKeyFromRaw(overlayRawKey)).toMultihash().bytes,
  )
  return {
    stream: duplex,
    channel: new FrameChannel(duplex),
    closed: connection.closed,
    hangUp: () => connection.abort(),
    facts: {
      protocol: '/dadm-mesh/1/quic',
      role,
      mesh: 'test-mesh',
      diallerCertificate: sha256(dialler.certificate.der),
      listenerCertificate: sha256(listener.certificate.der),
      channelBinding: sha256(encodeCbor(['gapmesh-quic-1', diallerId ?? '', listenerId ?? ''])),
      policyVersion: 0,
      features: [],
    },
  }
}
