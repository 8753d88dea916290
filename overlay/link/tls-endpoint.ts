import { constants, X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { equalBytes } from '../../core/index.ts'
import { acceptTls, connectTls, shownCertificates } from '../../core/tls/index.ts'
import type { SoftwareSigningKey, SuiteName } from '../../crypto/index.ts'
import { completeChain } from './chain.ts'
import { tlsFailure } from './tls-errors.ts'

/** The only application protocol of a link (RFC 7301). */
export const LINK_ALPN = 'dadm-mesh/1'

/** The only cipher suite of a link. */
export const LINK_CIPHER = 'TLS_AES_256_GCM_SHA384'

/** How strong, and so how large, the post-quantum half of a mesh is; one for the whole mesh. */
export type LinkLevel = 'level5' | 'level3'

/** What a level allows on a link. */
export interface LinkProfile {
  /** Groups by preference: IANA number to OpenSSL's name. */
  readonly groups: ReadonlyMap<number, string>
  readonly signatures: readonly SuiteName[]
}

/** The profiles; on narrow links the smaller key share goes first. */
export const LINK_PROFILES: Readonly<Record<LinkLevel, LinkProfile>> = Object.freeze({
  level5: { groups: new Map([[0x11ed, 'SecP384r1MLKEM1024']]), signatures: ['ml-dsa-87'] as const },
  level3: {
    groups: new Map([
      [0x11ec, 'X25519MLKEM768'],
      [0x11ed, 'SecP384r1MLKEM1024'],
    ]),
    signatures: ['ml-dsa-65', 'ml-dsa-87'] as const,
  },
})

/** OpenSSL's names of the signature schemes. */
const SCHEMES: Partial<Record<SuiteName, string>> = { 'ml-dsa-65': 'mldsa65', 'ml-dsa-87': 'mldsa87' }

/** What a node shows and proves on its links; replaced when its certificate is renewed. */
export interface LinkCredentials {
  /** Certificates in DER, leaf first; the root may be left out. */
  readonly chainDer: readonly Uint8Array[]
  /** The identity key: subject key of the leaf. */
  readonly identityKey: SoftwareSigningKey
}

/** TLS for all links of a node: the key is imported once, into one context per role. */
export class TlsEndpoint {
  readonly #root: X509Certificate
  readonly #server: Server
  readonly #client: SecureContext

  constructor({ chainDer, identityKey }: LinkCredentials, options: { level: LinkLevel; rootDer: Uint8Array }) {
    this.#root = new X509Certificate(options.rootDer)
    const shown = chainDer.filter((der) => !equalBytes(der, options.rootDer))
    const context = contextOptions(LINK_PROFILES[options.level], {
      cert: shown.map((der) => new X509Certificate(der).toString()).join(''),
      key: identityKey.keyObject.export({ type: 'pkcs8', format: 'pem' }),
    })
    this.#client = createSecureContext(context)
    this.#server = createServer({
      ...context,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [LINK_ALPN],
    })
  }

  /**
   * The listener's side of a handshake.
   * @throws OVERLAY_LINK_* of the TLS layer
   */
  accept(duplex: Duplex): Promise<TLSSocket> {
    return acceptTls(this.#server, duplex).catch(failed)
  }

  /**
   * The dialler's side of a handshake. Ends before the listener has judged the dialler's certificate.
   * @throws OVERLAY_LINK_* of the TLS layer
   */
  connect(duplex: Duplex): Promise<TLSSocket> {
    return connectTls(duplex, { secureContext: this.#client, ALPNProtocols: [LINK_ALPN] }).catch(failed)
  }

  /**
   * The certificates whose key the peer has proven to hold, leaf first, up to the root of this mesh.
   * @throws OVERLAY_LINK_NO_CERTIFICATE, OVERLAY_LINK_CHAIN_LENGTH, OVERLAY_LINK_SELF_SIGNED, OVERLAY_LINK_OTHER_ROOT
   */
  peerChain(socket: TLSSocket): Uint8Array[] {
    return completeChain(shownCertificates(socket), this.#root)
  }
}

function failed(cause: unknown): never {
  throw tlsFailure(cause)
}

function contextOptions(profile: LinkProfile, own: { cert: string; key: string | Buffer }): SecureContextOptions {
  return {
    ...own,
    // Trust is judged elsewhere; an empty list spares the built-in roots and keeps OpenSSL from sending ours.
    ca: [],
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: LINK_CIPHER,
    ecdhCurve: [...profile.groups.values()].join(':'),
    sigalgs: profile.signatures.map((suite) => SCHEMES[suite]).join(':'),
    // OpenSSL then hands out references to a cache that Node does not keep, instead of sealed sessions.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}
