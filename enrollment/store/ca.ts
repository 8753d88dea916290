import { toHex } from '../../core/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import type { Certificate, ValidPath } from '../../records/path/index.ts'
import { type Actor, type AuditEntry, auditEntry, decodeAudit, LOCAL_ACTOR, verifyAudit } from '../audit.ts'
import { parseCrl } from '../crl/index.ts'
import { meshSuiteOf } from '../keys/index.ts'
import { MAX_ADDRESSES } from '../limits.ts'
import type { EnrollmentPolicy } from '../policy.ts'
import type { EnrollmentAnswer, EnrollmentRequest, MeshConfig, PseudonymKey } from '../types.ts'
import type { Authorities } from './authorities.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaStore } from './ca-store.ts'
import type {
  AddOperatorOptions,
  Attested,
  AuthorityLists,
  AuthoritySummary,
  CaDependencies,
  CaStatus,
  CertificateState,
  HolderKind,
  IssuedChain,
  IssuedSummary,
  Renewal,
  RenewalRequest,
  RevocationTarget,
  RevokeOptions,
  RootApprovals,
  ServerIdentity,
  TokenOptions,
} from './ca-types.ts'
import { policyOf, recoveryOf, settingsOf } from './facts.ts'
import { Hierarchy } from './hierarchy.ts'
import { ImportedLists } from './imported-lists.ts'
import { summarize } from './issued.ts'
import { ListDesk } from './list-desk.ts'
import { ListTimer } from './list-timer.ts'
import { Operators } from './operators.ts'
import { PolicyDesk } from './policy-desk.ts'
import { PresentedJudge } from './presented.ts'
import { CertificatePruner } from './pruner.ts'
import { PresentPseudonym } from './pseudonyms.ts'
import { RecoveryDesk } from './recovery.ts'
import { Redeemer } from './redeemer.ts'
import { Refusals } from './refusals.ts'
import { Renewer } from './renewer.ts'
import { Revoker } from './revoker.ts'
import { issueServerIdentity } from './server-identity.ts'
import { TokenDesk } from './token-desk.ts'

const NOBODY: Actor = { kind: 'node', name: '' }

/**
 * The CA of one mesh. Comes from `initCa`, `openCa` and `installIssuingCa`. Every decision is one synced batch with its
 * entry in the audit: what a call resolved with is on disk.
 */
export class MeshCa {
  readonly #parts: CaParts
  readonly #tokens: TokenDesk
  readonly #judge: PresentedJudge
  readonly #redeemer: Redeemer
  readonly #renewer: Renewer
  readonly #revoker: Revoker
  readonly #policies: PolicyDesk
  readonly #lists: ListDesk
  readonly #operators: Operators
  readonly #hierarchy: Hierarchy
  readonly #recovery: RecoveryDesk
  readonly #refusals: Refusals
  readonly #pseudonym: PresentPseudonym

  constructor(
    given: { mesh: string; store: CaStore; keystore: Keystore; authorities: Authorities },
    dependencies: CaDependencies,
  ) {
    const parts = { ...given, imported: new ImportedLists(given), dependencies }
    this.#parts = parts
    this.#tokens = new TokenDesk(parts)
    this.#judge = new PresentedJudge(parts)
    this.#redeemer = new Redeemer(parts)
    this.#renewer = new Renewer(parts, this.#judge)
    this.#revoker = new Revoker(parts)
    this.#policies = new PolicyDesk(parts, this.#revoker)
    this.#lists = new ListDesk(parts)
    this.#operators = new Operators(parts)
    this.#hierarchy = new Hierarchy(parts)
    this.#recovery = new RecoveryDesk(parts)
    this.#refusals = new Refusals(parts)
    this.#pseudonym = new PresentPseudonym(parts)
  }

  get mesh(): string {
    return this.#parts.mesh
  }

  /** The root that the mesh is known by. */
  get root(): Certificate {
    return this.#parts.authorities.root
  }

  async status(): Promise<CaStatus> {
    const { store, authorities } = this.#parts
    const { fingerprint, notBeforeMs, notAfterMs } = this.root
    return {
      mesh: this.mesh,
      suite: meshSuiteOf(authorities.suite),
      root: { fingerprint: toHex(fingerprint), notBeforeMs, notAfterMs },
      authorities: authorities.summaries(),
      issued: await store.countCertificates(),
      tokens: await this.#tokens.counts(),
      settings: await settingsOf(store),
      behind: (await recoveryOf(store)).behindSinceMs !== undefined,
    }
  }

  /**
   * Makes a token; only its hash is kept, so its text cannot be shown again.
   * @throws ENROLLMENT_NODE_ID_TAKEN, ENROLLMENT_REQUEST_MALFORMED for a node_id that is no DNS label
   */
  createToken(options: TokenOptions = {}, actor: Actor = LOCAL_ACTOR): Promise<{ token: string; expiresAtMs: number }> {
    return this.#tokens.create(options, actor)
  }

  /**
   * Redeems a token for a certificate over the keys of a request. The same key gets the same certificate again, another
   * key is refused.
   * @param options crlUrl: where this CA's revocation lists are fetched
   * @throws ENROLLMENT_TOKEN_*, ENROLLMENT_CSR_*, ENROLLMENT_NODE_ID_*, ENROLLMENT_POLICY, ENROLLMENT_KEY_REVOKED,
   *   ENROLLMENT_DELEGATED, ENROLLMENT_CA_BEHIND, ENROLLMENT_BUSY
   */
  enroll(request: EnrollmentRequest, options: { crlUrl: string } & Attested): Promise<EnrollmentAnswer> {
    return this.#refusals.noting(NOBODY, async () => {
      const { attested } = options
      const redeemed = await this.#redeemer.redeem(this.#tokens.ownId(request.token), { ...request, attested })
      const { certificate, nodeId, repeated } = redeemed
      const facts = { nodeId, serialNumber: toHex(certificate.serialNumber), repeated }
      this.#parts.dependencies.logger.info(facts, 'certificate issued')
      const chain = this.#parts.authorities.chainOf(certificate)
      return { chain, config: await this.#config(nodeId, options.crlUrl) }
    })
  }

  async #config(nodeId: string, crlUrl: string): Promise<MeshConfig> {
    const { store } = this.#parts
    const { signaturePolicy, gossipFanout, bootstrapPeers } = await settingsOf(store)
    const known = new Set([...bootstrapPeers, ...(await store.peerAddresses(nodeId))])
    const pseudonym = await this.pseudonym()
    return { signaturePolicy, gossipFanout, crlUrl, bootstrapPeers: [...known].slice(0, MAX_ADDRESSES), pseudonym }
  }

  /**
   * A new certificate for a node that presents its old one, valid or in grace. The same new key gets the same again.
   * @param presented the chain of the connection, leaf first, whose leaf's key the peer has proven to have; judged here
   * @throws ENROLLMENT_PEER_*, ENROLLMENT_RENEWAL_*, ENROLLMENT_GRACE_*, ENROLLMENT_KEY_REVOKED, ENROLLMENT_POLICY,
   *   ENROLLMENT_CSR_*, ENROLLMENT_CA_BEHIND, ENROLLMENT_BUSY
   */
  rotate(request: RenewalRequest, presented: readonly Certificate[], options: Attested = {}): Promise<Renewal> {
    return this.#refusals.noting(NOBODY, async () => {
      const renewal = await this.#renewer.renewNode(request, presented, options)
      const { repeated, grace } = renewal
      this.#parts.dependencies.logger.info({ repeated, ...(grace !== undefined && { grace }) }, 'certificate renewed')
      return renewal
    })
  }

  /**
   * A new certificate for an operator who presents a valid one, as {@link rotate}; there is no grace.
   * @throws as {@link rotate}
   */
  renewOperator(request: RenewalRequest, presented: readonly Certificate[]): Promise<Renewal> {
    return this.#refusals.noting(NOBODY, () => this.#renewer.renewOperator(request, presented))
  }

  /**
   * Who presents a chain: it is valid now, and nothing that this CA knows revokes it.
   * @throws ENROLLMENT_PEER_UNTRUSTED, ENROLLMENT_PEER_REVOKED, ENROLLMENT_CA_BEHIND
   */
  async authenticate(
    presented: readonly Certificate[],
    purpose: 'node' | 'operator',
  ): Promise<{ path: ValidPath; actor: Actor }> {
    const { path } = await this.#judge.judgeNow(presented, purpose)
    return { path, actor: { kind: purpose, name: path.nodeId } }
  }

  /**
   * Revokes, and issues the lists that say so. A second revocation within the second of a list waits for the next second.
   * @returns what was revoked now: nothing when all was revoked before
   * @throws ENROLLMENT_CERTIFICATE_UNKNOWN, ENROLLMENT_REQUEST_MALFORMED, ENROLLMENT_CA_BEHIND, ENROLLMENT_BUSY
   */
  async revoke(target: RevocationTarget, options: RevokeOptions, actor: Actor): Promise<readonly IssuedSummary[]> {
    const revoked = await this.#refusals.noting(actor, () => this.#revoker.revoke(target, options, actor))
    this.#parts.dependencies.logger.info({ names: revoked.map(({ name }) => name) }, 'certificates revoked')
    await this.#lists.issue()
    return revoked
  }

  /** What is published, issued anew where it is due; that of the active authority first. */
  lists(): Promise<readonly AuthorityLists[]> {
    return this.#lists.current()
  }

  /**
   * Takes a list of another authority of the mesh, such as the root of an issuing CA, to be published along.
   * @throws ENROLLMENT_CRL_*; ENROLLMENT_CA_BEHIND for a list of this CA that it has not issued yet
   */
  async importList(der: Uint8Array, actor: Actor = LOCAL_ACTOR): Promise<void> {
    const { store, authorities, imported, dependencies } = this.#parts
    const list = parseCrl(der)
    if (authorities.find(list.authorityKeyId) !== undefined) return this.#recovery.checkNotAhead(list)
    await store.locked(['lists'], async () => {
      const { signaturePolicy } = await settingsOf(store)
      const atMs = dependencies.clock.now()
      const change = await imported.take(list, { provider: dependencies.provider, signaturePolicy, nowMs: atMs })
      const detail = `${list.kind} ${list.number}, ${toHex(list.authorityKeyId).slice(0, 16)}`
      if (change !== undefined)
        await store.commit([change], [auditEntry({ atMs, event: 'list-imported', actor, detail })])
    })
  }

  /** Has lists issued when they are due, and forgets certificates that ended long ago, until stopped: for a CA that serves. */
  startIssuing(): { stop(): Promise<void> } {
    const { dependencies } = this.#parts
    return new ListTimer({ desk: this.#lists, pruner: new CertificatePruner(this.#parts) }, dependencies)
  }

  policy(): Promise<EnrollmentPolicy> {
    return policyOf(this.#parts.store)
  }

  /**
   * @returns what `revokeOnRemoval` revoked
   * @throws ENROLLMENT_POLICY_MALFORMED
   */
  async setPolicy(policy: EnrollmentPolicy, actor: Actor): Promise<readonly IssuedSummary[]> {
    const revoked = await this.#policies.set(policy, actor)
    if (revoked.length > 0) await this.#lists.issue()
    return revoked
  }

  /**
   * A certificate for an operator; the same one again for the same key.
   * @throws ENROLLMENT_OPERATOR_EXISTS, ENROLLMENT_CSR_*, ENROLLMENT_KEY_REVOKED
   */
  addOperator(options: AddOperatorOptions, actor: Actor): Promise<IssuedChain> {
    return this.#operators.add(options, actor)
  }

  /** The certificates that this CA has issued, in no order. */
  async *list(filter: { kind?: HolderKind; state?: CertificateState } = {}): AsyncIterable<IssuedSummary> {
    const { store, dependencies } = this.#parts
    const nowMs = dependencies.clock.now()
    for await (const issued of store.certificates()) {
      if (filter.kind !== undefined && issued.kind !== filter.kind) continue
      const summary = summarize(issued, await store.revocation(issued.serialNumber), nowMs)
      if (filter.state === undefined || summary.state === filter.state) yield summary
    }
  }

  /** The pseudonym key of the mesh. */
  pseudonym(): Promise<PseudonymKey> {
    return this.#pseudonym.read()
  }

  /** What the CA decided, newest first. */
  async *audit(): AsyncIterable<AuditEntry> {
    for await (const bytes of this.#parts.store.audit('newest-first')) yield decodeAudit(bytes).entry
  }

  /** The audit as it is chained, oldest first. */
  exportAudit(): AsyncIterable<Uint8Array> {
    return this.#parts.store.audit('oldest-first')
  }

  /** @throws ENROLLMENT_AUDIT_BROKEN */
  verifyAudit(): Promise<{ entries: number; head: Uint8Array }> {
    return verifyAudit(this.exportAudit())
  }

  /**
   * Says that this CA runs on a backup: its list numbers jump ahead, open tokens become void, the pseudonym key changes.
   * @param options lists: full lists of this CA that nodes still have; revocations in them that the backup lacks come back
   * @throws ENROLLMENT_CRL_*
   */
  async restored(actor: Actor, options: { lists?: readonly Uint8Array[] } = {}): Promise<void> {
    await this.#recovery.restored(actor, options.lists ?? [])
    await this.#lists.issue()
  }

  /** An operator's word for a change of the root; it counts for a week. */
  approveRootChange(actor: Actor): Promise<RootApprovals> {
    return this.#hierarchy.approve(actor)
  }

  /**
   * A new root, certified by the one that the mesh is known by, signs from now on. Old certificates stay good.
   * @throws ENROLLMENT_ROOT_APPROVALS, ENROLLMENT_ROOT_ABSENT, ENROLLMENT_ROOT_LIMIT
   */
  async rekeyRoot(actor: Actor): Promise<AuthoritySummary> {
    const summary = await this.#hierarchy.rekey(actor)
    await this.#lists.issue()
    return summary
  }

  /**
   * Certifies an issuing CA.
   * @param request what `initIssuingCa` gave
   * @returns what `installIssuingCa` takes
   * @throws ENROLLMENT_ROOT_ABSENT, ENROLLMENT_CSR_*
   */
  signIssuingCa(request: Uint8Array, actor: Actor): Promise<Uint8Array> {
    return this.#hierarchy.signIssuingCa(request, actor)
  }

  /** A fresh certificate for the CA's HTTPS endpoint, with its key; the chain ends in the root. */
  issueServerIdentity(): Promise<ServerIdentity> {
    return issueServerIdentity(this.#parts)
  }

  /** Lets decisions under way end, then closes database and keystore. */
  async close(): Promise<void> {
    await this.#parts.store.close()
    this.#pseudonym.forget()
    this.#parts.keystore.close()
  }
}
