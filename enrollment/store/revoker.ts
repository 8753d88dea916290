import { toHex } from '../../core/index.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { type Actor, type AuditEntry, auditEntry } from '../audit.ts'
import { compromisesKey, LAST_TIME_MS, REASON_CODES, REVOKE_REASONS, type RevocationReason } from '../crl/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { listedUntilMs } from '../list-plan.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { HolderKind, IssuedSummary, RevocationTarget, RevokeOptions } from './ca-types.ts'
import { checkNotBehind, lastRevocation, policyOf, setLastRevocation } from './facts.ts'
import { holderLock, summarize } from './issued.ts'
import type { IssuedCertificate, StoredRevocation } from './issued-format.ts'

/** Name of the lock under which revocations are numbered. */
const REVOCATIONS_LOCK = 'revocations'

/** Certificates to revoke, why, and on whose word. */
interface Sentence {
  readonly certificates: readonly IssuedCertificate[]
  readonly reason: RevocationReason
  readonly invalidityMs?: number | undefined
  readonly actor: Actor
}

/** What makes a sentence come true, for one commit. */
export interface Execution {
  readonly changes: readonly CaChange[]
  readonly audit: readonly AuditEntry[]
  readonly revoked: readonly IssuedSummary[]
}

/** Decides which certificates count no longer. The lists that say so are issued by the list desk. */
export class Revoker {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /**
   * Revokes certificates; those that are revoked stay as they are, unless it turns out that a key was compromised.
   * @throws ENROLLMENT_CERTIFICATE_UNKNOWN, ENROLLMENT_CA_BEHIND, ENROLLMENT_BUSY; ENROLLMENT_REQUEST_MALFORMED for a time
   *   that no list can say
   * @throws {TypeError} for a reason that is none
   */
  async revoke(target: RevocationTarget, options: RevokeOptions, actor: Actor): Promise<readonly IssuedSummary[]> {
    const { reason = 'privilegeWithdrawn', invalidityMs } = options
    if (!REVOKE_REASONS.includes(reason)) throw new TypeError(`a reason is one of ${REVOKE_REASONS.join(', ')}`)
    checkTime(invalidityMs)
    const { store } = this.#parts
    const [kind, name] = await this.#holderOf(target)
    return store.locked([holderLock(kind, name), REVOCATIONS_LOCK], async () => {
      await checkNotBehind(store)
      const certificates = await this.#certificates(target, kind, name)
      const execution = await this.execution({ certificates, reason, invalidityMs, actor })
      if (execution.changes.length > 0) await store.commit(execution.changes, execution.audit)
      return execution.revoked
    })
  }

  /** Changes that revoke the live certificates of nodes, for a caller that holds every lock. */
  async nodesExecution(nodeIds: Iterable<string>, about: Omit<Sentence, 'certificates'>): Promise<Execution> {
    const certificates: IssuedCertificate[] = []
    for (const nodeId of nodeIds) certificates.push(...(await this.#certificates({ nodeId }, 'node', nodeId)))
    return this.execution({ ...about, certificates })
  }

  /** What a sentence comes to; the lock on revocations must be held. */
  async execution({ certificates, reason, invalidityMs, actor }: Sentence): Promise<Execution> {
    const { store, dependencies } = this.#parts
    const atMs = dependencies.clock.now()
    let sequence = await lastRevocation(store)
    const revocations: StoredRevocation[] = []
    const revoked: IssuedSummary[] = []
    for (const issued of certificates) {
      const before = await store.revocation(issued.serialNumber)
      if (before !== undefined && !isWorse(reason, before.reason)) continue
      sequence += 1
      const revokedAtMs = before?.revokedAtMs ?? atMs
      const revocation = { ...factsOf(issued), sequence, revokedAtMs, reason, invalidityMs }
      revocations.push(revocation)
      revoked.push(summarize(issued, revocation, atMs))
    }
    if (revocations.length === 0) return { changes: [], audit: [], revoked }
    const changes = revocations.map((revocation): CaChange => ({ kind: 'revocation', revocation }))
    return {
      changes: [...changes, setLastRevocation(sequence)],
      audit: revocations.map(({ name: nodeId, serialNumber }) =>
        auditEntry({ atMs, event: 'certificate-revoked', actor, nodeId, serialNumber, detail: reason }),
      ),
      revoked,
    }
  }

  async #holderOf(target: RevocationTarget): Promise<[HolderKind, string]> {
    if ('nodeId' in target) return ['node', target.nodeId]
    if ('operator' in target) return ['operator', target.operator]
    const { kind, name } = await this.#certificate(target.serialNumber)
    return [kind, name]
  }

  async #certificate(serialNumber: Uint8Array): Promise<IssuedCertificate> {
    const issued = await this.#parts.store.certificate(serialNumber)
    if (issued !== undefined) return issued
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CERTIFICATE_UNKNOWN', { detail: toHex(serialNumber) })
  }

  /** Of a holder, all that could still be used or renewed. */
  async #certificates(target: RevocationTarget, kind: HolderKind, name: string): Promise<IssuedCertificate[]> {
    if ('serialNumber' in target) return [await this.#certificate(target.serialNumber)]
    const { store, dependencies } = this.#parts
    const held = await store.certificatesOf(kind, name)
    if (held.length === 0) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CERTIFICATE_UNKNOWN', { detail: name })
    const { graceMs } = await policyOf(store)
    const nowMs = dependencies.clock.now()
    const usable = held.filter(({ notAfterMs }) => nowMs <= listedUntilMs(notAfterMs, graceMs))
    const certificates: IssuedCertificate[] = []
    for (const { serialNumber } of usable) certificates.push(await this.#certificate(serialNumber))
    return certificates
  }
}

function checkTime(invalidityMs = 0): void {
  const sound = Number.isSafeInteger(invalidityMs) && invalidityMs >= 0 && invalidityMs <= LAST_TIME_MS
  if (!sound) throw ENROLLMENT_ERRORS.create('ENROLLMENT_REQUEST_MALFORMED', { detail: 'invalidityMs' })
}

function factsOf(
  issued: IssuedCertificate,
): Omit<StoredRevocation, 'sequence' | 'revokedAtMs' | 'reason' | 'invalidityMs'> {
  const { kind, name, serialNumber, issuedAtMs, notAfterMs, identityKeyId: keyHash } = issued
  const { authorityKeyId } = parseCertificate(issued.der)
  return { serialNumber, authorityKeyId, keyHash, kind, name, issuedAtMs, notAfterMs }
}

/** Whether a certificate that was revoked for `before` has to be revoked again for `reason`. */
function isWorse(reason: RevocationReason, before: RevocationReason): boolean {
  return compromisesKey(REASON_CODES[reason]) && !compromisesKey(REASON_CODES[before])
}
