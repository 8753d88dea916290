import type { Revocation } from '../../records/path/index.ts'
import { KEY_HASH_BYTES, padSerial, type RevokedEntries, SERIAL_BYTES } from './entries.ts'
import { compromisesKey } from './reasons.ts'
import { RowTable } from './rows.ts'

/** Finds revocations among entries, by serial number and by key, in time that does not grow with their number. */
export class RevocationLookup {
  readonly #entries: RevokedEntries
  readonly #bySerial: RowTable
  readonly #byKey: RowTable

  constructor(entries: RevokedEntries) {
    this.#entries = entries
    this.#bySerial = new RowTable(entries.serials, entries.size)
    this.#byKey = new RowTable(entries.keyHashes, entries.size)
    for (let row = 0; row < entries.size; row += 1) {
      this.#bySerial.add(row, () => true)
      if (entries.hasKeyHash(row)) this.#byKey.add(row, (found) => this.#isStricter(row, found))
    }
  }

  /** The revocation of a certificate by its serial number or by the SHA-256 of its SPKI; the stricter of the two. */
  find({ serialNumber, keyHash }: { serialNumber: Uint8Array; keyHash: Uint8Array }): Revocation | undefined {
    const bySerial = serialNumber.length <= SERIAL_BYTES ? this.#bySerial.find(padSerial(serialNumber)) : undefined
    const byKey = keyHash.length === KEY_HASH_BYTES ? this.#byKey.find(keyHash) : undefined
    if (bySerial === undefined && byKey === undefined) return undefined
    const revocations = [bySerial, byKey].flatMap((row) => (row === undefined ? [] : [this.#revocationAt(row)]))
    return {
      revokedAtMs: Math.min(...revocations.map(({ revokedAtMs }) => revokedAtMs)),
      keyCompromise: revocations.some(({ keyCompromise }) => keyCompromise),
    }
  }

  /** A certificate counts as revoked from the earlier of its revocation and its invalidity. */
  #revocationAt(row: number): Revocation {
    const entries = this.#entries
    const invalidityMs = entries.invalidityMs(row)
    const revokedAtMs = entries.revokedAtMs(row)
    return {
      revokedAtMs: Number.isNaN(invalidityMs) ? revokedAtMs : Math.min(invalidityMs, revokedAtMs),
      keyCompromise: compromisesKey(entries.reasonAt(row)),
    }
  }

  #isStricter(row: number, than: number): boolean {
    const [one, other] = [this.#revocationAt(row), this.#revocationAt(than)]
    if (one.keyCompromise !== other.keyCompromise) return one.keyCompromise
    return one.revokedAtMs < other.revokedAtMs
  }
}
