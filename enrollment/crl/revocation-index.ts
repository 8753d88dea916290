import { toHex } from '../../core/index.ts'
import type { Certificate, Revocation, RevocationView } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_CRL_AUTHORITIES } from '../limits.ts'
import { type Applied, type KeptList, RevocationState } from './state.ts'

/**
 * What a node knows of the revocations of all CAs of its mesh. A look-up costs the same however many entries there are.
 * Lists come in verified by `verifyCrl`; those of a CA that nobody has named by {@link addAuthority} are refused.
 */
export class RevocationIndex implements RevocationView {
  readonly #states = new Map<string, RevocationState>()

  /** The state of every CA that is known here. */
  get states(): readonly RevocationState[] {
    return [...this.#states.values()]
  }

  /** The state of the CA with this subject key id; undefined for one that is not known here. */
  state(authorityKeyId: Uint8Array): RevocationState | undefined {
    return this.#states.get(toHex(authorityKeyId))
  }

  /**
   * From now on lists of this CA are taken; nothing changes where it is known.
   * @throws ENROLLMENT_CRL_AUTHORITY_LIMIT
   */
  addAuthority(authorityKeyId: Uint8Array): void {
    if (this.state(authorityKeyId) === undefined) this.adopt(RevocationState.empty(authorityKeyId.slice()))
  }

  /**
   * Puts a state, such as a stored one, in the place of what is known of its CA.
   * @throws ENROLLMENT_CRL_AUTHORITY_LIMIT
   */
  adopt(state: RevocationState): void {
    const key = toHex(state.authorityKeyId)
    if (!this.#states.has(key) && this.#states.size >= MAX_CRL_AUTHORITIES) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_AUTHORITY_LIMIT')
    }
    this.#states.set(key, state)
  }

  /**
   * Applies a verified list: it counts as soon as this returns. To last it has to be stored then.
   * @param nowMs the trusted time
   * @throws ENROLLMENT_CRL_AUTHORITY_UNKNOWN, and as {@link RevocationState.apply} does
   */
  apply(list: KeptList, nowMs: number): Applied {
    const state = this.state(list.authorityKeyId)
    if (state === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_AUTHORITY_UNKNOWN')
    const applied = state.apply(list, nowMs)
    this.adopt(applied.state)
    return applied
  }

  find(certificate: Pick<Certificate, 'authorityKeyId' | 'serialNumber' | 'subjectKeyId'>): Revocation | undefined {
    return this.state(certificate.authorityKeyId)?.find(certificate)
  }
}
