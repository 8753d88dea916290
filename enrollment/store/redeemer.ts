import type { Clock, RandomSource } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import { type Certificate, parseCertificate } from '../../records/path/index.ts'
import { type Authority, issueNodeCertificate } from '../certificates.ts'
import { parseCsr, type VerifiedCsr, verifyCsr } from '../csr.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_WAITING_REDEMPTIONS } from '../limits.ts'
import { checkNameFree, checkRedeemable, decideNodeId, type TokenState } from '../redemption.ts'
import { SerialQueue } from '../serial-queue.ts'
import type { EnrollmentRequest } from '../types.ts'
import type { CaState } from './ca-state.ts'
import type { IssuedCertificate } from './formats.ts'

export interface RedeemerDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
}

/** What somebody presents with a token. */
export type Presented = Pick<EnrollmentRequest, 'csr' | 'nodeId' | 'addresses'>

/** A certificate, and whether it had been issued before. */
export interface Redeemed {
  readonly certificate: Certificate
  readonly nodeId: string
  readonly repeated: boolean
}

/**
 * Turns tokens into certificates. Redemptions decide and commit one after another, so what one looks up cannot change
 * before it commits; all it changes is one synced batch, so a crash leaves a token either untouched or redeemed by a
 * known key, which gets the same certificate when it asks again.
 */
export class Redeemer {
  readonly #mesh: string
  readonly #authority: Authority
  readonly #state: CaState
  readonly #dependencies: RedeemerDependencies
  readonly #queue = new SerialQueue(MAX_WAITING_REDEMPTIONS)

  constructor(options: { mesh: string; authority: Authority; state: CaState }, dependencies: RedeemerDependencies) {
    this.#mesh = options.mesh
    this.#authority = options.authority
    this.#state = options.state
    this.#dependencies = dependencies
  }

  /**
   * @param tokenId SHA-256 of the token's secret
   * @throws ENROLLMENT_TOKEN_*, ENROLLMENT_CSR_*, ENROLLMENT_NODE_ID_*, ENROLLMENT_BUSY
   */
  async redeem(tokenId: Uint8Array, presented: Presented): Promise<Redeemed> {
    // Before any cryptography: who has no token costs one look-up.
    await this.#token(tokenId)
    const csr = await verifyCsr(parseCsr(presented.csr), this.#dependencies.provider)
    return this.#queue.run(() => this.#decide(tokenId, csr, presented))
  }

  /** Resolves when no redemption is under way. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  async #token(tokenId: Uint8Array): Promise<TokenState> {
    const token = await this.#state.token(tokenId)
    if (token === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_UNKNOWN')
    return token
  }

  async #decide(tokenId: Uint8Array, csr: VerifiedCsr, presented: Presented): Promise<Redeemed> {
    const { keyId } = csr.identityKey
    const nowMs = this.#dependencies.clock.now()
    const token = await this.#token(tokenId)
    const earlier = await this.#earlier(tokenId, keyId)
    if (earlier !== undefined) return repeat(earlier, presented, nowMs)
    checkRedeemable(token, nowMs)
    const nodeId = decideNodeId(token, presented)
    checkNameFree((await this.#state.nameOwner(nodeId))?.identityKeyId, keyId)
    const certificate = await issueNodeCertificate(
      { mesh: this.#mesh, nodeId, roles: token.roles, keys: csr, issuer: this.#authority, nowMs },
      this.#dependencies,
    )
    await this.#record({ nodeId, identityKeyId: keyId, tokenId, issuedAtMs: nowMs, der: certificate.der }, token, {
      serialNumber: certificate.serialNumber,
      addresses: presented.addresses,
    })
    return { certificate, nodeId, repeated: false }
  }

  async #earlier(tokenId: Uint8Array, keyId: Uint8Array): Promise<IssuedCertificate | undefined> {
    const serialNumber = await this.#state.redemption(tokenId, keyId)
    if (serialNumber === undefined) return undefined
    const issued = await this.#state.certificate(serialNumber)
    if (issued === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
    return issued
  }

  #record(
    issued: IssuedCertificate,
    token: TokenState,
    { serialNumber, addresses }: { serialNumber: Uint8Array; addresses: readonly string[] },
  ): Promise<void> {
    const { nodeId, identityKeyId, tokenId, issuedAtMs } = issued
    const state = this.#state
    const peer = addresses.length === 0 ? [] : [state.putPeer(nodeId, { learnedAtMs: issuedAtMs, addresses })]
    return state.commit([
      state.putToken(tokenId, { ...token, used: token.used + 1 }),
      state.putRedemption(tokenId, identityKeyId, serialNumber),
      state.putCertificate(serialNumber, issued),
      state.putNameOwner(nodeId, { identityKeyId, serialNumber }),
      state.addAudit({ atMs: issuedAtMs, event: 'certificate-issued', nodeId, tokenId, serialNumber }),
      ...peer,
    ])
  }
}

function repeat(earlier: IssuedCertificate, presented: Presented, nowMs: number): Redeemed {
  const nodeId = decideNodeId(earlier, presented)
  const certificate = parseCertificate(earlier.der)
  if (nowMs > certificate.notAfterMs) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_EXPIRED')
  return { certificate, nodeId, repeated: true }
}
