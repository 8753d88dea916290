import { equalBytes, toHex } from '../../core/index.ts'
import { type AuditEntry, auditEntry, POLICY_ACTOR } from '../audit.ts'
import {
  type ListKind,
  type PseudonymCommitment,
  parseCrl,
  type RevocationList,
  revokedEntries,
  writeCrl,
} from '../crl/index.ts'
import { DELTA_LIST_LIFETIME_MS, FULL_LIST_LIFETIME_MS, RESTORE_NUMBER_STEP } from '../limits.ts'
import { type ListPlan, listedUntilMs, timeOfNextList } from '../list-plan.ts'
import type { OwnAuthority } from './authorities.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import { entryOf } from './imported-lists.ts'
import { revokesKey } from './issued.ts'
import type { StoredRevocation } from './issued-format.ts'
import type { ListEntry, ListRecord } from './list-record.ts'

/** What is issued in one go, for every authority that is due. */
export interface Edition {
  /** Sequence of the last revocation in it. */
  readonly covers: number
  /** Undefined while an issuing CA has the mesh's pseudonym key. */
  readonly pseudonym: PseudonymCommitment | undefined
  readonly graceMs: number
  readonly restores: number
}

/** Writes and signs the lists of one authority. */
export class ListSigner {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /** The lists of a plan: the change that publishes them, and what the audit says. */
  async issue(
    authority: OwnAuthority,
    { record, plan, edition }: { record: ListRecord | undefined; plan: ListPlan; edition: Edition },
  ): Promise<{ changes: CaChange[]; audit: AuditEntry[] }> {
    const nowMs = this.#parts.dependencies.clock.now()
    const first = BigInt(1 + edition.restores * RESTORE_NUMBER_STEP)
    const number = record === undefined ? first : record.number + 1n
    const thisUpdateMs = timeAfter(record, nowMs).atMs
    const listed = await this.#revocations(authority, { nowMs, graceMs: edition.graceMs })
    const sign = (kind: ListKind) => this.#sign(authority, { kind, number, thisUpdateMs, listed, record, edition })
    const full = plan.full ? await sign('full') : undefined
    const delta = plan.delta ? await sign('delta') : undefined
    const after = {
      authorityKeyId: authority.certificate.subjectKeyId,
      own: true,
      number,
      covers: edition.covers,
      base: plan.rebase ? { number, covers: edition.covers } : record?.base,
      full: full === undefined ? fullOf(record) : entryOf(full),
      delta: delta === undefined ? (plan.full ? undefined : record?.delta) : entryOf(delta),
    }
    const kinds = [...(full === undefined ? [] : ['full']), ...(delta === undefined ? [] : ['delta'])].join(' and ')
    const detail = `${kinds} ${number}, ${listed.length} revoked, ${toHex(after.authorityKeyId).slice(0, 16)}`
    return {
      changes: [{ kind: 'list', record: after, full: full?.der, delta: delta?.der }],
      audit: [auditEntry({ atMs: nowMs, event: 'list-issued', actor: POLICY_ACTOR, detail })],
    }
  }

  /** Those that are over are left out, and stay in the store: the clock may be wrong today. */
  async #revocations(
    { certificate }: OwnAuthority,
    { nowMs, graceMs }: { nowMs: number; graceMs: number },
  ): Promise<StoredRevocation[]> {
    const listed: StoredRevocation[] = []
    for await (const revocation of this.#parts.store.revocations(0)) {
      if (!equalBytes(revocation.authorityKeyId, certificate.subjectKeyId)) continue
      if (nowMs <= listedUntilMs(revocation.notAfterMs, graceMs)) listed.push(revocation)
    }
    return listed
  }

  async #sign(
    { certificate, keys }: OwnAuthority,
    list: {
      kind: ListKind
      number: bigint
      thisUpdateMs: number
      listed: readonly StoredRevocation[]
      record: ListRecord | undefined
      edition: Edition
    },
  ): Promise<RevocationList> {
    const { kind, number, thisUpdateMs, listed, record, edition } = list
    const base = kind === 'delta' ? record?.base : undefined
    const since = base?.covers ?? 0
    const der = await writeCrl(
      {
        issuerName: certificate.subjectName,
        authorityKeyId: certificate.subjectKeyId,
        number,
        baseNumber: base?.number,
        thisUpdateMs,
        nextUpdateMs: thisUpdateMs + (kind === 'full' ? FULL_LIST_LIFETIME_MS : DELTA_LIST_LIFETIME_MS),
        entries: revokedEntries(listed.filter(({ sequence }) => sequence > since).map(entryFor)),
        pseudonym: edition.pseudonym,
      },
      keys,
    )
    return parseCrl(der)
  }
}

/** When the list after those of a record is issued. */
export function timeAfter(record: ListRecord | undefined, nowMs: number): { atMs: number; waitMs: number } {
  const times = record === undefined ? [] : [record.full.thisUpdateMs, record.delta?.thisUpdateMs ?? 0]
  return timeOfNextList(times.length === 0 ? undefined : Math.max(...times), nowMs)
}

function fullOf(record: ListRecord | undefined): ListEntry {
  if (record === undefined) throw new TypeError('the first list is a full one')
  return record.full
}

function entryFor(revocation: StoredRevocation) {
  const { serialNumber, revokedAtMs, reason, invalidityMs, keyHash } = revocation
  return { serialNumber, revokedAtMs, reason, invalidityMs, ...(revokesKey(revocation) && { keyHash }) }
}
