import {
  type Clock,
  checkOptionKeys,
  checkWholeNumber,
  equalBytes,
  type Logger,
  type RandomSource,
  toHex,
} from '../../core/index.ts'
import { type SignatureProvider, withSecret } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import type { Certificate, Role } from '../../records/path/index.ts'
import { type Authority, issueServerCertificate } from '../certificates.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import {
  DEFAULT_TOKEN_LIFETIME_MS,
  MAX_ADDRESSES,
  MAX_TOKEN_LIFETIME_MS,
  MAX_TOKEN_USES,
  SERVER_LIFETIME_MS,
} from '../limits.ts'
import { encodePem } from '../pem.ts'
import { CA_LABEL, decideNodeId } from '../redemption.ts'
import { decodeToken, encodeToken, makeToken, tokenId } from '../token.ts'
import type { EnrollmentAnswer, EnrollmentRequest, MeshConfig } from '../types.ts'
import type { CaState, TokenCounts } from './ca-state.ts'
import type { AuditEntry, CaSettings } from './formats.ts'
import { CA_KEYS, ensureSigningKey, pseudonymKeyName } from './keys.ts'
import { Redeemer } from './redeemer.ts'

export interface CaDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
}

export interface TokenOptions {
  /** Binds the token to one node_id. Default: the request names the node. */
  nodeId?: string | undefined
  /** Roles of the certificate. Default `['node']`. */
  roles?: readonly Role[] | undefined
  /** Certificates that the token is good for, 1 to 1,000. Default 1. */
  uses?: number | undefined
  /** Default 24 hours, at most 30 days. */
  lifetimeMs?: number | undefined
}

export interface CaStatus {
  readonly mesh: string
  /** The fingerprint in hexadecimal. */
  readonly root: { readonly fingerprint: string; readonly notBeforeMs: number; readonly notAfterMs: number }
  /** Certificates issued to nodes so far. */
  readonly issued: number
  readonly tokens: TokenCounts
  readonly settings: CaSettings
}

/** What the HTTPS endpoint of the CA shows and signs with, PEM. */
export interface ServerIdentity {
  readonly certificateChain: string
  readonly privateKey: string
}

interface Parts {
  readonly settings: CaSettings
  readonly authority: Authority
  readonly state: CaState
  readonly keystore: Keystore
}

/** The CA of one mesh: makes tokens, redeems them for certificates. Comes from `initCa` and `openCa`. */
export class MeshCa {
  readonly #parts: Parts
  readonly #dependencies: CaDependencies
  readonly #redeemer: Redeemer

  constructor(parts: Parts, dependencies: CaDependencies) {
    this.#parts = parts
    this.#dependencies = dependencies
    this.#redeemer = new Redeemer({ mesh: parts.settings.mesh, ...parts }, dependencies)
  }

  get mesh(): string {
    return this.#parts.settings.mesh
  }

  /** The root certificate. */
  get root(): Certificate {
    return this.#parts.authority.certificate
  }

  async status(): Promise<CaStatus> {
    const { settings, state } = this.#parts
    const { fingerprint, notBeforeMs, notAfterMs } = this.root
    return {
      mesh: settings.mesh,
      root: { fingerprint: toHex(fingerprint), notBeforeMs, notAfterMs },
      issued: await state.countCertificates(),
      tokens: await state.countTokens(this.#dependencies.clock.now()),
      settings,
    }
  }

  /** What the CA did, newest first. */
  audit(): AsyncIterable<AuditEntry> {
    return this.#parts.state.audit()
  }

  /**
   * Makes a token; only its hash is kept, so its text cannot be shown again.
   * @throws ENROLLMENT_NODE_ID_TAKEN, ENROLLMENT_REQUEST_MALFORMED for a node_id that is no DNS label
   */
  async createToken(options: TokenOptions = {}): Promise<{ token: string; expiresAtMs: number }> {
    checkOptionKeys('createToken', options, ['nodeId', 'roles', 'uses', 'lifetimeMs'])
    const { nodeId, roles = ['node'], uses = 1, lifetimeMs = DEFAULT_TOKEN_LIFETIME_MS } = options
    checkWholeNumber('uses', uses, { min: 1, max: MAX_TOKEN_USES })
    checkWholeNumber('lifetimeMs', lifetimeMs, { min: 1, max: MAX_TOKEN_LIFETIME_MS })
    if (roles.length === 0 || roles.includes('ca')) throw new TypeError('roles of a node: node, validator, operator')
    if (nodeId !== undefined) decideNodeId({ nodeId }, { nodeId })
    const atMs = this.#dependencies.clock.now()
    const token = makeToken({ mesh: this.mesh, rootFingerprint: this.root.fingerprint }, this.#dependencies.random)
    const id = tokenId(token)
    const terms = { createdAtMs: atMs, expiresAtMs: atMs + lifetimeMs, uses, nodeId, roles }
    const { state } = this.#parts
    await state.commit([
      state.putToken(id, { ...terms, used: 0 }),
      state.addAudit({ atMs, event: 'token-created', nodeId, tokenId: id, serialNumber: undefined }),
    ])
    return { token: encodeToken(token), expiresAtMs: terms.expiresAtMs }
  }

  /**
   * Redeems a token for a certificate over the keys of a request. The same key gets the same certificate again,
   * another key is refused; what was issued is on disk before this resolves.
   * @param options crlUrl: where this CA's revocation lists are fetched
   * @throws ENROLLMENT_TOKEN_*, ENROLLMENT_CSR_*, ENROLLMENT_NODE_ID_*, ENROLLMENT_BUSY
   */
  async enroll(request: EnrollmentRequest, options: { crlUrl: string }): Promise<EnrollmentAnswer> {
    const { certificate, nodeId, repeated } = await this.#redeemer.redeem(this.#ownTokenId(request.token), request)
    const facts = { nodeId, serialNumber: toHex(certificate.serialNumber), repeated }
    this.#dependencies.logger.info(facts, 'certificate issued')
    return { chain: [certificate.der, this.root.der], config: await this.#config(nodeId, options.crlUrl) }
  }

  #ownTokenId(text: string): Uint8Array {
    const token = decodeToken(text)
    const own = token.mesh === this.mesh && equalBytes(token.rootFingerprint, this.root.fingerprint)
    if (!own) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_FOREIGN')
    return tokenId(token)
  }

  async #config(nodeId: string, crlUrl: string): Promise<MeshConfig> {
    const { settings, state, keystore } = this.#parts
    const { signaturePolicy, gossipFanout, bootstrapPeers, pseudonymEpoch: epoch } = settings
    const key = await keystore.secret(pseudonymKeyName(epoch))
    if (key === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
    const known = new Set([...bootstrapPeers, ...(await state.peerAddresses(nodeId))])
    return {
      signaturePolicy,
      gossipFanout,
      crlUrl,
      bootstrapPeers: [...known].slice(0, MAX_ADDRESSES),
      pseudonym: { epoch, key },
    }
  }

  /** A fresh certificate for the CA's HTTPS endpoint, with its key; the chain ends in the root. */
  async issueServerIdentity(): Promise<ServerIdentity> {
    const { keystore, authority } = this.#parts
    const identityKey = await ensureSigningKey(keystore, CA_KEYS.serverIdentity, 'ml-dsa-87')
    const deviceKey = await ensureSigningKey(keystore, CA_KEYS.serverDevice, 'ed25519')
    const certificate = await issueServerCertificate(
      {
        mesh: this.mesh,
        label: CA_LABEL,
        keys: { spki: identityKey.publicKey.spki, altSpki: deviceKey.publicKey.spki },
        issuer: authority,
        nowMs: this.#dependencies.clock.now(),
        lifetimeMs: SERVER_LIFETIME_MS,
      },
      this.#dependencies,
    )
    return {
      certificateChain: [certificate, this.root].map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
      privateKey: withSecret(identityKey.exportPrivate(), (pkcs8) => encodePem('PRIVATE KEY', pkcs8)),
    }
  }

  /** Lets redemptions under way end, then closes database and keystore. */
  async close(): Promise<void> {
    await this.#redeemer.idle()
    await this.#parts.state.close()
    this.#parts.keystore.close()
  }
}
