import { equalBytes, type GapmeshError } from '../../core/index.ts'
import { type Certificate, noRevocations, PATH_ERRORS, type ValidPath, validatePath } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { forgottenAfterMs } from '../renewal.ts'
import { markBehind } from './behind.ts'
import type { CaParts } from './ca-parts.ts'
import { recoveryOf, settingsOf } from './facts.ts'
import { findRevocation } from './issued.ts'
import { type IssuedCertificate, issuedFacts } from './issued-format.ts'

/** A chain that holds, but perhaps no longer, and what the CA knows of its leaf. */
export interface Presented {
  readonly path: ValidPath
  /** Undefined when another CA of the mesh issued it, whose revocations are not known here. */
  readonly issued: IssuedCertificate | undefined
}

/** Judges certificates that come with a connection, by the CA's own knowledge of what it issued and revoked. */
export class PresentedJudge {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /**
   * A chain that is valid, or was when its leaf expired.
   * @param chain leaf first; the root may be left out
   * @throws ENROLLMENT_PEER_UNTRUSTED, ENROLLMENT_PEER_REVOKED, ENROLLMENT_CA_BEHIND
   */
  async judge(chain: readonly Certificate[], purpose: 'node' | 'operator'): Promise<Presented> {
    const path = await this.#validate(chain, purpose)
    for (const certificate of path.chain.slice(0, -1)) await this.#checkNotRevoked(certificate)
    return { path, issued: await this.#issued(path, purpose) }
  }

  /** @throws as {@link judge}, and ENROLLMENT_PEER_UNTRUSTED when the leaf has expired */
  async judgeNow(chain: readonly Certificate[], purpose: 'node' | 'operator'): Promise<Presented> {
    const presented = await this.judge(chain, purpose)
    const expired = this.#parts.dependencies.clock.now() > presented.path.leaf.notAfterMs
    if (expired) throw untrusted('expired')
    return presented
  }

  async #validate(chain: readonly Certificate[], purpose: 'node' | 'operator'): Promise<ValidPath> {
    const { authorities, store, dependencies } = this.#parts
    const [leaf] = chain
    const atMs = Math.min(dependencies.clock.now(), leaf?.notAfterMs ?? 0)
    const { mesh, signaturePolicy } = await settingsOf(store)
    const { root } = authorities
    const policy = { mesh, rootFingerprint: root.fingerprint, signaturePolicy, purpose }
    try {
      return await validatePath({ chain, root, atMs, revocations: noRevocations(), policy }, dependencies)
    } catch (cause) {
      if (!PATH_ERRORS.matches(cause)) throw cause
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_PEER_UNTRUSTED', { cause, detail: cause.code })
    }
  }

  async #checkNotRevoked(certificate: Certificate): Promise<void> {
    const { authorities, store, imported } = this.#parts
    const own = authorities.find(certificate.authorityKeyId) !== undefined
    const revocation = own ? await findRevocation(store, certificate) : await imported.find(certificate)
    if (revocation !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_PEER_REVOKED')
  }

  async #issued({ leaf, nodeId }: ValidPath, kind: 'node' | 'operator'): Promise<IssuedCertificate | undefined> {
    const { authorities, store, imported, dependencies } = this.#parts
    const unknown = { kind, name: nodeId, issuedAtMs: leaf.notBeforeMs, tokenId: undefined, renews: undefined }
    const adopted = { ...issuedFacts(leaf), ...unknown, labels: [] }
    if (authorities.find(leaf.authorityKeyId) === undefined) {
      return (await imported.has(leaf.authorityKeyId)) ? adopted : undefined
    }
    const issued = await store.certificate(leaf.serialNumber)
    if (issued !== undefined) {
      // Half of the signature can be written in two ways: only what was issued counts.
      if (!equalBytes(issued.der, leaf.der)) throw untrusted('altered')
      return issued
    }
    // What the CA has forgotten, it does not wonder about.
    if (dependencies.clock.now() > forgottenAfterMs(leaf.notAfterMs)) throw untrusted('expired')
    const { restoredAtMs } = await recoveryOf(store)
    if (leaf.notBeforeMs >= restoredAtMs) throw await markBehind(this.#parts, { kind, name: nodeId })
    // Signed before this CA was last told that it lost something: that is what it lost. An operator has to be added again.
    if (kind === 'operator') throw untrusted('unknown')
    return adopted
  }
}

function untrusted(detail: string): GapmeshError {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_PEER_UNTRUSTED', { detail })
}
