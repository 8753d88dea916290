import { equalBytes } from '../../core/index.ts'
import type { SignaturePolicy, SignatureProvider } from '../../crypto/index.ts'
import type { Certificate, Revocation } from '../../records/path/index.ts'
import { parseCrl, RevocationIndex, type RevocationList, verifyCrl } from '../crl/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { Authorities } from './authorities.ts'
import type { CaChange, CaStore } from './ca-store.ts'
import type { ListEntry, ListRecord } from './list-record.ts'

/** Revocation lists of authorities whose keys are not here: those above an issuing CA. They are published along with its own. */
export class ImportedLists {
  readonly #store: CaStore
  readonly #authorities: Authorities
  #index: RevocationIndex | undefined

  constructor(parts: { store: CaStore; authorities: Authorities }) {
    this.#store = parts.store
    this.#authorities = parts.authorities
  }

  /** The revocation of a certificate that such an authority issued. */
  async find(
    certificate: Pick<Certificate, 'authorityKeyId' | 'serialNumber' | 'subjectKeyId'>,
  ): Promise<Revocation | undefined> {
    return (await this.#loaded()).find(certificate)
  }

  /** Whether there is a list of that authority. */
  async has(authorityKeyId: Uint8Array): Promise<boolean> {
    return (await this.#loaded()).state(authorityKeyId) !== undefined
  }

  /**
   * Takes a list, if it is newer than the one that is here.
   * @returns the change that keeps it; undefined when it brings nothing new
   * @throws ENROLLMENT_CRL_*
   */
  async take(
    list: RevocationList,
    {
      provider,
      signaturePolicy,
      nowMs,
    }: { provider: SignatureProvider; signaturePolicy: SignaturePolicy; nowMs: number },
  ): Promise<CaChange | undefined> {
    const issuer = this.#authorities.known.find(({ subjectKeyId }) => equalBytes(subjectKeyId, list.authorityKeyId))
    if (issuer === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_AUTHORITY_UNKNOWN')
    await verifyCrl(list, issuer, { provider, signaturePolicy })
    const index = await this.#loaded()
    index.addAuthority(list.authorityKeyId)
    const { outcome } = index.apply(list, nowMs)
    const record = await this.#recordOf(list.authorityKeyId)
    if (outcome !== 'applied') return undefined
    if (list.kind === 'full') return { kind: 'list', record: recordOf(list, { full: entryOf(list) }), full: list.der }
    if (record === undefined) return undefined
    return { kind: 'list', record: recordOf(list, { full: record.full, delta: entryOf(list) }), delta: list.der }
  }

  async #recordOf(authorityKeyId: Uint8Array): Promise<ListRecord | undefined> {
    const records = await this.#store.listRecords()
    return records.find((record) => equalBytes(record.authorityKeyId, authorityKeyId))
  }

  async #loaded(): Promise<RevocationIndex> {
    if (this.#index !== undefined) return this.#index
    const index = new RevocationIndex()
    for (const { own, authorityKeyId, delta } of await this.#store.listRecords()) {
      if (own) continue
      index.addAuthority(authorityKeyId)
      for (const kind of delta === undefined ? (['full'] as const) : (['full', 'delta'] as const)) {
        const der = await this.#store.list(authorityKeyId, kind)
        if (der === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
        const list = parseCrl(der)
        index.apply(list, list.thisUpdateMs)
      }
    }
    this.#index = index
    return index
  }
}

function recordOf(list: RevocationList, lists: { full: ListEntry; delta?: ListEntry }): ListRecord {
  const { authorityKeyId, number } = list
  return { authorityKeyId, own: false, number, covers: 0, base: undefined, delta: undefined, ...lists }
}

/** A list as a record names it. */
export function entryOf(list: RevocationList): ListEntry {
  const { number, thisUpdateMs, nextUpdateMs, hash, sizeBytes } = list
  return { number, thisUpdateMs, nextUpdateMs, hash, sizeBytes }
}
