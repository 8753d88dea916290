import { type Clock, equalBytes, toHex } from '../../core/index.ts'
import { type PublicKey, type SignatureProvider, sha256 } from '../../crypto/index.ts'
import type { PeerGate } from '../../overlay/index.ts'
import type { RecordTrust } from '../../records/index.ts'
import {
  type Certificate,
  memberLabel,
  noRevocations,
  PathCache,
  parseChain,
  type Role,
  type ValidPath,
  validatePath,
} from '../../records/path/index.ts'
import type { RecordStore } from '../../records/store/index.ts'

export interface MeshTrustOptions {
  readonly mesh: string
  readonly rootFingerprint: Uint8Array
  readonly root: Certificate
}

export interface MeshTrustDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly records: RecordStore
}

/** A node that holds, or held, a certificate of the mesh. */
export interface Member {
  readonly nodeId: string
  readonly roles: readonly Role[]
  /** End of its newest certificate known here. */
  readonly certificateExpiresAtMs: number
}

/**
 * Who is in the mesh, as this node knows it: judges chains for links, records and catch-up by the one `validatePath`, keeps
 * the ones that held, and finds the key that signed a block.
 */
export class MeshTrust implements PeerGate {
  /** Spares verifying the same certificate path for every record. */
  readonly paths = new PathCache()
  readonly #options: MeshTrustOptions
  readonly #dependencies: MeshTrustDependencies
  readonly #members = new Map<string, Member>()
  /** SPKI of the alternative key of each known leaf, by node_id and hexadecimal key id. */
  readonly #deviceKeys = new Map<string, Uint8Array>()
  /** Those that were asked for, imported once. */
  readonly #imported = new Map<string, PublicKey>()
  readonly #revocations = noRevocations()

  constructor(options: MeshTrustOptions, dependencies: MeshTrustDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Reads the certificates kept by earlier runs; they were validated when they were put there. */
  async load(): Promise<void> {
    for await (const certificate of this.#dependencies.records.certificates()) this.#remember(certificate)
  }

  /**
   * Judges a peer's chain now, and keeps it: its records will come by every road.
   * @throws RECORDS_CERT_*, RECORDS_PATH_*
   */
  async judge(chain: readonly Uint8Array[]): Promise<ValidPath> {
    const path = await this.#validate(parseChain(chain), this.#dependencies.clock.now())
    await this.#keep(path)
    return path
  }

  /**
   * Keeps a chain that records may need. It has to hold at some time: the last moment of the leaf that is not ahead of now.
   * @throws RECORDS_CERT_*, RECORDS_PATH_*
   */
  async learn(chain: readonly Uint8Array[]): Promise<void> {
    const certificates = parseChain(chain)
    const leaf = certificates[0]
    const atMs = Math.min(this.#dependencies.clock.now(), leaf?.notAfterMs ?? 0)
    await this.#keep(await this.#validate(certificates, atMs))
  }

  /** What `verify()` asks of this node. */
  recordTrust(): RecordTrust {
    const { mesh, rootFingerprint, root } = this.#options
    const { records } = this.#dependencies
    return {
      mesh,
      rootFingerprint,
      root,
      revocations: this.#revocations,
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
    const spki = this.#deviceKeys.get(name)
    if (known !== undefined || spki === undefined) return known
    const key = this.#dependencies.provider.importPublic(spki)
    this.#imported.set(name, key)
    return key
  }

  /** Everyone known, by node_id. */
  members(): readonly Member[] {
    return [...this.#members.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
  }

  #validate(chain: readonly Certificate[], atMs: number): Promise<ValidPath> {
    const { mesh, rootFingerprint, root } = this.#options
    const policy = { mesh, rootFingerprint, signaturePolicy: 'hybrid', purpose: 'node' } as const
    const input = { chain, root, atMs, revocations: this.#revocations, policy }
    return validatePath(input, { provider: this.#dependencies.provider, cache: this.paths })
  }

  async #keep(path: ValidPath): Promise<void> {
    await this.#dependencies.records.putChain(path.chain)
    this.#remember(path.leaf)
  }

  #remember(leaf: Certificate): void {
    if (leaf.altSpki === undefined || equalBytes(leaf.fingerprint, this.#options.rootFingerprint)) return
    const nodeId = memberLabel('node', this.#options.mesh, leaf)
    if (nodeId === undefined) return
    this.#deviceKeys.set(keyName(nodeId, sha256(leaf.altSpki)), leaf.altSpki)
    const known = this.#members.get(nodeId)
    if (known !== undefined && known.certificateExpiresAtMs >= leaf.notAfterMs) return
    this.#members.set(nodeId, { nodeId, roles: leaf.roles, certificateExpiresAtMs: leaf.notAfterMs })
  }
}

function keyName(nodeId: string, keyId: Uint8Array): string {
  return `${nodeId}/${toHex(keyId)}`
}
