/** What a CA that keeps the rules issues over time, unsigned: lists as they are after they were verified. */
import { utf8 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { type KeptList, type RevokedEntries, type RevokedEntry, revokedEntries } from '../../enrollment/crl/index.ts'
import { entry, HOUR_MS, NOW_MS } from './crl.ts'

export const AUTHORITY = new Uint8Array(32).fill(0xca)

export interface UnsignedChanges extends Omit<Partial<KeptList>, 'entries'> {
  entries?: RevokedEntries | readonly RevokedEntry[]
}

/** A list; what is not given is sound. Two with the same changes are the same list. */
export function unsigned(changes: UnsignedChanges = {}): KeptList {
  const { entries = [], ...facts } = changes
  const { number = 1n, baseNumber } = facts
  const thisUpdateMs = NOW_MS + Number(number < 10_000n ? number : 10_000n) * 1000
  const listed = 'serials' in entries ? entries : revokedEntries(entries)
  const identity = JSON.stringify([number, baseNumber, facts.thisUpdateMs, [...listed]], (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  return {
    kind: baseNumber === undefined ? 'full' : 'delta',
    authorityKeyId: AUTHORITY,
    number,
    baseNumber,
    thisUpdateMs,
    nextUpdateMs: thisUpdateMs + HOUR_MS,
    pseudonym: undefined,
    hash: sha256(utf8(identity)),
    sizeBytes: 1000,
    ...facts,
    entries: listed,
  }
}

/** What happens before one issue: certificates by number, and what becomes of them. */
export interface Issue {
  /** Steps of the CRL number and of the clock in seconds, at least 1. */
  readonly step: number
  readonly changes: readonly { readonly certificate: number; readonly to: 'revoked' | 'held' | 'removed' }[]
  /** How many issues back the base of the delta lies, at least 1. */
  readonly back: number
}

export interface Issued {
  readonly number: bigint
  readonly full: KeptList
  /** None with the first list. */
  readonly delta: KeptList | undefined
}

/** The lists of a CA, a full one and a delta each time (RFC 5280 §5.2.4): a delta tells of every change since its base. */
export function issueAll(issues: readonly Issue[]): Issued[] {
  const current = new Map<number, RevokedEntry>()
  const changedAt = new Map<number, bigint>()
  const issued: Issued[] = []
  let number = 0n
  for (const { step, changes, back } of issues) {
    number += BigInt(step)
    for (const { certificate, to } of changes) {
      changedAt.set(certificate, number)
      if (to === 'removed') current.delete(certificate)
      else current.set(certificate, entryOf(certificate, to === 'held' ? 'certificateHold' : 'keyCompromise'))
    }
    const base = issued.at(-back)?.number ?? issued[0]?.number
    const since = [...changedAt].filter(([, at]) => base !== undefined && at > base)
    const changed = since.map(([certificate]) => current.get(certificate) ?? entryOf(certificate, 'removeFromCRL'))
    issued.push({
      number,
      full: unsigned({ number, entries: [...current.values()] }),
      delta: base === undefined ? undefined : unsigned({ number, baseNumber: base, entries: changed }),
    })
  }
  return issued
}

function entryOf(certificate: number, reason: RevokedEntry['reason']): RevokedEntry {
  return entry(Uint8Array.of(1, certificate), { reason, keyHash: new Uint8Array(32).fill(certificate) })
}
