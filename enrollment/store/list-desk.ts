import { equalBytes, sleep, toHex } from '../../core/index.ts'
import { sha256, withSecret } from '../../crypto/index.ts'
import { type AuditEntry, auditEntry, POLICY_ACTOR } from '../audit.ts'
import type { ListKind } from '../crl/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { type IssuedLists, type ListPlan, nextIssueMs, planLists } from '../list-plan.ts'
import type { OwnAuthority } from './authorities.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { AuthorityLists, PublishedList } from './ca-types.ts'
import { lastRevocation, policyOf, recoveryOf, settingsOf } from './facts.ts'
import { encodeSettings } from './formats.ts'
import type { ListEntry, ListRecord } from './list-record.ts'
import { type Edition, ListSigner, timeAfter } from './list-signer.ts'
import { forgetPseudonyms, isDelegated, makePseudonym } from './pseudonyms.ts'

/** Name of the lock under which lists are issued. */
const LISTS_LOCK = 'lists'

/**
 * Issues the revocation lists of a CA. Revocations that come within the second of a list wait for the next second, and
 * all that have come by then go into one list; issuing happens one after another, so whoever comes second finds it done.
 */
export class ListDesk {
  readonly #parts: CaParts
  readonly #signer: ListSigner
  /** What is published, by hash: lists are large. */
  readonly #read = new Map<string, Uint8Array>()
  /** The issue that has not begun yet: whoever comes before it does is in it. */
  #next: Promise<void> | undefined

  constructor(parts: CaParts) {
    this.#parts = parts
    this.#signer = new ListSigner(parts)
  }

  /** What is published, after issuing what is due; that of the active authority first. */
  async current(): Promise<AuthorityLists[]> {
    await this.issue()
    const records = await this.#parts.store.listRecords()
    const active = this.#parts.authorities.active.certificate.subjectKeyId
    const isActive = ({ authorityKeyId }: ListRecord) => (equalBytes(authorityKeyId, active) ? 0 : 1)
    const sorted = records.toSorted((a, b) => isActive(a) - isActive(b))
    this.#forgetOthers(sorted)
    return Promise.all(sorted.map((record) => this.#published(record)))
  }

  /**
   * Issues what is due: lists that lack a revocation, and those whose time has come. Nothing while the CA runs on an old
   * backup: its numbers have been used.
   */
  async issue(): Promise<void> {
    if (!(await this.#isDue())) return
    this.#next ??= this.#queueIssue()
    await this.#next
  }

  #queueIssue(): Promise<void> {
    const begun = () => {
      this.#next = undefined
    }
    const issue = this.#parts.store.locked([LISTS_LOCK], () => {
      begun()
      return this.#issueDue()
    })
    issue.catch(() => this.#next === issue && begun())
    return issue
  }

  /** When something is due though nothing is revoked. */
  async nextIssueMs(): Promise<number> {
    const records = (await this.#parts.store.listRecords()).filter(({ own }) => own)
    return Math.min(...records.map((record) => nextIssueMs(issuedLists(record))))
  }

  async #isDue(): Promise<boolean> {
    const plans = await this.#plans()
    return plans.some(({ plan }) => plan.full || plan.delta)
  }

  async #plans(): Promise<{ authority: OwnAuthority; record: ListRecord | undefined; plan: ListPlan }[]> {
    const { store, authorities, dependencies } = this.#parts
    if ((await recoveryOf(store)).behindSinceMs !== undefined) return []
    const nowMs = dependencies.clock.now()
    const last = await lastRevocation(store)
    const records = await store.listRecords()
    return authorities.all.map((authority) => {
      const { subjectKeyId } = authority.certificate
      const record = records.find(({ own, authorityKeyId }) => own && equalBytes(authorityKeyId, subjectKeyId))
      const issued = record === undefined ? undefined : issuedLists(record)
      return { authority, record, plan: planLists(issued, record !== undefined && record.covers < last, nowMs) }
    })
  }

  async #issueDue(): Promise<void> {
    const { store, dependencies } = this.#parts
    const { clock } = dependencies
    const waitMs = Math.max(0, ...(await this.#plans()).map(({ record }) => timeAfter(record, clock.now()).waitMs))
    if (!(await this.#isDue())) return
    if (waitMs > 0) await sleep(clock, waitMs)
    const plans = await this.#plans()
    const due = plans.filter(({ plan }) => plan.full || plan.delta)
    const listed = Math.max(0, ...plans.map(({ record }) => record?.covers ?? 0))
    const { edition, changes, audit } = await this.#edition(listed)
    for (const { authority, record, plan } of due) {
      const issued = await this.#signer.issue(authority, { record, plan, edition })
      changes.push(...issued.changes)
      audit.push(...issued.audit)
    }
    await store.commit(changes, audit)
    if (edition.pseudonym !== undefined) await forgetPseudonyms(this.#parts.keystore, edition.pseudonym.epoch)
    for (const { event, detail } of audit) dependencies.logger.info({ event, detail }, 'revocation list issued')
  }

  /**
   * After a revocation the pseudonym key is a new one, unless an issuing CA has it.
   * @param listed sequence of the last revocation that a list has; 0: none has any
   */
  async #edition(listed: number): Promise<{ edition: Edition; changes: CaChange[]; audit: AuditEntry[] }> {
    const { store, keystore, dependencies } = this.#parts
    const covers = await lastRevocation(store)
    const settings = await settingsOf(store)
    const { graceMs } = await policyOf(store)
    const { restores } = await recoveryOf(store)
    if (await isDelegated(store, dependencies.clock.now())) {
      return { edition: { covers, graceMs, restores, pseudonym: undefined }, changes: [], audit: [] }
    }
    const revoked = listed < covers
    const epoch = settings.pseudonymEpoch + (revoked ? 1 : 0)
    const key = await makePseudonym(keystore, epoch, dependencies.random)
    const keyHash = withSecret(key, (secret) => sha256(secret))
    const edition = { covers, graceMs, restores, pseudonym: { epoch, keyHash } }
    if (!revoked) return { edition, changes: [], audit: [] }
    const value = encodeSettings({ ...settings, pseudonymEpoch: epoch })
    const facts = { atMs: dependencies.clock.now(), actor: POLICY_ACTOR, detail: `epoch ${epoch}` }
    return {
      edition,
      changes: [{ kind: 'fact', name: 'settings', value }],
      audit: [auditEntry({ ...facts, event: 'pseudonym-key-changed' })],
    }
  }

  async #published(record: ListRecord): Promise<AuthorityLists> {
    const { authorityKeyId, own, full, delta } = record
    return {
      authorityKeyId,
      own,
      full: await this.#publishedList(record, 'full', full),
      ...(delta !== undefined && { delta: await this.#publishedList(record, 'delta', delta) }),
    }
  }

  async #publishedList({ authorityKeyId }: ListRecord, kind: ListKind, entry: ListEntry): Promise<PublishedList> {
    const { number, thisUpdateMs, nextUpdateMs, hash } = entry
    const etag = toHex(hash)
    const der = this.#read.get(etag) ?? (await this.#parts.store.list(authorityKeyId, kind))
    if (der === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
    this.#read.set(etag, der)
    return { der, number, thisUpdateMs, nextUpdateMs, etag }
  }

  #forgetOthers(records: readonly ListRecord[]): void {
    const named = new Set(
      records.flatMap(({ full, delta }) => [full, delta]).map((entry) => toHex(entry?.hash ?? NONE)),
    )
    for (const etag of this.#read.keys()) if (!named.has(etag)) this.#read.delete(etag)
  }
}

const NONE = new Uint8Array()

function issuedLists({ full, delta, base }: ListRecord): IssuedLists {
  return { fullAtMs: full.thisUpdateMs, deltaAtMs: delta?.thisUpdateMs, hasBase: base !== undefined }
}
