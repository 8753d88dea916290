import { setMaxListeners } from 'node:events'
import {
  type ComponentLogger,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type MultiaddrConnection,
  type MultiaddrFilter,
  type PeerId,
  type PrivateKey,
  serviceCapabilities,
  type Transport,
  transportSymbol,
  type Upgrader,
  type UpgraderOptions,
  type UpgraderWithoutEncryptionOptions,
} from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { MAX_QUIC_CONNECTION_WINDOW_BYTES, MAX_QUIC_HANDSHAKES, MAX_QUIC_STREAM_WINDOW_BYTES } from '../../limits.ts'
import type { LinkRole } from '../statement.ts'
import { type RawConnection, rawConnectionOf } from './raw-connection.ts'

/** What libp2p hands a transport. */
export interface QuicComponents {
  readonly logger: ComponentLogger
  readonly privateKey: PrivateKey
}

/** A QUIC connection on its way into libp2p, as the gate needs it. */
export interface Arrival {
  readonly role: LinkRole
  readonly quic: RawConnection
  /** PeerId this node proves on QUIC. */
  readonly self: PeerId
  /** PeerId in the address that was dialled. */
  readonly dialled: PeerId | undefined
  readonly signal: AbortSignal | undefined
}

/** Notes what arrives, before libp2p's gates are asked about it. */
export type NoteArrival = (connection: MultiaddrConnection, arrival: Arrival) => void

type StartableTransport = Transport & { start(): Promise<void>; stop(): Promise<void> }
type Wrapped = Readonly<{ transport: StartableTransport; self: PeerId; note: NoteArrival }>
type UpgradeOptions = UpgraderOptions | UpgraderWithoutEncryptionOptions

/**
 * Makes libp2p's QUIC transport, whose connections are noted before they are upgraded. The native library is loaded here
 * and not before: where it does not exist, everything but QUIC works.
 */
export async function loadQuic(note: NoteArrival): Promise<(components: QuicComponents) => Transport> {
  const { quic } = await import('@chainsafe/libp2p-quic')
  const create = quic({
    maxStreamData: MAX_QUIC_STREAM_WINDOW_BYTES,
    maxConnectionData: MAX_QUIC_CONNECTION_WINDOW_BYTES,
  })
  return (components) =>
    new NotingTransport({
      transport: create(components) as StartableTransport,
      self: peerIdFromPrivateKey(components.privateKey),
      note,
    })
}

class NotingTransport implements StartableTransport {
  readonly [Symbol.toStringTag] = 'quic'
  readonly [transportSymbol] = true
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly listenFilter: MultiaddrFilter
  readonly dialFilter: MultiaddrFilter
  readonly #wrapped: Wrapped

  constructor(wrapped: Wrapped) {
    this.#wrapped = wrapped
    this.listenFilter = wrapped.transport.listenFilter
    this.dialFilter = wrapped.transport.dialFilter
  }

  start(): Promise<void> {
    return this.#wrapped.transport.start()
  }

  stop(): Promise<void> {
    return this.#wrapped.transport.stop()
  }

  /** The library's own comparison with the PeerId dialled is left out: admission makes it, and tells the other side. */
  dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const id = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
    const dialled = id === undefined ? undefined : peerIdFromString(id)
    const upgrader = new NotingUpgrader(options.upgrader, { ...this.#wrapped, role: 'dialler', dialled })
    const bare = id === undefined ? address : address.decapsulate(`/p2p/${id}`)
    return this.#wrapped.transport.dial(bare, { ...options, upgrader })
  }

  createListener(options: CreateListenerOptions): Listener {
    const upgrader = new NotingUpgrader(options.upgrader, { ...this.#wrapped, role: 'listener', dialled: undefined })
    const listener = this.#wrapped.transport.createListener({ ...options, upgrader }) as QuicListener
    listener.addEventListener('listening', () => acceptManyAtATime(listener), { once: true })
    return listener
  }
}

/** What the library's listener has beyond libp2p's interface. */
type QuicListener = Listener & { state: { controller?: AbortController }; awaitInboundConnections(): Promise<void> }

/** One loop accepts, waits for the whole handshake and accepts again: more loops, and the silent no longer hold up the others. */
function acceptManyAtATime(listener: QuicListener): void {
  if (listener.state.controller !== undefined) setMaxListeners(0, listener.state.controller.signal)
  for (let loops = 1; loops < MAX_QUIC_HANDSHAKES; loops += 1) void listener.awaitInboundConnections()
}

/** libp2p's upgrader, told apart only by noting what it is handed. */
class NotingUpgrader implements Upgrader {
  readonly #upgrader: Upgrader
  readonly #note: (connection: MultiaddrConnection, options: UpgradeOptions) => void

  constructor(upgrader: Upgrader, known: Pick<Arrival, 'role' | 'self' | 'dialled'> & { note: NoteArrival }) {
    const { role, self, dialled, note } = known
    this.#upgrader = upgrader
    this.#note = (connection, { muxerFactory, signal }) => {
      note(connection, { role, self, dialled, signal, quic: rawConnectionOf(muxerFactory) })
    }
  }

  async upgradeOutbound(connection: MultiaddrConnection, options: UpgradeOptions): Promise<Connection> {
    this.#note(connection, options)
    return this.#upgrader.upgradeOutbound(connection, options as UpgraderOptions)
  }

  async upgradeInbound(connection: MultiaddrConnection, options: UpgradeOptions): Promise<void> {
    this.#note(connection, options)
    return this.#upgrader.upgradeInbound(connection, options as UpgraderOptions)
  }

  createInboundAbortSignal(signal: AbortSignal): ReturnType<Upgrader['createInboundAbortSignal']> {
    return this.#upgrader.createInboundAbortSignal(signal)
  }

  getStreamMuxers(): ReturnType<Upgrader['getStreamMuxers']> {
    return this.#upgrader.getStreamMuxers()
  }

  getConnectionEncrypters(): ReturnType<Upgrader['getConnectionEncrypters']> {
    return this.#upgrader.getConnectionEncrypters()
  }
}
