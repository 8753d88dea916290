import { toHex } from '../../core/index.ts'
import { type Certificate, parseCertificate } from '../../records/path/index.ts'
import { auditEntry } from '../audit.ts'
import { issueNodeCertificate } from '../certificates.ts'
import { parseCsr } from '../csr.ts'
import { type VerifiedCsr, verifyCsr } from '../csr-proof.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { checkNameFree, checkRedeemable, checkSuite, decideNodeId, type TokenState } from '../redemption.ts'
import type { EnrollmentRequest } from '../types.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { Attested } from './ca-types.ts'
import { checkNotBehind } from './facts.ts'
import { checkKeyFree, findKeyRevocation, holderLock } from './issued.ts'
import { type IssuedCertificate, issuedFacts } from './issued-format.ts'
import { admit, memberLocks } from './membership.ts'
import { isDelegated } from './pseudonyms.ts'

/** What somebody presents with a token. */
export type Redemption = Pick<EnrollmentRequest, 'csr' | 'nodeId' | 'addresses'> & Attested

/** A certificate, and whether it had been issued before. */
export interface Redeemed {
  readonly certificate: Certificate
  readonly nodeId: string
  readonly repeated: boolean
}

/** Keys of a request for a token. */
interface Claim {
  readonly tokenId: Uint8Array
  readonly csr: VerifiedCsr
  readonly presented: Redemption
}

/**
 * Turns tokens into certificates. What one redemption looks up cannot change before it commits; all it changes is one
 * synced batch, so a crash leaves a token either untouched or redeemed by a known key, which gets the same certificate
 * when it asks again.
 */
export class Redeemer {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /**
   * @param tokenId SHA-256 of the token's secret
   * @throws ENROLLMENT_TOKEN_*, ENROLLMENT_CSR_*, ENROLLMENT_NODE_ID_*, ENROLLMENT_KEY_REVOKED, ENROLLMENT_POLICY,
   *   ENROLLMENT_CA_BEHIND, ENROLLMENT_BUSY
   */
  async redeem(tokenId: Uint8Array, presented: Redemption): Promise<Redeemed> {
    const { store, authorities, dependencies } = this.#parts
    // Before any cryptography: who has no token costs one look-up.
    const { nodeId = presented.nodeId } = await this.#token(tokenId)
    const csr = await verifyCsr(parseCsr(presented.csr), dependencies.provider)
    checkSuite(csr.identityKey, authorities.suite)
    const names = [
      `token:${toHex(tokenId)}`,
      `key:${toHex(csr.identityKey.keyId)}`,
      ...(nodeId === undefined ? [] : [holderLock('node', nodeId)]),
      ...(await memberLocks(store)),
    ]
    return store.locked(names, () => this.#decide({ tokenId, csr, presented }))
  }

  async #token(tokenId: Uint8Array): Promise<TokenState> {
    const token = await this.#parts.store.token(tokenId)
    if (token === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_UNKNOWN')
    return token
  }

  async #decide(claim: Claim): Promise<Redeemed> {
    const { store, dependencies } = this.#parts
    const { tokenId, csr, presented } = claim
    const { keyId } = csr.identityKey
    const nowMs = dependencies.clock.now()
    await checkNotBehind(store)
    if (await isDelegated(store, nowMs)) throw ENROLLMENT_ERRORS.create('ENROLLMENT_DELEGATED')
    const [token, over] = await Promise.all([this.#token(tokenId), store.certificatesOver(keyId)])
    const isNewKey = over.length === 0
    const earlier = token.used === 0 ? undefined : await this.#earlier(tokenId, keyId)
    if (!isNewKey && (await findKeyRevocation(store, keyId)) !== undefined) throw keyRevoked()
    if (earlier !== undefined) return this.#repeat(earlier, presented, nowMs)
    checkRedeemable(token, nowMs)
    const nodeId = decideNodeId(token, presented)
    await this.#checkName(nodeId, token, keyId)
    if (!isNewKey) await checkKeyFree(store, keyId, { kind: 'node', name: nodeId })
    const { attested = false } = presented
    const policy = await admit(store, { nodeId, attested, attestation: token.attestation, nowMs })
    const certificate = await this.#issue(nodeId, token, { csr, nowMs, lifetimeMs: policy.leafLifetimeMs })
    await this.#record({ ...claim, token, nodeId, certificate, nowMs })
    return { certificate, nodeId, repeated: false }
  }

  async #earlier(tokenId: Uint8Array, keyId: Uint8Array): Promise<IssuedCertificate | undefined> {
    const { store } = this.#parts
    const serialNumber = await store.redemption(tokenId, keyId)
    if (serialNumber === undefined) return undefined
    const issued = await store.certificate(serialNumber)
    // Forgotten, as it ended so long ago.
    if (issued === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_EXPIRED')
    return issued
  }

  async #repeat(earlier: IssuedCertificate, presented: Redemption, nowMs: number): Promise<Redeemed> {
    const nodeId = decideNodeId({ nodeId: earlier.name }, presented)
    if (nowMs > earlier.notAfterMs) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_EXPIRED')
    if ((await this.#parts.store.revocation(earlier.serialNumber)) !== undefined) throw keyRevoked()
    return { certificate: parseCertificate(earlier.der), nodeId, repeated: true }
  }

  async #checkName(nodeId: string, token: TokenState, keyId: Uint8Array): Promise<void> {
    const { store } = this.#parts
    const owner = await store.owner(nodeId)
    const revocation = owner === undefined ? undefined : await store.revocation(owner.serialNumber)
    checkNameFree({ owner: owner?.identityKeyId, revokedAtMs: revocation?.revokedAtMs }, keyId, token)
  }

  #issue(
    nodeId: string,
    { roles }: TokenState,
    { csr, nowMs, lifetimeMs }: { csr: VerifiedCsr; nowMs: number; lifetimeMs: number },
  ): Promise<Certificate> {
    const { mesh, authorities, dependencies } = this.#parts
    const issuer = authorities.active
    return issueNodeCertificate({ mesh, nodeId, roles, keys: csr, issuer, nowMs, lifetimeMs }, dependencies)
  }

  #record(
    redeemed: Claim & { token: TokenState; nodeId: string; certificate: Certificate; nowMs: number },
  ): Promise<void> {
    const { tokenId, csr, presented, token, nodeId, certificate, nowMs: atMs } = redeemed
    const { serialNumber } = certificate
    const identityKeyId = csr.identityKey.keyId
    const { labels } = token
    const { addresses } = presented
    const issued = { ...issuedFacts(certificate), kind: 'node', name: nodeId, issuedAtMs: atMs, labels } as const
    const changes: CaChange[] = [
      { kind: 'token', tokenId, token: { ...token, used: token.used + 1 } },
      { kind: 'redemption', tokenId, identityKeyId, serialNumber },
      { kind: 'certificate', issued: { ...issued, tokenId, renews: undefined } },
      { kind: 'owner', nodeId, owner: { identityKeyId, serialNumber, memberSinceMs: atMs, graceUsed: 0 } },
    ]
    if (addresses.length > 0) changes.push({ kind: 'peer', nodeId, peer: { learnedAtMs: atMs, addresses } })
    const actor = { kind: 'node', name: nodeId } as const
    const entry = { atMs, event: 'certificate-issued', actor, nodeId, tokenId, serialNumber } as const
    return this.#parts.store.commit(changes, [auditEntry(entry)])
  }
}

function keyRevoked() {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_KEY_REVOKED')
}
