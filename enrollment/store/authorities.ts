import { equalBytes, toHex } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import { type Certificate, parseChain } from '../../records/path/index.ts'
import type { Authority } from '../certificates.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { CaStore } from './ca-store.ts'
import type { AuthoritySummary } from './ca-types.ts'
import { type AuthorityRecord, type AuthorityRecords, decodeAuthorities } from './fact-formats.ts'
import { CA_KEYS } from './keys.ts'

/** An authority whose keys are here. */
export interface OwnAuthority extends Authority {
  readonly record: AuthorityRecord
  /** Its own certificate first, the mesh's root last. */
  readonly chain: readonly Certificate[]
}

/** The authorities of a CA: its root, the roots that followed it, or an issuing CA under one. */
export class Authorities {
  readonly #store: Pick<CaStore, 'fact'>
  readonly #keystore: Keystore
  #records: AuthorityRecords
  #all: readonly OwnAuthority[] = []

  /** @throws ENROLLMENT_CA_MISSING, ENROLLMENT_CA_DAMAGED, CRYPTO_KEYSTORE_* */
  static async load(store: Pick<CaStore, 'fact'>, keystore: Keystore): Promise<Authorities> {
    const authorities = new Authorities(store, keystore)
    await authorities.reload()
    return authorities
  }

  private constructor(store: Pick<CaStore, 'fact'>, keystore: Keystore) {
    this.#store = store
    this.#keystore = keystore
    this.#records = { active: 0, authorities: [] }
  }

  /** Reads them again after they were changed. */
  async reload(): Promise<void> {
    const records = await this.#read()
    const all: OwnAuthority[] = []
    for (const record of records.authorities) all.push(await this.#open(record))
    this.#records = records
    this.#all = all
  }

  async #read(): Promise<AuthorityRecords> {
    const bytes = await this.#store.fact('authorities')
    if (bytes !== undefined) return decodeAuthorities(bytes)
    const root = await this.#store.fact('root')
    if (root === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_MISSING')
    return { active: 0, authorities: [rootRecord(root)] }
  }

  async #open(record: AuthorityRecord): Promise<OwnAuthority> {
    const main = await this.#keystore.signingKey(record.main)
    const alternative = await this.#keystore.signingKey(record.alternative)
    const chain = parseChain(record.chain)
    const [certificate] = chain
    if (main === undefined || alternative === undefined || certificate === undefined) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
    }
    return { record, chain, certificate, keys: { main, alternative } }
  }

  get records(): AuthorityRecords {
    return this.#records
  }

  get all(): readonly OwnAuthority[] {
    return this.#all
  }

  /** The one that signs new certificates. */
  get active(): OwnAuthority {
    const active = this.#all[this.#records.active]
    if (active === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
    return active
  }

  /** The root that the mesh is known by; its keys may be elsewhere. */
  get root(): Certificate {
    return this.active.chain.at(-1) ?? this.active.certificate
  }

  /** The mesh's root with its keys. @throws ENROLLMENT_ROOT_ABSENT */
  get rootAuthority(): OwnAuthority {
    const root = this.#all.find(({ certificate }) => equalBytes(certificate.fingerprint, this.root.fingerprint))
    if (root === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_ROOT_ABSENT')
    return root
  }

  /** What every identity key of the mesh is. */
  get suite(): SuiteName {
    return this.active.keys.main.publicKey.suite.name
  }

  /** The authority of that subject key id. */
  find(keyId: Uint8Array): OwnAuthority | undefined {
    return this.#all.find(({ certificate }) => equalBytes(certificate.subjectKeyId, keyId))
  }

  /** Every certificate of a CA that is known here, by chain. */
  get known(): readonly Certificate[] {
    return this.#all.flatMap(({ chain }) => chain)
  }

  /** DER of a certificate and the chain above it. */
  chainOf(leaf: Pick<Certificate, 'der' | 'authorityKeyId'>): Uint8Array[] {
    const { chain } = this.find(leaf.authorityKeyId) ?? this.active
    return [leaf.der, ...chain.map(({ der }) => der)]
  }

  summaries(): AuthoritySummary[] {
    return this.#all.map((authority) => summaryOf(authority, authority === this.active))
  }
}

export function summaryOf({ certificate, record }: OwnAuthority, active: boolean): AuthoritySummary {
  const { subjectKeyId, notBeforeMs, notAfterMs } = certificate
  return { keyId: toHex(subjectKeyId), kind: record.kind, active, notBeforeMs, notAfterMs }
}

/** The record of the root that a mesh begins with. */
export function rootRecord(root: Uint8Array): AuthorityRecord {
  return { kind: 'root', main: CA_KEYS.main, alternative: CA_KEYS.alternative, chain: [root] }
}
