import { toHex } from '../../core/index.ts'
import { compromisesKey } from '../../enrollment/crl/index.ts'
import type { RevokeDirective } from '../../records/index.ts'
import type { Certificate, Revocation } from '../../records/path/index.ts'
import { MAX_PROVISIONAL_REVOCATIONS } from '../limits.ts'

interface Provisional {
  readonly authority: string
  /** Names under which a certificate is found: its serial number, and its key. */
  readonly names: readonly string[]
  readonly revocation: Revocation
  readonly orderedAtMs: number
}

/**
 * Revocations that operators have ordered and no list covers yet. Each counts until its CA has issued a list later than the
 * order, whatever that list says of it.
 */
export class ProvisionalRevocations {
  readonly #all = new Set<Provisional>()
  readonly #byName = new Map<string, Provisional[]>()

  get size(): number {
    return this.#all.size
  }

  /**
   * Takes an order; false when there are too many, or when it is known.
   * @param orderedAtMs creation time of the directive
   */
  add(directive: RevokeDirective, orderedAtMs: number): boolean {
    const authority = toHex(directive.authorityKeyId)
    const names = namesOf(directive)
    const { revokedAtMs, reason } = directive
    const added = { authority, names, orderedAtMs, revocation: { revokedAtMs, keyCompromise: compromisesKey(reason) } }
    const known = this.#byName.get(names[0] ?? '')?.some((other) => saysAll(other, added)) ?? false
    if (known || this.#all.size >= MAX_PROVISIONAL_REVOCATIONS) return false
    this.#all.add(added)
    for (const name of names) this.#byName.set(name, [...(this.#byName.get(name) ?? []), added])
    return true
  }

  /** A list of this CA was issued at `thisUpdateMs`: what was ordered before is its to say. */
  settle(authorityKeyId: Uint8Array, thisUpdateMs: number): void {
    const authority = toHex(authorityKeyId)
    for (const order of this.#all) {
      if (order.authority === authority && order.orderedAtMs < thisUpdateMs) this.#remove(order)
    }
  }

  find(certificate: Pick<Certificate, 'authorityKeyId' | 'serialNumber' | 'subjectKeyId'>): Revocation | undefined {
    if (this.#all.size === 0) return undefined
    const found = namesOf(certificate).flatMap((name) => this.#byName.get(name) ?? [])
    return strictest(found.map(({ revocation }) => revocation))
  }

  #remove(order: Provisional): void {
    this.#all.delete(order)
    for (const name of order.names) {
      const others = (this.#byName.get(name) ?? []).filter((other) => other !== order)
      if (others.length === 0) this.#byName.delete(name)
      else this.#byName.set(name, others)
    }
  }
}

/** Whether `other` revokes as much as `order` does, for as long. */
function saysAll(other: Provisional, order: Provisional): boolean {
  const [theirs, ours] = [other.revocation, order.revocation]
  const isAsStrict = theirs.revokedAtMs <= ours.revokedAtMs && (theirs.keyCompromise || !ours.keyCompromise)
  return isAsStrict && other.orderedAtMs >= order.orderedAtMs
}

/** The earliest date of all, and key compromise if one says so; undefined for none. */
export function strictest(revocations: readonly Revocation[]): Revocation | undefined {
  if (revocations.length === 0) return undefined
  return {
    revokedAtMs: Math.min(...revocations.map(({ revokedAtMs }) => revokedAtMs)),
    keyCompromise: revocations.some(({ keyCompromise }) => keyCompromise),
  }
}

function namesOf(named: Pick<Certificate, 'authorityKeyId' | 'serialNumber' | 'subjectKeyId'>): string[] {
  const authority = toHex(named.authorityKeyId)
  return [`${authority}/serial/${toHex(named.serialNumber)}`, `${authority}/key/${toHex(named.subjectKeyId)}`]
}
