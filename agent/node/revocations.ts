import { equalBytes, toHex } from '../../core/index.ts'
import {
  listStaleness,
  RevocationIndex,
  type RevocationState,
  type Staleness,
  type StalenessPolicy,
} from '../../enrollment/crl/index.ts'
import type { RevokeDirective } from '../../records/index.ts'
import type { Certificate, Revocation, RevocationView } from '../../records/path/index.ts'
import { ProvisionalRevocations, strictest } from './provisional.ts'

/** How fresh the lists are that a chain is judged by, and whether there is one at all. */
export interface ChainStaleness extends Staleness {
  /** False: the issuer of the leaf has never given a list. */
  readonly listed: boolean
}

/**
 * What this node knows of revocations, in memory: the lists of every CA, what operators have ordered ahead of them, and the
 * CAs themselves, from paths that held.
 */
export class Revocations implements RevocationView {
  readonly index = new RevocationIndex()
  readonly #orders = new ProvisionalRevocations()
  /** By hexadecimal subject key id. */
  readonly #authorities = new Map<string, Certificate>()

  /** Orders that no list covers yet. */
  get provisional(): number {
    return this.#orders.size
  }

  find(certificate: Pick<Certificate, 'authorityKeyId' | 'serialNumber' | 'subjectKeyId'>): Revocation | undefined {
    const listed = this.index.find(certificate)
    const ordered = this.#orders.find(certificate)
    return listed === undefined ? ordered : strictest(ordered === undefined ? [listed] : [listed, ordered])
  }

  /**
   * Takes the CAs of a path that held; true when one of them was not known.
   * @throws ENROLLMENT_CRL_AUTHORITY_LIMIT
   */
  addAuthorities(chain: readonly Certificate[]): boolean {
    const before = this.#authorities.size
    for (const certificate of chain) {
      if (certificate.basicConstraints?.ca !== true) continue
      const key = toHex(certificate.subjectKeyId)
      const known = this.#authorities.get(key)
      if (known !== undefined && known.notAfterMs >= certificate.notAfterMs) continue
      this.index.addAuthority(certificate.subjectKeyId)
      this.#authorities.set(key, certificate)
    }
    return this.#authorities.size > before
  }

  /** The CA with this subject key id. */
  authority(keyId: Uint8Array): Certificate | undefined {
    return this.#authorities.get(toHex(keyId))
  }

  /** The revocation that stops a certificate at `atMs`: its own, or that of a CA above it. */
  revocationOf(certificate: Certificate, atMs: number): Revocation | undefined {
    for (const above of this.#upwards(certificate)) {
      const revocation = this.find(above)
      if (revocation !== undefined && (revocation.keyCompromise || atMs >= revocation.revokedAtMs)) return revocation
    }
    return undefined
  }

  /** Takes what an operator has ordered; true when that is news. */
  order(directive: RevokeDirective, orderedAtMs: number): boolean {
    const newest = this.index.state(directive.authorityKeyId)?.newest
    if (newest !== undefined && newest.thisUpdateMs > orderedAtMs) return false
    return this.#orders.add(directive, orderedAtMs)
  }

  /** Puts a state in the place of what was known of its CA, such as the one kept by an earlier run. */
  adopt(state: RevocationState): void {
    this.index.adopt(state)
    this.settle(state)
  }

  /** A list was applied: orders from before it are done. */
  settle({ authorityKeyId, newest }: RevocationState): void {
    if (newest !== undefined) this.#orders.settle(authorityKeyId, newest.thisUpdateMs)
  }

  /**
   * How fresh the lists are by which `leaf` is judged: those of the CAs above it, the stalest counts. A CA above the issuer
   * counts once it has given a list; from the issuer one is due at `dueMs`.
   */
  staleness(
    leaf: Certificate,
    policy: StalenessPolicy,
    { nowMs, dueMs }: { nowMs: number; dueMs: number },
  ): ChainStaleness {
    const ends = this.#upwards(leaf).flatMap((certificate) => {
      const state = this.index.state(certificate.authorityKeyId)
      return state?.newest === undefined ? [] : [nextUpdateOf(state)]
    })
    const listed = this.index.state(leaf.authorityKeyId)?.newest !== undefined
    return { ...listStaleness({ nextUpdateMs: Math.min(...ends, listed ? Infinity : dueMs) }, policy, nowMs), listed }
  }

  /** A certificate and the known CAs above it, without the root. */
  #upwards(certificate: Certificate): Certificate[] {
    const found: Certificate[] = []
    let next: Certificate | undefined = certificate
    while (next !== undefined && !isSelfIssued(next) && !found.includes(next)) {
      found.push(next)
      next = this.authority(next.authorityKeyId)
    }
    return found
  }
}

/** Until when the lists of a CA say themselves that they are fresh: a delta says less of this than the full list under it. */
export function nextUpdateOf({ full, deltas }: RevocationState): number {
  return Math.max(...[...(full === undefined ? [] : [full]), ...deltas].map(({ nextUpdateMs }) => nextUpdateMs))
}

function isSelfIssued({ authorityKeyId, subjectKeyId }: Certificate): boolean {
  return equalBytes(authorityKeyId, subjectKeyId)
}
