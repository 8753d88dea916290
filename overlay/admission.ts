import type {
  ComponentLogger,
  ConnectionEncrypter,
  MessageStream,
  MultiaddrConnection,
  PeerId,
  PrivateKey,
  Transport,
} from '@libp2p/interface'
import type { ValidPath } from '../records/index.ts'
import type { Opinion } from './verdicts.ts'

/** A peer that proved who it is, as the link tells the overlay before the connection opens. */
export interface Admission {
  readonly peerId: PeerId
  readonly path: ValidPath & Partial<Opinion>
  /** When the gate was asked, on the monotonic clock in milliseconds. Default: when the overlay is told. */
  readonly judgedAtMs?: number
  /** What the link agreed on, for status: class (`post-quantum` or `classical`), TLS group, policy version and the like. */
  readonly link?: Readonly<Record<string, string | number>>
}

/** A connection that was refused, by either side. */
export interface Refusal {
  /** Code of the error, as this side or the other side named it. */
  readonly code: string
  readonly direction: 'inbound' | 'outbound'
  /** Who refused. */
  readonly by?: 'self' | 'peer'
  readonly remoteAddress?: string
  /** node_id of the peer, once its certificate path held. */
  readonly nodeId?: string
}

/** Where a link reports to. All are called inside the connection upgrade, before any stream can open. */
export interface AdmissionSink {
  onAdmitted(admission: Admission): void
  onRefusal(refusal: Refusal): void
  /** The other side of an inbound connection has begun its handshake in earnest. `connection` is the one to be secured. */
  onHello?(connection: MessageStream): void
}

/** Makes the one connection encrypter of a node; it must call `onAdmitted` before it returns a secured connection. */
export type EncrypterFactory = (sink: AdmissionSink) => ConnectionEncrypter

/** QUIC, which libp2p asks no encrypter about: a transport, and the gate in which its connections are admitted. */
export interface QuicLink {
  transport(): Promise<(components: { logger: ComponentLogger; privateKey: PrivateKey }) => Transport>
  /** libp2p's gate of encrypted connections, both directions; it must call `onAdmitted` before it answers. */
  gate(peerId: PeerId, connection: MultiaddrConnection): Promise<boolean>
}

/** Makes the QUIC link of a node that has one. */
export type QuicFactory = (sink: AdmissionSink) => QuicLink
