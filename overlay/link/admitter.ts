import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import type { MessageStream, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import type { GapmeshError } from '../../core/index.ts'
import { type SigningKey, sha256 } from '../../crypto/index.ts'
import { externalAad } from '../../records/index.ts'
import type { ValidPath } from '../../records/path/index.ts'
import type { Admission } from '../admission.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { opinionOf } from '../verdicts.ts'
import type { Deadline } from './deadline.ts'
import { AdmissionExchange, type PeerTerms } from './exchange.ts'
import type { FrameChannel } from './frame-channel.ts'
import { failureOf, labelled, toldCode } from './link-error.ts'
import type { LinkSettings, MeshTlsDependencies, MeshTlsOptions } from './options.ts'
import type { LinkRole } from './statement.ts'
import { LINK_PROFILES, type LinkCredentials } from './tls-endpoint.ts'

/** What a connection is while it is upgraded, on any transport. */
export interface Attempt {
  readonly role: LinkRole
  readonly raw: MessageStream
  readonly deadline: Deadline
  /** Known once frames can pass. */
  channel?: FrameChannel
  /** Known once the peer's path held. */
  path?: Admission['path']
  /** When the gate was asked, on the monotonic clock in milliseconds. */
  judgedAtMs?: number
}

/** What the two sides of one connection say about it and themselves. */
export interface Terms {
  /** Names the transport in the statements. */
  readonly protocol: string
  readonly channelBinding: Uint8Array
  /** What this side has shown. */
  readonly credentials: LinkCredentials
}

/** Failures after which the other side is gone, or this side no longer waits for it. */
const UNTOLD: ReadonlySet<string> = new Set(['OVERLAY_LINK_CLOSED', 'OVERLAY_LINK_ABORTED', 'OVERLAY_LINK_REFUSED'])

/** The part of an admission that is the same on every transport: judge the chain, exchange statements, tell refusals. */
export class Admitter {
  readonly #settings: LinkSettings
  readonly #deviceKey: SigningKey
  readonly #dependencies: MeshTlsDependencies
  readonly #aadItem: Uint8Array

  constructor(options: LinkSettings & Pick<MeshTlsOptions, 'deviceKey'>, dependencies: MeshTlsDependencies) {
    this.#settings = options
    this.#deviceKey = options.deviceKey
    this.#dependencies = dependencies
    this.#aadItem = externalAad(options.mesh, sha256(options.rootDer))
  }

  /**
   * Decides on the peer's chain and notes its path in `attempt`.
   * @param expected who the peer must be: whom this node dialled, whom the transport has proven
   * @returns the PeerId that the certificate names
   * @throws OVERLAY_LINK_*, and what the gate throws
   */
  async judge(
    attempt: Attempt,
    chain: readonly Uint8Array[],
    expected: readonly (PeerId | undefined)[],
  ): Promise<PeerId> {
    const { gate, clock } = this.#dependencies
    const judgedAtMs = clock.monotonic()
    const path = await gate.judge(chain)
    Object.assign(attempt, { path, judgedAtMs })
    if (opinionOf(path).verdict === 'untrusted') throw OVERLAY_ERRORS.create('OVERLAY_LINK_UNTRUSTED')
    if (path.mesh !== this.#settings.mesh) throw OVERLAY_ERRORS.create('OVERLAY_LINK_MESH')
    if (!LINK_PROFILES[this.#settings.level].signatures.includes(path.identityKey.suite.name)) {
      throw OVERLAY_ERRORS.create('OVERLAY_LINK_SIGNATURE_ALGORITHM')
    }
    const peerId = peerIdOf(path)
    if (expected.some((due) => due?.equals(peerId) === false)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_PEER_ID')
    return peerId
  }

  /**
   * Exchanges statements with a peer whose path held.
   * @returns the admission, but for the PeerId
   * @throws OVERLAY_LINK_*
   */
  async exchange({ role, path, judgedAtMs, channel }: Attempt, terms: Terms): Promise<Omit<Admission, 'peerId'>> {
    if (path === undefined || channel === undefined) throw new TypeError('the peer must be judged first')
    const { provider, random } = this.#dependencies
    const { mesh, policyVersion, features } = this.#settings
    const { identityKey, chainDer } = terms.credentials
    const [own, other] = [sha256(chainDer[0] ?? new Uint8Array()), path.leaf.fingerprint]
    const peerTerms = await new AdmissionExchange({ channel, provider, random }).run({
      role,
      common: {
        protocol: terms.protocol,
        mesh,
        diallerCertificate: role === 'dialler' ? own : other,
        listenerCertificate: role === 'dialler' ? other : own,
        channelBinding: terms.channelBinding,
      },
      own: { policyVersion, features },
      aadItem: this.#aadItem,
      signingKeys: [identityKey, this.#deviceKey],
      peerKeys: path,
    })
    return { path, link: linkFacts(path, peerTerms), ...(judgedAtMs === undefined ? {} : { judgedAtMs }) }
  }

  /**
   * Reports a failed attempt and tells the peer if it can still be told.
   * @returns what to throw at libp2p
   */
  async refuse({ role, raw, path, channel }: Attempt, error: GapmeshError): Promise<Error> {
    const { clock, logger, sink } = this.#dependencies
    const refusal = {
      ...failureOf(error),
      direction: role === 'listener' ? ('inbound' as const) : ('outbound' as const),
      ...('remoteAddr' in raw ? { remoteAddress: String(raw.remoteAddr) } : {}),
      ...(path === undefined ? {} : { nodeId: path.nodeId }),
    }
    logger.debug({ ...refusal, err: error }, 'link refused')
    sink.onRefusal(refusal)
    if (channel !== undefined && !UNTOLD.has(error.code)) await channel.refuse(toldCode(error), clock)
    return labelled(error)
  }
}

function linkFacts(path: ValidPath, { policyVersion, features }: PeerTerms): Record<string, string | number> {
  return { signature: path.identityKey.suite.name.toUpperCase(), policyVersion, features: features.join(' ') }
}

function peerIdOf(path: ValidPath): PeerId {
  if (path.overlayPublicKey === undefined) throw OVERLAY_ERRORS.create('OVERLAY_LINK_NO_PEER_ID')
  try {
    return peerIdFromPublicKey(publicKeyFromProtobuf(path.overlayPublicKey))
  } catch (cause) {
    throw OVERLAY_ERRORS.create('OVERLAY_LINK_NO_PEER_ID', { cause })
  }
}
