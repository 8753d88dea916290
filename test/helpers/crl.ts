/** Revocation lists for tests: a CA with keys, and small ways to write its lists. */
import { systemRandom } from '../../core/index.ts'
import { createNativeProvider, type SignatureProvider } from '../../crypto/index.ts'
import {
  type CrlContent,
  parseCrl,
  type RevocationList,
  type RevokedEntry,
  revokedEntries,
  writeCrl,
} from '../../enrollment/crl/index.ts'
import { type Authority, issueRoot } from '../../enrollment/index.ts'

export const NOW_MS = Date.UTC(2026, 4, 1, 12)
export const HOUR_MS = 3_600_000

export interface TestCa extends Authority {
  readonly provider: SignatureProvider
  /** A list; what is not given is sound. */
  list(changes?: ListChanges): Promise<RevocationList>
  der(changes?: ListChanges): Promise<Uint8Array>
}

export interface ListChanges extends Omit<Partial<CrlContent>, 'entries'> {
  entries?: readonly RevokedEntry[]
}

/** A CA with its lists. */
export async function makeCa(mesh = 'north-grid'): Promise<TestCa> {
  const provider = createNativeProvider()
  const keys = { main: await provider.generate('ml-dsa-65'), alternative: await provider.generate('ecdsa-p384') }
  const root = await issueRoot({ mesh, nowMs: NOW_MS - HOUR_MS, keys }, { random: systemRandom() })
  const der = (changes: ListChanges = {}) => writeCrl(contentOf(root, changes), keys)
  return { ...root, provider, der, list: async (changes) => parseCrl(await der(changes)) }
}

/** What a list of `ca` says. */
export function contentOf(ca: Authority, { entries = [], ...changes }: ListChanges = {}): CrlContent {
  return {
    issuerName: ca.certificate.subjectName,
    authorityKeyId: ca.certificate.subjectKeyId,
    number: 1n,
    thisUpdateMs: NOW_MS,
    nextUpdateMs: NOW_MS + 24 * HOUR_MS,
    ...changes,
    entries: revokedEntries(entries),
  }
}

/** A serial number that begins with `first`, which is not 0. */
export function serial(...bytes: readonly number[]): Uint8Array {
  return Uint8Array.from(bytes)
}

/** An entry revoked at {@link NOW_MS} for no stated reason. */
export function entry(serialNumber: Uint8Array, changes: Partial<RevokedEntry> = {}): RevokedEntry {
  return { serialNumber, revokedAtMs: NOW_MS, reason: 'unspecified', ...changes }
}
