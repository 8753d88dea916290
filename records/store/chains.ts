import { equalBytes, toHex } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import { MAX_CACHED_CERTIFICATES } from '../limits.ts'
import { type Certificate, MAX_CHAIN_LENGTH, parseCertificate } from '../path/index.ts'
import { certificateKey, readCertificate, writeCertificate } from './entries.ts'

/** A certificate and the key of the one above it. */
interface Link {
  readonly certificate: Certificate
  readonly above: Uint8Array | undefined
}

/**
 * Certificates that records need, each kept once and pointing at the one above it. Kept as long as the database: a record
 * of last year is judged by the certificate of last year.
 */
export class Chains {
  readonly #database: Database
  readonly #room: Room
  readonly #maxCached: number
  /** Parsed certificates by hexadecimal key, least recently used first. */
  readonly #recent = new Map<string, Link>()

  constructor({ maxCached = MAX_CACHED_CERTIFICATES }: { maxCached?: number }, { database }: { database: Database }) {
    this.#maxCached = maxCached
    this.#database = database
    this.#room = database.room(ROOM.certificates)
  }

  /** Parsed certificates in memory. */
  get cached(): number {
    return this.#recent.size
  }

  /** Keeps a chain, leaf first; resolves when it is on disk. Keeping it again changes nothing. */
  async put(chain: readonly Certificate[]): Promise<void> {
    if (chain.length < 1 || chain.length > MAX_CHAIN_LENGTH) throw new TypeError('a chain has 1 to 4 certificates')
    const keys = chain.map(keyOf)
    const known = await Promise.all(chain.map((certificate, at) => this.#isKnown(certificate, chain[at + 1])))
    const operations = chain.flatMap(({ der }, at) => {
      const [key, above] = [keys[at], keys[at + 1]]
      if (key === undefined || known[at]) return []
      this.#recent.delete(toHex(key))
      return [this.#room.put(key, writeCertificate(der, above))]
    })
    if (operations.length > 0) await this.#database.commit(operations)
  }

  /** The chain of a certificate, leaf first, or undefined when it is not held whole. */
  async get(issuerKeyId: Uint8Array, serialNumber: Uint8Array): Promise<readonly Certificate[] | undefined> {
    const chain: Certificate[] = []
    let key: Uint8Array | undefined = certificateKey(issuerKeyId, serialNumber)
    while (key !== undefined && chain.length < MAX_CHAIN_LENGTH) {
      const link: Link | undefined = await this.#link(key)
      if (link === undefined) return undefined
      chain.push(link.certificate)
      key = link.above
    }
    return chain
  }

  /** Every certificate, in key order. */
  async *all(): AsyncIterable<Certificate> {
    for await (const [, value] of this.#room.entries()) yield parseCertificate(readCertificate(value).der)
  }

  /**
   * A chain told without its root does not cut the one that is held with it. A CA can have had two certificates over one
   * key, and anybody can tell a leaf under either: the one that ends later stays, so that no member's chain ends early.
   */
  async #isKnown(certificate: Certificate, above: Certificate | undefined): Promise<boolean> {
    const held = await this.#link(keyOf(certificate))
    if (held === undefined || !equalBytes(certificate.fingerprint, held.certificate.fingerprint)) return false
    if (above === undefined) return true
    const heldAbove = held.above && (await this.#link(held.above))
    return heldAbove !== undefined && heldAbove.certificate.notAfterMs >= above.notAfterMs
  }

  async #link(key: Uint8Array): Promise<Link | undefined> {
    const name = toHex(key)
    const link = this.#recent.get(name) ?? (await this.#read(key))
    if (link === undefined) return undefined
    this.#recent.delete(name)
    this.#recent.set(name, link)
    const oldest = this.#recent.keys().next().value
    if (this.#recent.size > this.#maxCached && oldest !== undefined) this.#recent.delete(oldest)
    return link
  }

  async #read(key: Uint8Array): Promise<Link | undefined> {
    const value = await this.#room.get(key)
    if (value === undefined) return undefined
    const { der, above } = readCertificate(value)
    return { certificate: parseCertificate(der), above }
  }
}

function keyOf({ authorityKeyId, serialNumber }: Certificate): Uint8Array {
  return certificateKey(authorityKeyId, serialNumber)
}
