import { checkOptionKeys, checkWholeNumber, isDnsLabel, toHex } from '../../core/index.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { type Actor, auditEntry } from '../audit.ts'
import { issueOperatorCertificate } from '../certificates.ts'
import { parseMemberCsr } from '../csr.ts'
import { type VerifiedMemberCsr, verifyMemberCsr } from '../csr-proof.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { DEFAULT_OPERATOR_LIFETIME_MS, MAX_LEAF_LIFETIME_MS, MIN_LEAF_LIFETIME_MS } from '../limits.ts'
import { checkSuite } from '../redemption.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { AddOperatorOptions, IssuedChain } from './ca-types.ts'
import { encodeApprovals } from './fact-formats.ts'
import { approvalsOf } from './facts.ts'
import { checkKeyFree, findKeyRevocation, holderLock } from './issued.ts'
import { type IssuedCertificate, issuedFacts } from './issued-format.ts'

/** Name of the lock under which operators are added. */
const OPERATORS_LOCK = 'operators'

/** Gives operators their certificates. They are renewed by the renewer and revoked by the revoker. */
export class Operators {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /**
   * A certificate for an operator; the same one again for the same key.
   * @throws ENROLLMENT_OPERATOR_EXISTS, ENROLLMENT_CSR_*, ENROLLMENT_KEY_REVOKED, ENROLLMENT_KEY_TAKEN, ENROLLMENT_BUSY
   * @throws {TypeError} for a name that is no DNS label, a lifetime out of bounds
   */
  async add(options: AddOperatorOptions, actor: Actor): Promise<IssuedChain> {
    checkOptionKeys('addOperator', options, ['name', 'csr', 'lifetimeMs'])
    const { name, csr, lifetimeMs = DEFAULT_OPERATOR_LIFETIME_MS } = options
    if (!isDnsLabel(name)) throw new TypeError('the name of an operator is a DNS label')
    checkWholeNumber('lifetimeMs', lifetimeMs, { min: MIN_LEAF_LIFETIME_MS, max: MAX_LEAF_LIFETIME_MS })
    const { store, dependencies, authorities } = this.#parts
    const verified = await verifyMemberCsr(parseMemberCsr(csr), dependencies.provider)
    checkSuite(verified.identityKey, authorities.suite)
    const locks = [OPERATORS_LOCK, holderLock('operator', name), `key:${toHex(verified.identityKey.keyId)}`]
    return store.locked(locks, () => this.#decide({ name, csr: verified, lifetimeMs, actor }))
  }

  async #decide(request: {
    name: string
    csr: VerifiedMemberCsr
    lifetimeMs: number
    actor: Actor
  }): Promise<IssuedChain> {
    const { name, csr, lifetimeMs, actor } = request
    const { mesh, store, authorities, dependencies } = this.#parts
    const nowMs = dependencies.clock.now()
    const { keyId } = csr.identityKey
    if ((await findKeyRevocation(store, keyId)) !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_KEY_REVOKED')
    await checkKeyFree(store, keyId, { kind: 'operator', name })
    const earlier = await this.#live(name, nowMs)
    if (earlier !== undefined) {
      if (toHex(earlier.identityKeyId) === toHex(keyId)) return this.#chain(earlier, true)
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_OPERATOR_EXISTS', { detail: name })
    }
    const issuer = authorities.active
    const certificate = await issueOperatorCertificate(
      { mesh, name, keys: csr, issuer, nowMs, lifetimeMs },
      dependencies,
    )
    const about = { kind: 'operator', name, issuedAtMs: nowMs, tokenId: undefined, renews: undefined } as const
    const issued: IssuedCertificate = { ...issuedFacts(certificate), ...about, labels: [] }
    const { serialNumber } = certificate
    const entry = auditEntry({ atMs: nowMs, event: 'operator-added', actor, nodeId: name, serialNumber })
    await store.commit([{ kind: 'certificate', issued }, ...(await this.#takeBackApproval(name))], [entry])
    return this.#chain(issued, false)
  }

  /** Whoever had the name before may have approved a change of the root: the new one has not. */
  async #takeBackApproval(name: string): Promise<CaChange[]> {
    const approvals = await approvalsOf(this.#parts.store)
    const others = approvals.filter(({ operator }) => operator !== name)
    if (others.length === approvals.length) return []
    return [{ kind: 'fact', name: 'approvals', value: encodeApprovals(others) }]
  }

  /** The newest live certificate of an operator. */
  async #live(name: string, nowMs: number): Promise<IssuedCertificate | undefined> {
    const held = await this.#parts.store.certificatesOf('operator', name)
    const live = held.filter(({ revoked, notAfterMs }) => !revoked && nowMs <= notAfterMs)
    const newest = live.toSorted((a, b) => b.issuedAtMs - a.issuedAtMs)[0]
    return newest === undefined ? undefined : this.#parts.store.certificate(newest.serialNumber)
  }

  #chain({ der, notBeforeMs, notAfterMs }: IssuedCertificate, repeated: boolean): IssuedChain {
    const chain = this.#parts.authorities.chainOf(parseCertificate(der))
    return { chain, notBeforeMs, notAfterMs, repeated }
  }
}
