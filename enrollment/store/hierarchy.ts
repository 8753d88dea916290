import { toHex } from '../../core/index.ts'
import { ALTERNATIVE_SUITES, type Certificate } from '../../records/path/index.ts'
import { type Actor, type AuditEvent, auditEntry } from '../audit.ts'
import { issueCrossRoot, issueIssuingCa } from '../certificates.ts'
import { parseMemberCsr } from '../csr.ts'
import { verifyMemberCsr } from '../csr-proof.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { ISSUING_CA_LIFETIME_MS, MAX_OWN_AUTHORITIES, MAX_ROOT_APPROVALS } from '../limits.ts'
import { checkSuite } from '../redemption.ts'
import { checkApprovals, countApprovals, type RootChange } from '../root-change.ts'
import { summaryOf } from './authorities.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { AuthoritySummary, RootApprovals } from './ca-types.ts'
import { type AuthorityRecord, encodeApprovals, encodeAuthorities } from './fact-formats.ts'
import { approvalsOf, checkNotBehind, settingsOf } from './facts.ts'
import { encodeSettings } from './formats.ts'
import { checkKeyFree, findKeyRevocation } from './issued.ts'
import { issuedFacts } from './issued-format.ts'
import { encodeIssuingAnswer } from './issuing-answer.ts'
import { ensureSigningKey, rootKeys } from './keys.ts'
import { ISSUING_PREFIX, makePseudonym } from './pseudonyms.ts'

/** Pseudonym epochs that are left to an issuing CA, until the root takes the key back. */
const DELEGATED_EPOCHS = 2 ** 20

/** What concerns CAs rather than members: issuing CAs under the root, and roots after it. */
export class Hierarchy {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /**
   * An operator's word for a change of the root; it counts for a week.
   * @throws {TypeError} for anybody but an operator
   */
  approve(actor: Actor): Promise<RootApprovals> {
    if (actor.kind !== 'operator') throw new TypeError('operators approve a change of the root')
    const { store, dependencies } = this.#parts
    return store.locked('all', async () => {
      const atMs = dependencies.clock.now()
      const before = (await approvalsOf(store)).filter(({ operator }) => operator !== actor.name)
      const approvals = [...before, { operator: actor.name, atMs }].slice(-MAX_ROOT_APPROVALS)
      const value = encodeApprovals(approvals)
      const entry = auditEntry({ atMs, event: 'root-change-approved', actor })
      await store.commit([{ kind: 'fact', name: 'approvals', value }], [entry])
      return countApprovals(await this.#rootChange(atMs))
    })
  }

  /**
   * A new root that the mesh's root vouches for: from now on it signs. Certificates that were issued before stay good.
   * @throws ENROLLMENT_ROOT_APPROVALS, ENROLLMENT_ROOT_ABSENT, ENROLLMENT_ROOT_LIMIT, ENROLLMENT_CA_BEHIND
   */
  rekey(actor: Actor): Promise<AuthoritySummary> {
    const { store, authorities, dependencies } = this.#parts
    return store.locked('all', async () => {
      const nowMs = dependencies.clock.now()
      await checkNotBehind(store)
      checkApprovals(await this.#rootChange(nowMs))
      const { certificate, record } = await this.#newRoot(nowMs)
      const records = [...authorities.records.authorities, record]
      await this.#record(certificate, {
        name: `root-${records.length}`,
        event: 'root-changed',
        actor,
        changes: [
          {
            kind: 'fact',
            name: 'authorities',
            value: encodeAuthorities({ active: records.length - 1, authorities: records }),
          },
          { kind: 'fact', name: 'approvals', value: undefined },
        ],
      })
      await authorities.reload()
      return summaryOf(authorities.active, true)
    })
  }

  async #rootChange(nowMs: number): Promise<RootChange> {
    const { store } = this.#parts
    const names = new Set<string>()
    for await (const { name } of store.heldCertificates('operator')) names.add(name)
    const operators = await store.liveHolders('operator', nowMs)
    return { approvals: await approvalsOf(store), operators, everOperators: names.size, nowMs }
  }

  async #newRoot(nowMs: number): Promise<{ certificate: Certificate; record: AuthorityRecord }> {
    const { mesh, keystore, authorities, dependencies } = this.#parts
    const issuer = authorities.rootAuthority
    const generation = authorities.all.length + 1
    if (generation > MAX_OWN_AUTHORITIES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_ROOT_LIMIT')
    const names = rootKeys(generation)
    const keys = {
      main: await ensureSigningKey(keystore, names.main, authorities.suite),
      alternative: await ensureSigningKey(keystore, names.alternative, 'ecdsa-p384'),
    }
    const { certificate } = await issueCrossRoot({ mesh, keys, issuer, generation, nowMs }, dependencies)
    return { certificate, record: { kind: 'root', ...names, chain: [certificate.der, issuer.certificate.der] } }
  }

  /**
   * Certifies an issuing CA; it takes the mesh's pseudonym key over from this one. The same keys get a new certificate.
   * @param request what `initIssuingCa` gave
   * @returns what `installIssuingCa` takes
   * @throws ENROLLMENT_ROOT_ABSENT when this CA is an issuing one itself; ENROLLMENT_CSR_*, ENROLLMENT_KEY_*, ENROLLMENT_CA_BEHIND
   */
  async signIssuingCa(request: Uint8Array, actor: Actor): Promise<Uint8Array> {
    const { mesh, store, keystore, authorities, dependencies } = this.#parts
    const issuer = authorities.active
    if (issuer.record.kind !== 'root') throw ENROLLMENT_ERRORS.create('ENROLLMENT_ROOT_ABSENT')
    const csr = await verifyMemberCsr(parseMemberCsr(request), dependencies.provider)
    checkSuite(csr.identityKey, authorities.suite)
    if (!ALTERNATIVE_SUITES.includes(csr.deviceKey.suite.name)) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CSR_SUITE')
    return store.locked('all', async () => {
      const nowMs = dependencies.clock.now()
      await checkNotBehind(store)
      const { keyId } = csr.identityKey
      const name = `${ISSUING_PREFIX}${toHex(keyId).slice(0, 16)}`
      if ((await findKeyRevocation(store, keyId)) !== undefined) {
        throw ENROLLMENT_ERRORS.create('ENROLLMENT_KEY_REVOKED')
      }
      await checkKeyFree(store, keyId, { kind: 'issuing', name })
      const keys = { main: { publicKey: csr.identityKey }, alternative: { publicKey: csr.deviceKey } }
      const { certificate } = await issueIssuingCa(
        { mesh, keys, issuer, nowMs, lifetimeMs: ISSUING_CA_LIFETIME_MS },
        dependencies,
      )
      const settings = await settingsOf(store)
      const pseudonymEpoch = settings.pseudonymEpoch + DELEGATED_EPOCHS
      await makePseudonym(keystore, pseudonymEpoch, dependencies.random)
      const value = encodeSettings({ ...settings, pseudonymEpoch })
      const changes: CaChange[] = [{ kind: 'fact', name: 'settings', value }]
      await this.#record(certificate, { name, event: 'issuing-ca-signed', actor, changes })
      return encodeIssuingAnswer({
        chain: authorities.chainOf(certificate),
        settings: { ...settings, pseudonymEpoch: settings.pseudonymEpoch + 1 },
      })
    })
  }

  #record(
    certificate: Certificate,
    made: { name: string; event: AuditEvent; actor: Actor; changes: readonly CaChange[] },
  ): Promise<void> {
    const { name, event, actor, changes } = made
    const atMs = this.#parts.dependencies.clock.now()
    const { serialNumber } = certificate
    const about = { kind: 'issuing', name, issuedAtMs: atMs, tokenId: undefined, renews: undefined } as const
    const issued = { ...issuedFacts(certificate), ...about, labels: [] }
    const entry = auditEntry({ atMs, event, actor, nodeId: name, serialNumber })
    return this.#parts.store.commit([...changes, { kind: 'certificate', issued }], [entry])
  }
}
