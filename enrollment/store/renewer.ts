import { equalBytes, toHex } from '../../core/index.ts'
import { type Certificate, parseCertificate, type ValidPath } from '../../records/path/index.ts'
import { auditEntry } from '../audit.ts'
import { issueNodeCertificate, issueOperatorCertificate } from '../certificates.ts'
import { type Csr, parseCsr, parseMemberCsr } from '../csr.ts'
import { verifyCsr, verifyMemberCsr } from '../csr-proof.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { DEFAULT_OPERATOR_LIFETIME_MS } from '../limits.ts'
import { checkSuite } from '../redemption.ts'
import { decideGrace, type Grace } from '../renewal.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { Attested, Renewal, RenewalRequest } from './ca-types.ts'
import { checkNotBehind, policyOf } from './facts.ts'
import { findKeyRevocation, holderLock } from './issued.ts'
import { type IssuedCertificate, issuedFacts, type NameOwner } from './issued-format.ts'
import { admit, memberLocks } from './membership.ts'
import type { PresentedJudge } from './presented.ts'

/** A renewal whose request and certificate hold; what is left is to decide on it. */
interface Claim {
  readonly kind: 'node' | 'operator'
  readonly path: ValidPath
  readonly current: IssuedCertificate
  /** Keys of the request, proven. */
  readonly csr: {
    readonly spki: Uint8Array
    readonly altSpki: Uint8Array
    readonly overlayKey: Csr['overlayKey'] | undefined
  }
  readonly identityKeyId: Uint8Array
  readonly attested: boolean
}

/** Gives members new certificates for their old ones: over new keys, with the names and roles that they have. */
export class Renewer {
  readonly #parts: CaParts
  readonly #judge: PresentedJudge

  constructor(parts: CaParts, judge: PresentedJudge) {
    this.#parts = parts
    this.#judge = judge
  }

  /**
   * The certificate of a node renewed, after its end too while there is grace.
   * @throws ENROLLMENT_PEER_*, ENROLLMENT_RENEWAL_*, ENROLLMENT_GRACE_*, ENROLLMENT_KEY_REVOKED, ENROLLMENT_POLICY,
   *   ENROLLMENT_CSR_*, ENROLLMENT_CA_BEHIND, ENROLLMENT_BUSY
   */
  async renewNode(
    { csr, currentSerialNumber }: RenewalRequest,
    chain: readonly Certificate[],
    { attested = false }: Attested,
  ): Promise<Renewal> {
    const { store, dependencies, authorities } = this.#parts
    const parsed = parseCsr(csr)
    const { path, issued } = await this.#judge.judge(chain, 'node')
    const current = checkCurrent(path, issued, currentSerialNumber)
    const { identityKey, ...keys } = await verifyCsr(parsed, dependencies.provider)
    checkSuite(identityKey, authorities.suite)
    const sameOverlayKey = equalBytes(keys.overlayKey.publicKey, path.overlayPublicKey ?? new Uint8Array())
    if (!sameOverlayKey) throw wrongKey('overlay')
    const claim = { kind: 'node', path, current, csr: keys, identityKeyId: identityKey.keyId, attested } as const
    const locks = [...locksOf(claim), ...(await memberLocks(store))]
    return store.locked(locks, () => this.#decide(claim))
  }

  /**
   * The certificate of an operator renewed, while it is valid.
   * @throws as {@link renewNode}
   */
  async renewOperator({ csr, currentSerialNumber }: RenewalRequest, chain: readonly Certificate[]): Promise<Renewal> {
    const { store, dependencies, authorities } = this.#parts
    const parsed = parseMemberCsr(csr)
    const { path, issued } = await this.#judge.judgeNow(chain, 'operator')
    const current = checkCurrent(path, issued, currentSerialNumber)
    const { identityKey, ...keys } = await verifyMemberCsr(parsed, dependencies.provider)
    checkSuite(identityKey, authorities.suite)
    const kind = 'operator'
    const claim = { kind, path, current, csr: { ...keys, overlayKey: undefined }, attested: false } as const
    const full = { ...claim, identityKeyId: identityKey.keyId }
    return store.locked(locksOf(full), () => this.#decide(full))
  }

  async #decide(claim: Claim): Promise<Renewal> {
    const { store, dependencies } = this.#parts
    const nowMs = dependencies.clock.now()
    await checkNotBehind(store)
    const owner = claim.kind === 'node' ? await this.#ownerOf(claim) : undefined
    await this.#checkNothingRevoked(claim, owner)
    const earlier = await this.#earlier(claim)
    if (earlier !== undefined && nowMs <= earlier.notAfterMs) {
      return this.#renewal(parseCertificate(earlier.der), { repeated: true })
    }
    // A renewal that never reached the node and has expired since is renewed itself.
    const basis = { ...claim, current: earlier ?? claim.current }
    const grace = await this.#grace(basis, owner, nowMs)
    const certificate = await this.#issue(basis, nowMs)
    await this.#record({ claim: basis, owner, grace, certificate, nowMs })
    return this.#renewal(certificate, { repeated: false, grace })
  }

  /** Who has the name; a node whose enrolment was lost with a backup has it by its certificate. */
  async #ownerOf({ current }: Claim): Promise<NameOwner> {
    const { identityKeyId, serialNumber, issuedAtMs } = current
    const unknown = { identityKeyId, serialNumber, memberSinceMs: issuedAtMs, graceUsed: 0 }
    return (await this.#parts.store.owner(current.name)) ?? unknown
  }

  async #checkNothingRevoked({ kind, current, identityKeyId }: Claim, owner: NameOwner | undefined): Promise<void> {
    const { store } = this.#parts
    const sinceMs = owner?.memberSinceMs ?? current.issuedAtMs
    const held = await store.certificatesOf(kind, current.name)
    const revoked = held.some((one) => one.revoked && one.issuedAtMs >= sinceMs)
    // Again, under the lock: it may have been revoked since it was judged.
    if (revoked || (await store.revocation(current.serialNumber)) !== undefined) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_PEER_REVOKED')
    }
    if ((await findKeyRevocation(store, identityKeyId)) !== undefined) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_KEY_REVOKED')
    }
  }

  /** The newest that the same key has got for the same certificate; any other key that was here before is refused. */
  async #earlier({ current, identityKeyId }: Claim): Promise<IssuedCertificate | undefined> {
    const { store } = this.#parts
    if (equalBytes(identityKeyId, current.identityKeyId)) throw wrongKey('identity')
    const earlier: IssuedCertificate[] = []
    for (const serialNumber of await store.certificatesOver(identityKeyId)) {
      const issued = await store.certificate(serialNumber)
      if (issued !== undefined) earlier.push(issued)
    }
    if (earlier.length === 0) return undefined
    const answered = earlier.some(({ renews }) => renews !== undefined && equalBytes(renews, current.serialNumber))
    if (!answered) throw wrongKey('identity')
    return earlier.reduce((newest, one) => (one.issuedAtMs > newest.issuedAtMs ? one : newest))
  }

  async #grace(claim: Claim, owner: NameOwner | undefined, nowMs: number): Promise<Grace | undefined> {
    const { kind, current, attested } = claim
    if (kind === 'operator' || owner === undefined) return undefined
    const { store } = this.#parts
    const policy = await admit(store, { nodeId: current.name, attested, attestation: 'none', nowMs })
    const isNewest = equalBytes(owner.serialNumber, current.serialNumber)
    return decideGrace(policy, { notAfterMs: current.notAfterMs, nowMs, used: owner.graceUsed, isNewest })
  }

  async #issue({ kind, path, current, csr }: Claim, nowMs: number): Promise<Certificate> {
    const { mesh, store, authorities, dependencies } = this.#parts
    const { spki, altSpki, overlayKey } = csr
    const common = { mesh, issuer: authorities.active, nowMs }
    if (kind === 'operator' || overlayKey === undefined) {
      const operator = { ...common, name: current.name, keys: { spki, altSpki } }
      return issueOperatorCertificate({ ...operator, lifetimeMs: DEFAULT_OPERATOR_LIFETIME_MS }, dependencies)
    }
    const { leafLifetimeMs: lifetimeMs } = await policyOf(store)
    const node = { ...common, nodeId: current.name, roles: path.leaf.roles, keys: { spki, altSpki, overlayKey } }
    return issueNodeCertificate({ ...node, lifetimeMs }, dependencies)
  }

  #record(renewed: {
    claim: Claim
    owner: NameOwner | undefined
    grace: Grace | undefined
    certificate: Certificate
    nowMs: number
  }): Promise<void> {
    const { claim, owner, grace, certificate, nowMs: atMs } = renewed
    const { kind, current, identityKeyId } = claim
    const { name, labels } = current
    const { serialNumber } = certificate
    const about = { kind, name, labels, issuedAtMs: atMs, tokenId: undefined, renews: current.serialNumber } as const
    const changes: CaChange[] = [{ kind: 'certificate', issued: { ...issuedFacts(certificate), ...about } }]
    if (owner !== undefined) {
      const graceUsed = grace?.used ?? owner.graceUsed
      changes.push({ kind: 'owner', nodeId: name, owner: { ...owner, identityKeyId, serialNumber, graceUsed } })
    }
    const event = grace === undefined ? 'certificate-renewed' : 'certificate-renewed-in-grace'
    const detail = grace === undefined ? '' : `${grace.used} used, ${grace.left} left`
    const entry = { atMs, event, actor: { kind, name }, nodeId: name, serialNumber, detail } as const
    return this.#parts.store.commit(changes, [auditEntry(entry)])
  }

  #renewal(certificate: Certificate, more: Pick<Renewal, 'repeated' | 'grace'>): Renewal {
    const { notBeforeMs, notAfterMs } = certificate
    return { chain: this.#parts.authorities.chainOf(certificate), notBeforeMs, notAfterMs, ...more }
  }
}

function locksOf({ kind, current, identityKeyId }: Claim): string[] {
  return [holderLock(kind, current.name), `key:${toHex(identityKeyId)}`]
}

function checkCurrent(
  { leaf }: ValidPath,
  issued: IssuedCertificate | undefined,
  currentSerialNumber: Uint8Array,
): IssuedCertificate {
  if (!equalBytes(leaf.serialNumber, currentSerialNumber)) throw ENROLLMENT_ERRORS.create('ENROLLMENT_RENEWAL_SERIAL')
  if (issued === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_RENEWAL_ELSEWHERE')
  return issued
}

function wrongKey(key: 'identity' | 'overlay') {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_RENEWAL_KEY', { detail: key, metadata: { key } })
}
