import { type Clock, equalBytes, isGapmeshError, toHex } from '../../core/index.ts'
import { type PublicKey, type SignatureProvider, sha256 } from '../../crypto/index.ts'
import { parseStalenessPolicy, type StalenessPolicy } from '../../enrollment/crl/index.ts'
import type { Judgement, Opinion, PeerGate } from '../../overlay/index.ts'
import type { RecordTrust } from '../../records/index.ts'
import {
  type Certificate,
  memberLabel,
  PathCache,
  type PathPolicy,
  parseChain,
  type Revocation,
  type RevocationView,
  type Role,
  type ValidPath,
  validatePath,
} from '../../records/path/index.ts'
import type { RecordStore } from '../../records/store/index.ts'
import { strictest } from './provisional.ts'
import { Revocations } from './revocations.ts'

/** Role of a peer for which a policy on stale lists is set. */
export type StalenessRole = 'node' | 'validator' | 'operator'

export type StalenessPolicies = Readonly<Record<StalenessRole, StalenessPolicy>>

export interface MeshTrustOptions {
  readonly mesh: string
  readonly rootFingerprint: Uint8Array
  readonly root: Certificate
  /** Default: each role tolerates stale lists for 30 days. */
  readonly staleness?: StalenessPolicies | undefined
  /** When the first revocation list of a CA should have been here. Default: never. */
  readonly listsDueMs?: number | undefined
}

export interface MeshTrustDependencies {
  readonly provider: SignatureProvider
  /** May learn from what CAs have signed how late it is. */
  readonly clock: Clock & { attest?(authority: string, atMs: number): void }
  readonly records: RecordStore
  /** Default: none are known. */
  readonly revocations?: Revocations
  /** Told of a CA that was not known before: its lists are wanted. */
  readonly onAuthority?: () => void
}

/** A node that holds, or held, a certificate of the mesh. */
export interface Member {
  readonly nodeId: string
  readonly roles: readonly Role[]
  /** End of its newest certificate known here. */
  readonly certificateExpiresAtMs: number
}

const TOLERANT: StalenessPolicy = { kind: 'tolerated', days: 30 }

/**
 * Who is in the mesh, as this node knows it: judges chains for links, records and catch-up by the one `validatePath`, keeps
 * the ones that held, and finds the key that signed a block.
 */
export class MeshTrust implements PeerGate {
  /** Spares verifying the same certificate path for every record. */
  readonly paths = new PathCache()
  readonly revocations: Revocations
  readonly #options: MeshTrustOptions
  readonly #dependencies: MeshTrustDependencies
  /** Newest leaf of each node. */
  readonly #leaves = new Map<string, Certificate>()
  /** Newest leaf that carries each known device key, by node_id and hexadecimal key id. */
  readonly #deviceKeys = new Map<string, Certificate>()
  readonly #view: RevocationView = { find: (certificate) => this.#revocationOf(certificate) }
  /** Those that were asked for, imported once. */
  readonly #imported = new Map<string, PublicKey>()

  constructor(options: MeshTrustOptions, dependencies: MeshTrustDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.revocations = dependencies.revocations ?? new Revocations()
    this.revocations.addAuthorities([options.root])
  }

  /** Reads the certificates kept by earlier runs; they were validated when they were put there. */
  async load(): Promise<void> {
    for await (const certificate of this.#dependencies.records.certificates()) {
      this.revocations.addAuthorities([certificate])
      this.#remember(certificate)
    }
  }

  /**
   * Judges a peer's chain now, and keeps it: its records will come by every road.
   * @throws RECORDS_CERT_*, RECORDS_PATH_*
   */
  async judge(chain: readonly Uint8Array[]): Promise<Judgement> {
    const path = await this.validate(parseChain(chain), 'node')
    await this.#keep(path)
    return { ...path, ...this.opinionOf(path.leaf) }
  }

  /**
   * Judges a peer again whose connection stands. One that was renewed meanwhile is judged by its newest certificate over the
   * same overlay key: that it has changed its certificate is no reason to hang up.
   * @throws RECORDS_CERT_*, RECORDS_PATH_*
   */
  async judgeAgain(chain: readonly Uint8Array[]): Promise<Judgement> {
    try {
      return await this.judge(chain)
    } catch (error) {
      const newest = isGapmeshError(error, 'RECORDS_PATH_EXPIRED') ? await this.#newestOf(chain) : undefined
      if (newest === undefined) throw error
      return this.judge(newest)
    }
  }

  /**
   * The path of a chain, if it holds now. One that is not valid yet may know better how late it is: what its CA has signed
   * can raise the clock of this node.
   * @throws RECORDS_PATH_*
   */
  async validate(chain: readonly Certificate[], purpose: PathPolicy['purpose']): Promise<ValidPath> {
    const { clock } = this.#dependencies
    try {
      return this.#attested(await this.#validateAt(chain, purpose, clock.now()))
    } catch (error) {
      if (!isGapmeshError(error, 'RECORDS_PATH_NOT_YET_VALID')) throw error
      this.#attested(await this.#validateAt(chain, purpose, Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs))))
      return this.#validateAt(chain, purpose, clock.now())
    }
  }

  /**
   * Keeps a chain that records may need. It has to hold at some time: now, else the moment nearest to it at which its leaf was
   * valid and not revoked.
   * @throws RECORDS_CERT_*, RECORDS_PATH_*
   */
  async learn(chain: readonly Uint8Array[]): Promise<ValidPath> {
    const certificates = parseChain(chain)
    const leaf = certificates[0]
    const purpose = leaf?.roles.includes('operator') ? 'operator' : 'node'
    const nowMs = this.#dependencies.clock.now()
    const nearestMs = Math.max(leaf?.notBeforeMs ?? 0, Math.min(nowMs, leaf?.notAfterMs ?? 0))
    const path = await this.#validateAt(certificates, purpose, nearestMs).catch((error) => {
      const untilMs = validUntilRevoked(error)
      if (untilMs === undefined || untilMs > nearestMs) throw error
      return this.#validateAt(certificates, purpose, untilMs)
    })
    await this.#keep(this.#attested(path))
    return path
  }

  /** What this node thinks of a node whose path holds, by the age of the lists that say so. */
  opinionOf(leaf: Certificate): Opinion {
    const role = leaf.roles.includes('validator') ? 'validator' : leaf.roles.includes('operator') ? 'operator' : 'node'
    const { verdict, listed } = this.stalenessOf(leaf, role)
    if (verdict === 'trusted') return { verdict, reasons: [] }
    const reasons = [listed ? 'the revocation list of its CA has run out' : 'its CA has never given a revocation list']
    return { verdict: verdict === 'stale' && !listed ? 'unreachable' : verdict, reasons }
  }

  stalenessOf(leaf: Certificate, role: StalenessRole) {
    const { staleness, listsDueMs: dueMs = Number.POSITIVE_INFINITY } = this.#options
    const nowMs = this.#dependencies.clock.now()
    return this.revocations.staleness(leaf, staleness?.[role] ?? TOLERANT, { nowMs, dueMs })
  }

  /** What `verify()` asks of this node. */
  recordTrust(): RecordTrust {
    const { mesh, rootFingerprint, root } = this.#options
    const { records } = this.#dependencies
    return {
      mesh,
      rootFingerprint,
      root,
      revocations: this.#view,
      policyAt: () => 'hybrid',
      headOf: (origin, type) => records.headOf(origin, type),
      isDuplicate: (id, createdAtMs) => records.isDuplicate(id, createdAtMs),
      chainFor: (issuerKeyId, serialNumber) => records.chain(issuerKeyId, serialNumber),
    }
  }

  /** The device key with this id that a certificate of the node carries, or carried. */
  findKey(nodeId: string, keyId: Uint8Array): PublicKey | undefined {
    const name = keyName(nodeId, keyId)
    const known = this.#imported.get(name)
    const spki = this.#deviceKeys.get(name)?.altSpki
    if (known !== undefined || spki === undefined) return known
    const key = this.#dependencies.provider.importPublic(spki)
    this.#imported.set(name, key)
    return key
  }

  /**
   * As {@link findKey}, for a block that comes in and says that it was made at `atMs`. The newest certificate that carries the
   * key decides: it has not ended by then, and is not revoked for key compromise, nor for another reason before. When the key
   * was certified first, nobody tells a node that joins late: certificates travel with records, and blocks outlive those.
   */
  findKeyAt(nodeId: string, keyId: Uint8Array, atMs: number): PublicKey | undefined {
    const leaf = this.#deviceKeys.get(keyName(nodeId, keyId))
    if (leaf === undefined || atMs > leaf.notAfterMs) return undefined
    return this.revocations.revocationOf(leaf, atMs) === undefined ? this.findKey(nodeId, keyId) : undefined
  }

  /** Everyone known and not revoked, by node_id. */
  members(): readonly Member[] {
    return this.#sorted(false).map(([nodeId, { roles, notAfterMs: certificateExpiresAtMs }]) => ({
      nodeId,
      roles,
      certificateExpiresAtMs,
    }))
  }

  /** node_ids of those whose newest certificate is revoked. */
  revoked(): readonly string[] {
    return this.#sorted(true).map(([nodeId]) => nodeId)
  }

  /** The newest certificate known of a node. */
  leafOf(nodeId: string): Certificate | undefined {
    return this.#leaves.get(nodeId)
  }

  async #newestOf(chain: readonly Uint8Array[]): Promise<Uint8Array[] | undefined> {
    const [old] = parseChain(chain)
    const nodeId = old && memberLabel('node', this.#options.mesh, old)
    const newest = nodeId === undefined ? undefined : this.#leaves.get(nodeId)
    const [oldKey, newKey] = [old?.overlayKey?.publicKey, newest?.overlayKey?.publicKey]
    if (newest === undefined || !oldKey || !newKey || !equalBytes(oldKey, newKey)) return undefined
    const found = await this.#dependencies.records.chain(newest.authorityKeyId, newest.serialNumber)
    return found?.map(({ der }) => der)
  }

  #sorted(revoked: boolean): [nodeId: string, leaf: Certificate][] {
    return [...this.#leaves]
      .filter(([, leaf]) => this.#isRevoked(leaf) === revoked)
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /**
   * Who is revoked in the newest certificate is so in those before it, those over the same device key after enrolling again,
   * too: an order of an operator names one, and the key of the one before has not become better by that.
   */
  #revocationOf(certificate: Certificate): Revocation | undefined {
    const judged = [certificate, ...this.#newerThan(certificate)]
    return strictest(judged.flatMap((one) => this.revocations.find(one) ?? []))
  }

  #newerThan(certificate: Certificate): Certificate[] {
    const nodeId = memberLabel('node', this.#options.mesh, certificate)
    if (nodeId === undefined || certificate.altSpki === undefined) return []
    const newest = [this.#leaves.get(nodeId), this.#deviceKeys.get(keyName(nodeId, sha256(certificate.altSpki)))]
    return newest.filter((one) => one !== undefined && isNewer(one, certificate)) as Certificate[]
  }

  #isRevoked(leaf: Certificate): boolean {
    return this.revocations.revocationOf(leaf, this.#dependencies.clock.now()) !== undefined
  }

  #validateAt(chain: readonly Certificate[], purpose: PathPolicy['purpose'], atMs: number): Promise<ValidPath> {
    const { mesh, rootFingerprint, root } = this.#options
    const policy = { mesh, rootFingerprint, signaturePolicy: 'hybrid', purpose } as const
    const input = { chain, root, atMs, revocations: this.#view, policy }
    return validatePath(input, { provider: this.#dependencies.provider, cache: this.paths })
  }

  /** Every signature of `path` held: it is at least as late as its CAs said when they signed. */
  #attested(path: ValidPath): ValidPath {
    const { clock } = this.#dependencies
    for (const { authorityKeyId, notBeforeMs } of path.chain.slice(0, -1)) {
      clock.attest?.(toHex(authorityKeyId), notBeforeMs)
    }
    return path
  }

  async #keep(path: ValidPath): Promise<void> {
    const isNews = this.revocations.addAuthorities(path.chain)
    await this.#dependencies.records.putChain(path.chain)
    this.#remember(path.leaf)
    if (isNews) this.#dependencies.onAuthority?.()
  }

  #remember(leaf: Certificate): void {
    if (leaf.altSpki === undefined || equalBytes(leaf.fingerprint, this.#options.rootFingerprint)) return
    const nodeId = memberLabel('node', this.#options.mesh, leaf)
    if (nodeId === undefined) return
    putNewest(this.#deviceKeys, keyName(nodeId, sha256(leaf.altSpki)), leaf)
    putNewest(this.#leaves, nodeId, leaf)
  }
}

function putNewest(leaves: Map<string, Certificate>, name: string, leaf: Certificate): void {
  const known = leaves.get(name)
  if (known === undefined || isNewer(leaf, known)) leaves.set(name, leaf)
}

/** Made later, even where it ends sooner: a CA may have come to give shorter lives. */
function isNewer(one: Certificate, other: Certificate): boolean {
  return one.notBeforeMs === other.notBeforeMs ? one.notAfterMs > other.notAfterMs : one.notBeforeMs > other.notBeforeMs
}

/** The last moment before a revocation that says from when on a certificate does not count; undefined for other failures. */
function validUntilRevoked(error: unknown): number | undefined {
  if (!isGapmeshError(error, 'RECORDS_PATH_REVOKED') || error.metadata.keyCompromise === true) return undefined
  const { revokedAtMs } = error.metadata
  return typeof revokedAtMs === 'number' ? revokedAtMs - 1 : undefined
}

/**
 * The policy on stale lists of each role, from the configuration.
 * @throws {TypeError} for a text that is none; the configuration has checked it
 */
export function stalenessPolicies(text: (role: StalenessRole) => string): StalenessPolicies {
  const read = (role: StalenessRole) => {
    const policy = parseStalenessPolicy(text(role))
    if (policy === undefined) throw new TypeError(`crl.staleness.${role} is no policy`)
    return policy
  }
  return { node: read('node'), validator: read('validator'), operator: read('operator') }
}

function keyName(nodeId: string, keyId: Uint8Array): string {
  return `${nodeId}/${toHex(keyId)}`
}
