import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { acceptTls, connectTls, shownCertificates } from '../../../core/tls/index.ts'
import type { EndpointId } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import { MAX_LINK_CHAIN } from '../../limits.ts'

/** Who a node is on its links, and whom it believes; the agent provides it. */
export interface LinkSecurity {
  /** Certificates and key to show, and what else of TLS is chosen (groups, signature algorithms). TLS 1.3 is a must. */
  readonly context: Pick<SecureContextOptions, 'cert' | 'key' | 'ciphers' | 'ecdhCurve' | 'sigalgs'>
  /**
   * Judges the chain of a peer that has proven to hold the key of its leaf, leaf first, in DER.
   * @returns the node's endpoint that the leaf proves
   * @throws when the peer is not to be believed
   */
  judge(chainDer: readonly Uint8Array[]): Promise<EndpointId>
}

/** A connection under TLS, and whose it is. */
export interface Secured {
  readonly socket: TLSSocket
  readonly endpoint: EndpointId | undefined
}

/** TLS over connections that have begun without (RFC 9174 §4.4). */
export class TlsUpgrade {
  readonly #server: Server
  readonly #client: SecureContext
  readonly #judge: LinkSecurity['judge']

  constructor(security: LinkSecurity) {
    const context: SecureContextOptions = {
      ...security.context,
      // Trust is judged elsewhere; an empty list spares the built-in roots.
      ca: [],
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      secureOptions: constants.SSL_OP_NO_TICKET,
    }
    this.#client = createSecureContext(context)
    this.#server = createServer({ ...context, requestCert: true, rejectUnauthorized: false })
    this.#judge = (chain) => security.judge(chain)
  }

  /**
   * Upgrades a paused connection; what was read of it ahead must have been put back before. The dialler is the client.
   * The answer is paused too, and has no endpoint where the peer could not be believed.
   * @throws BUNDLES_LINK_TLS
   */
  async upgrade(raw: Socket, role: 'active' | 'passive'): Promise<Secured> {
    const handshake =
      role === 'active' ? connectTls(raw, { secureContext: this.#client }) : acceptTls(this.#server, raw)
    const socket = await handshake.catch((cause) => {
      throw BUNDLES_ERRORS.create('BUNDLES_LINK_TLS', { cause })
    })
    socket.pause()
    const chain = shownBy(socket)
    if (chain.length === 0 || chain.length > MAX_LINK_CHAIN || socket.isSessionReused()) return refused(socket)
    return this.#judge(chain).then(
      (endpoint) => ({ socket, endpoint }),
      () => refused(socket),
    )
  }
}

function shownBy(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  for (const { raw } of shownCertificates(socket)) {
    chain.push(new Uint8Array(raw))
    if (chain.length > MAX_LINK_CHAIN) break
  }
  return chain
}

function refused(socket: TLSSocket): Secured {
  return { socket, endpoint: undefined }
}
