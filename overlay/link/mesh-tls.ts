import type { TLSSocket } from 'node:tls'
import type {
  ConnectionEncrypter,
  MessageStream,
  PeerId,
  SecureConnectionOptions,
  SecuredConnection,
} from '@libp2p/interface'
import type { GapmeshError } from '../../core/index.ts'
import type { Admission } from '../admission.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { Admitter, type Attempt } from './admitter.ts'
import { Deadline } from './deadline.ts'
import { EncryptedStream } from './encrypted-stream.ts'
import { FrameChannel } from './frame-channel.ts'
import { HelloWatch } from './hello.ts'
import { asGapmeshError } from './link-error.ts'
import {
  checkedCredentials,
  checkedOptions,
  type LinkSettings,
  type MeshTlsDependencies,
  type MeshTlsOptions,
} from './options.ts'
import { CHANNEL_BINDING_BYTES, LINK_PROTOCOL, type LinkRole } from './statement.ts'
import { StreamDuplex } from './stream-duplex.ts'
import { LINK_ALPN, LINK_CIPHER, LINK_PROFILES, type LinkCredentials, TlsEndpoint } from './tls-endpoint.ts'

interface TlsAttempt extends Attempt {
  readonly dialled: PeerId | undefined
  readonly hellos: HelloWatch
  readonly duplex: StreamDuplex
  /** Known once TLS is established. */
  socket?: TLSSocket
}

interface LinkState {
  readonly credentials: LinkCredentials
  readonly tls: TlsEndpoint
}

/**
 * The connection encrypter `/dadm-mesh/1`: post-quantum mutual TLS 1.3, then admission, inside libp2p's connection
 * upgrade. A node has one; libp2p takes it as `connectionEncrypters: [() => link]`.
 */
export class MeshTls implements ConnectionEncrypter {
  readonly protocol = LINK_PROTOCOL
  readonly #options: LinkSettings
  readonly #dependencies: MeshTlsDependencies
  readonly #admitter: Admitter
  #state: LinkState

  constructor(options: MeshTlsOptions, dependencies: MeshTlsDependencies) {
    this.#options = checkedOptions(options)
    this.#dependencies = dependencies
    this.#admitter = new Admitter({ ...options, ...this.#options }, dependencies)
    this.#state = this.#stateFor(options)
  }

  /** Shows another certificate from the next handshake on; connections that stand are not touched. */
  renew(credentials: LinkCredentials): void {
    this.#state = this.#stateFor(credentials)
  }

  secureInbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#upgrade('listener', connection, options)
  }

  secureOutbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#upgrade('dialler', connection, options)
  }

  #stateFor(credentials: LinkCredentials): LinkState {
    return { credentials: checkedCredentials(credentials), tls: new TlsEndpoint(credentials, this.#options) }
  }

  async #upgrade(role: LinkRole, raw: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    const { clock, sink } = this.#dependencies
    const hellos = new HelloWatch(role, () => sink.onHello?.(raw))
    const attempt: TlsAttempt = {
      role,
      raw,
      dialled: options?.remotePeer,
      hellos,
      duplex: new StreamDuplex(raw, hellos),
      deadline: new Deadline({ clock, timeoutMs: this.#options.handshakeTimeoutMs, signal: options?.signal }),
    }
    try {
      const admission = await this.#admit(attempt, this.#state)
      const connection = new EncryptedStream(raw, attempt.socket as TLSSocket)
      sink.onAdmitted(admission)
      return { connection, remotePeer: admission.peerId }
    } catch (error) {
      throw await this.#refuse(attempt, asGapmeshError(error))
    } finally {
      attempt.deadline.end()
    }
  }

  async #admit(attempt: TlsAttempt, { credentials, tls }: LinkState): Promise<Admission> {
    const { role, deadline, duplex, dialled } = attempt
    const socket = await deadline.race(role === 'listener' ? tls.accept(duplex) : tls.connect(duplex))
    Object.assign(attempt, { socket, channel: new FrameChannel(socket) })
    const group = this.#checkHandshake(attempt, socket)
    const peerId = await deadline.race(this.#admitter.judge(attempt, tls.peerChain(socket), [dialled]))
    const channelBinding = socket.exportKeyingMaterial(
      CHANNEL_BINDING_BYTES,
      'EXPORTER-Channel-Binding',
      Buffer.alloc(0),
    )
    const terms = { protocol: LINK_PROTOCOL, credentials, channelBinding: new Uint8Array(channelBinding) }
    const { link, ...admission } = await deadline.race(this.#admitter.exchange(attempt, terms))
    const facts = { protocol: socket.getProtocol() ?? '', group, cipher: socket.getCipher().name }
    return { ...admission, peerId, link: { class: 'post-quantum', ...facts, ...link } }
  }

  /** What OpenSSL does not enforce, and what it does, once more. Answers the name of the group. */
  #checkHandshake({ hellos }: TlsAttempt, socket: TLSSocket): string {
    if (socket.alpnProtocol !== LINK_ALPN) throw OVERLAY_ERRORS.create('OVERLAY_LINK_ALPN')
    if (hellos.broken) throw OVERLAY_ERRORS.create('OVERLAY_LINK_GARBAGE')
    if (hellos.sessionOffered || socket.isSessionReused()) throw OVERLAY_ERRORS.create('OVERLAY_LINK_SESSION')
    if (socket.getProtocol() !== 'TLSv1.3') throw OVERLAY_ERRORS.create('OVERLAY_LINK_TLS_VERSION')
    if (socket.getCipher().name !== LINK_CIPHER) throw OVERLAY_ERRORS.create('OVERLAY_LINK_CIPHER')
    const group = LINK_PROFILES[this.#options.level].groups.get(hellos.group ?? 0)
    if (group === undefined) throw OVERLAY_ERRORS.create('OVERLAY_LINK_GROUP')
    return group
  }

  /** Reports a failed attempt, tells the peer where it can still be told, and leaves nothing open. */
  async #refuse(attempt: TlsAttempt, error: GapmeshError): Promise<Error> {
    const { raw, socket, duplex } = attempt
    const thrown = await this.#admitter.refuse(attempt, error)
    socket?.destroy()
    duplex.destroy()
    raw.abort(error)
    return thrown
  }
}
