import { X509Certificate } from 'node:crypto'
import type { MultiaddrConnection, PeerId, Transport } from '@libp2p/interface'
import { encodeCbor, equalBytes, type GapmeshError } from '../../../core/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import type { Admission, QuicLink } from '../../admission.ts'
import { OVERLAY_ERRORS } from '../../errors.ts'
import { malformedFrame } from '../admission.ts'
import { Admitter, type Attempt } from '../admitter.ts'
import { completeChain } from '../chain.ts'
import { Deadline } from '../deadline.ts'
import { FrameChannel } from '../frame-channel.ts'
import { asGapmeshError } from '../link-error.ts'
import {
  checkedCredentials,
  checkedOptions,
  type LinkSettings,
  type MeshTlsDependencies,
  type MeshTlsOptions,
} from '../options.ts'
import type { LinkCredentials } from '../tls-endpoint.ts'
import { QuicDuplex } from './quic-duplex.ts'
import { type Arrival, loadQuic, type QuicComponents } from './quic-transport.ts'

/** What statements on QUIC name as their protocol. */
export const QUIC_PROTOCOL = '/dadm-mesh/1/quic'

interface QuicAttempt extends Attempt {
  readonly arrival: Arrival
  /** PeerId that the other side has proven on QUIC. */
  readonly proven: PeerId
  /** Known once the stream of the admission is open. */
  duplex?: QuicDuplex
}

/**
 * The link over QUIC: the transport, and the gate that admits its connections on their first stream, before libp2p makes
 * the muxer that would serve any other. QUIC's own TLS is classical and proves the overlay key alone.
 */
export class MeshQuic implements QuicLink {
  readonly #options: LinkSettings
  readonly #dependencies: MeshTlsDependencies
  readonly #admitter: Admitter
  readonly #root: X509Certificate
  readonly #arrivals = new WeakMap<MultiaddrConnection, Arrival>()
  #credentials: LinkCredentials

  constructor(options: MeshTlsOptions, dependencies: MeshTlsDependencies) {
    this.#options = checkedOptions(options)
    this.#dependencies = dependencies
    this.#admitter = new Admitter({ ...options, ...this.#options }, dependencies)
    this.#root = new X509Certificate(options.rootDer)
    this.#credentials = checkedCredentials(options)
  }

  /** Shows another certificate from the next connection on; connections that stand are not touched. */
  renew(credentials: LinkCredentials): void {
    this.#credentials = checkedCredentials(credentials)
  }

  /** @throws OVERLAY_QUIC where the native library does not exist */
  async transport(): Promise<(components: QuicComponents) => Transport> {
    try {
      return await loadQuic((connection, arrival) => this.#arrivals.set(connection, arrival))
    } catch (cause) {
      throw OVERLAY_ERRORS.create('OVERLAY_QUIC', { cause })
    }
  }

  /** Holds a QUIC connection until it is admitted, and passes any other. Denies by throwing, so that libp2p keeps the code. */
  async gate(proven: PeerId, connection: MultiaddrConnection): Promise<boolean> {
    const arrival = this.#arrivals.get(connection)
    if (arrival !== undefined) await this.#hold({ arrival, proven, connection })
    return false
  }

  async #hold({
    arrival,
    proven,
    connection: raw,
  }: {
    arrival: Arrival
    proven: PeerId
    connection: MultiaddrConnection
  }) {
    const { clock, sink } = this.#dependencies
    const { role, signal } = arrival
    const deadline = new Deadline({ clock, timeoutMs: this.#options.handshakeTimeoutMs, signal })
    const attempt: QuicAttempt = { role, raw, deadline, arrival, proven }
    try {
      const admission = await deadline.race(this.#admit(attempt, this.#credentials))
      // The library's muxer asks a connection that is closed when it is made for streams for ever, without a pause.
      if (raw.status !== 'open') throw OVERLAY_ERRORS.create('OVERLAY_LINK_CLOSED')
      sink.onAdmitted(admission)
      attempt.duplex?.leave()
    } catch (error) {
      throw await this.#refuse(attempt, asGapmeshError(error))
    } finally {
      deadline.end()
    }
  }

  /** The listener shows its chain only to a peer whose own chain held and names the PeerId that QUIC has proven. */
  async #admit(attempt: QuicAttempt, credentials: LinkCredentials): Promise<Admission> {
    const { role, raw, arrival, proven } = attempt
    const duplex = await openStream(arrival)
    attempt.duplex = duplex
    const channel = new FrameChannel(duplex)
    attempt.channel = channel
    if (arrival.dialled?.equals(proven) === false) throw OVERLAY_ERRORS.create('OVERLAY_LINK_PEER_ID')
    if (role === 'dialler') this.#show(channel, credentials)
    const { chain } = await channel.expect('certificates')
    if (role === 'listener') this.#dependencies.sink.onHello?.(raw)
    const peerId = await this.#admitter.judge(attempt, completeChain(chain.map(readCertificate), this.#root), [proven])
    if (role === 'listener') this.#show(channel, credentials)
    const terms = { protocol: QUIC_PROTOCOL, channelBinding: quicBinding(attempt), credentials }
    const { link, ...admission } = await this.#admitter.exchange(attempt, terms)
    return { ...admission, peerId, link: { class: 'classical', protocol: 'QUICv1', ...link } }
  }

  #show(channel: FrameChannel, { chainDer }: LinkCredentials): void {
    const chain = chainDer.filter((der) => !equalBytes(der, this.#options.rootDer))
    channel.send({ type: 'certificates', chain })
  }

  async #refuse(attempt: QuicAttempt, error: GapmeshError): Promise<Error> {
    const { raw, duplex } = attempt
    const thrown = await this.#admitter.refuse(attempt, error)
    duplex?.destroy()
    raw.abort(error)
    return thrown
  }
}

/** The first stream of the connection, which the dialler opens. */
async function openStream({ role, quic }: Arrival): Promise<QuicDuplex> {
  try {
    return new QuicDuplex(await (role === 'dialler' ? quic.outboundStream() : quic.inboundStream()))
  } catch (cause) {
    throw OVERLAY_ERRORS.create('OVERLAY_LINK_CLOSED', { cause })
  }
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    const certificate = new X509Certificate(der)
    if (equalBytes(certificate.raw, der)) return certificate
  } catch {
    // What OpenSSL says about it is nobody's business.
  }
  throw malformedFrame('certificate')
}

/**
 * What ties the statements to this connection, as far as QUIC's library lets them: it exports no secret, so the binding
 * is the pair of PeerIds that QUIC's TLS has proven. SHA-256 of the deterministic CBOR
 * `["gapmesh-quic-1", dialler's PeerId, listener's PeerId]`.
 */
export function quicBinding({
  role,
  proven,
  arrival: { self },
}: Pick<QuicAttempt, 'role' | 'proven' | 'arrival'>): Uint8Array {
  const [dialler, listener] = role === 'dialler' ? [self, proven] : [proven, self]
  return sha256(encodeCbor(['gapmesh-quic-1', dialler.toMultihash().bytes, listener.toMultihash().bytes]))
}
