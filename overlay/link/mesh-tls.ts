import type { TLSSocket } from 'node:tls'
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import type {
  ConnectionEncrypter,
  MessageStream,
  PeerId,
  SecureConnectionOptions,
  SecuredConnection,
} from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import type { GapmeshError } from '../../core/index.ts'
import { type SigningKey, sha256 } from '../../crypto/index.ts'
import type { ValidPath } from '../../records/path/index.ts'
import type { Admission } from '../admission.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { Deadline } from './deadline.ts'
import { EncryptedStream } from './encrypted-stream.ts'
import { AdmissionExchange, type PeerTerms } from './exchange.ts'
import { FrameChannel } from './frame-channel.ts'
import { HelloWatch } from './hello.ts'
import { asGapmeshError, failureOf, labelled, toldCode } from './link-error.ts'
import { checkedOptions, type LinkSettings, type MeshTlsDependencies, type MeshTlsOptions } from './options.ts'
import { CHANNEL_BINDING_BYTES, LINK_PROTOCOL, type LinkRole, statementContext } from './statement.ts'
import { StreamDuplex } from './stream-duplex.ts'
import { LINK_ALPN, LINK_CIPHER, LINK_PROFILES, type LinkCredentials, TlsEndpoint } from './tls-endpoint.ts'

/** What a connection is while it is upgraded. */
interface Attempt {
  readonly role: LinkRole
  readonly raw: MessageStream
  readonly dialled: PeerId | undefined
  readonly deadline: Deadline
  readonly hellos: HelloWatch
  readonly duplex: StreamDuplex
  /** Known once TLS is established. */
  socket?: TLSSocket
  /** Known once the peer's path held. */
  path?: ValidPath
}

interface LinkState {
  readonly credentials: LinkCredentials
  readonly certificateHash: Uint8Array
  readonly tls: TlsEndpoint
}

/**
 * The connection encrypter `/dadm-mesh/1`: post-quantum mutual TLS 1.3, then admission, inside libp2p's connection
 * upgrade. A node has one; libp2p takes it as `connectionEncrypters: [() => link]`.
 */
export class MeshTls implements ConnectionEncrypter {
  readonly protocol = LINK_PROTOCOL
  readonly #options: LinkSettings
  readonly #deviceKeys: readonly SigningKey[]
  readonly #dependencies: MeshTlsDependencies
  readonly #context: Uint8Array
  #state: LinkState

  constructor(options: MeshTlsOptions, dependencies: MeshTlsDependencies) {
    this.#options = checkedOptions(options)
    this.#deviceKeys = options.deviceKey === undefined ? [] : [options.deviceKey]
    this.#dependencies = dependencies
    this.#context = statementContext(options.mesh, sha256(options.rootDer))
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
    const [leaf] = credentials.chainDer
    if (leaf === undefined) throw new TypeError('chainDer must hold the certificate of this node')
    return { credentials, certificateHash: sha256(leaf), tls: new TlsEndpoint(credentials, this.#options) }
  }

  async #upgrade(role: LinkRole, raw: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    const { clock, sink } = this.#dependencies
    const hellos = new HelloWatch(role, () => sink.onHello?.(raw))
    const attempt: Attempt = {
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

  async #admit(attempt: Attempt, state: LinkState): Promise<Admission> {
    const { role, deadline, duplex, dialled } = attempt
    const socket = await deadline.race(role === 'listener' ? state.tls.accept(duplex) : state.tls.connect(duplex))
    attempt.socket = socket
    const group = this.#checkHandshake(attempt, socket)
    const path = await deadline.race(this.#dependencies.gate.judge(state.tls.peerChain(socket)))
    attempt.path = path
    if (path.mesh !== this.#options.mesh) throw OVERLAY_ERRORS.create('OVERLAY_LINK_MESH')
    if (!LINK_PROFILES[this.#options.level].signatures.includes(path.identityKey.suite.name)) {
      throw OVERLAY_ERRORS.create('OVERLAY_LINK_SIGNATURE_ALGORITHM')
    }
    const peerId = peerIdOf(path)
    if (dialled?.equals(peerId) === false) throw OVERLAY_ERRORS.create('OVERLAY_LINK_PEER_ID')
    const terms = await deadline.race(this.#exchange(attempt, { state, socket, path }))
    const link = {
      protocol: socket.getProtocol() ?? '',
      group,
      cipher: socket.getCipher().name,
      signature: path.identityKey.suite.name.toUpperCase(),
      policyVersion: terms.policyVersion,
      features: terms.features.join(' '),
    }
    return { peerId, path, link }
  }

  /** What OpenSSL does not enforce, and what it does, once more. Answers the name of the group. */
  #checkHandshake({ hellos }: Attempt, socket: TLSSocket): string {
    if (socket.alpnProtocol !== LINK_ALPN) throw OVERLAY_ERRORS.create('OVERLAY_LINK_ALPN')
    if (hellos.broken) throw OVERLAY_ERRORS.create('OVERLAY_LINK_GARBAGE')
    if (hellos.sessionOffered || socket.isSessionReused()) throw OVERLAY_ERRORS.create('OVERLAY_LINK_SESSION')
    if (socket.getProtocol() !== 'TLSv1.3') throw OVERLAY_ERRORS.create('OVERLAY_LINK_TLS_VERSION')
    if (socket.getCipher().name !== LINK_CIPHER) throw OVERLAY_ERRORS.create('OVERLAY_LINK_CIPHER')
    const group = LINK_PROFILES[this.#options.level].groups.get(hellos.group ?? 0)
    if (group === undefined) throw OVERLAY_ERRORS.create('OVERLAY_LINK_GROUP')
    return group
  }

  #exchange(
    { role }: Attempt,
    { state, socket, path }: { state: LinkState; socket: TLSSocket; path: ValidPath },
  ): Promise<PeerTerms> {
    const { provider, random } = this.#dependencies
    const { mesh, policyVersion, features } = this.#options
    const [own, other] = [state.certificateHash, path.leaf.fingerprint]
    const channelBinding = socket.exportKeyingMaterial(
      CHANNEL_BINDING_BYTES,
      'EXPORTER-Channel-Binding',
      Buffer.alloc(0),
    )
    return new AdmissionExchange({ channel: new FrameChannel(socket), provider, random }).run({
      role,
      common: {
        protocol: LINK_PROTOCOL,
        mesh,
        diallerCertificate: role === 'dialler' ? own : other,
        listenerCertificate: role === 'dialler' ? other : own,
        channelBinding: new Uint8Array(channelBinding),
      },
      own: { policyVersion, features },
      context: this.#context,
      signingKeys: [state.credentials.identityKey, ...this.#deviceKeys],
      peerKeys: [path.identityKey, path.deviceKey],
    })
  }

  /** Reports a failed attempt, tells the peer where it can still be told, and leaves nothing open. */
  async #refuse(attempt: Attempt, error: GapmeshError): Promise<Error> {
    const { clock, logger, sink } = this.#dependencies
    const { role, raw, socket, path, duplex } = attempt
    const refusal = {
      ...failureOf(error),
      direction: role === 'listener' ? ('inbound' as const) : ('outbound' as const),
      ...('remoteAddr' in raw ? { remoteAddress: String(raw.remoteAddr) } : {}),
      ...(path === undefined ? {} : { nodeId: path.nodeId }),
    }
    logger.debug({ ...refusal, err: error }, 'link refused')
    sink.onRefusal(refusal)
    if (socket !== undefined && !UNTOLD.has(error.code)) await new FrameChannel(socket).refuse(toldCode(error), clock)
    socket?.destroy()
    duplex.destroy()
    raw.abort(error)
    return labelled(error)
  }
}

/** Failures after which the other side is gone, or this side no longer waits for it. */
const UNTOLD: ReadonlySet<string> = new Set(['OVERLAY_LINK_CLOSED', 'OVERLAY_LINK_ABORTED', 'OVERLAY_LINK_REFUSED'])

function peerIdOf(path: ValidPath): PeerId {
  if (path.overlayPublicKey === undefined) throw OVERLAY_ERRORS.create('OVERLAY_LINK_NO_PEER_ID')
  try {
    return peerIdFromPublicKey(publicKeyFromProtobuf(path.overlayPublicKey))
  } catch (cause) {
    throw OVERLAY_ERRORS.create('OVERLAY_LINK_NO_PEER_ID', { cause })
  }
}
