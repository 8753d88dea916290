import { equalBytes, type GapmeshError, toHex } from '../../core/index.ts'
import type { Certificate, Revocation } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import {
  MAX_APPLIED_DELTAS,
  MAX_CRL_ENTRIES,
  MAX_CRL_SKEW_MS,
  MAX_CRL_STEP,
  MAX_FIRST_CRL_NUMBER,
  MAX_HELD_DELTA_BYTES,
  MAX_HELD_DELTAS,
} from '../limits.ts'
import { RevokedEntries } from './entries.ts'
import { RevocationLookup } from './lookup.ts'
import type { ListFacts, RevocationList } from './types.ts'

/** What became of a list: it counts now; it waits for the list that comes before it; it brought nothing new. */
export type ListOutcome = 'applied' | 'held' | 'known'

/** Outcome of a list, and the state after it. */
export interface Applied {
  readonly outcome: ListOutcome
  readonly state: RevocationState
}

/** What of a verified list is kept in memory. */
export type KeptList = ListFacts & Pick<RevocationList, 'entries'>

/** A state as it is kept over a restart. */
export interface StoredState {
  readonly authorityKeyId: Uint8Array
  readonly number: bigint | undefined
  readonly full: KeptList | undefined
  readonly deltas: readonly KeptList[]
  readonly held: readonly KeptList[]
}

interface RevocationStateParts {
  readonly authorityKeyId: Uint8Array
  /** Highest number applied so far; undefined: none. */
  readonly number: bigint | undefined
  /** Undefined when there is none yet, or when it was lost while the number was not. */
  readonly full: ListFacts | undefined
  /** Deltas applied on top of {@link full}, in this order. */
  readonly deltas: readonly ListFacts[]
  /** Deltas that wait, in order of their numbers. */
  readonly held: readonly KeptList[]
  /** Of {@link full} with {@link deltas}. */
  readonly entries: RevokedEntries
}

/**
 * What a node knows of the revocations of one CA. Never changes: {@link apply} gives the state after a list.
 * Lists are verified before they come here (RFC 5280 §5.2.3, §5.2.4).
 *
 *     number of the list ── below the applied one ──▶ refused
 *            │            ── the same ─────────────▶ known; a full list replaces the deltas that led to it
 *            ▼ above
 *     full list ──▶ applied                    then every held delta that fits, the highest first
 *     delta ── base ≤ applied ──▶ applied
 *           └─ base above, or no full list ──▶ held
 */
export class RevocationState {
  readonly authorityKeyId: Uint8Array
  readonly number: bigint | undefined
  readonly full: ListFacts | undefined
  readonly deltas: readonly ListFacts[]
  readonly held: readonly KeptList[]
  readonly entries: RevokedEntries
  readonly #lookup: RevocationLookup

  /** The state before any list of a CA. */
  static empty(authorityKeyId: Uint8Array): RevocationState {
    return RevocationState.after({ authorityKeyId, number: undefined })
  }

  /** The state in which the lists were lost, but not the number: the next full list from that number on is applied. */
  static after({ authorityKeyId, number }: Pick<RevocationStateParts, 'authorityKeyId' | 'number'>): RevocationState {
    const lists = { full: undefined, deltas: [], held: [], entries: RevokedEntries.none }
    return new RevocationState({ authorityKeyId, number, ...lists })
  }

  /**
   * The state made again from the lists that it had.
   * @throws ENROLLMENT_LISTS_DAMAGED when they do not lead to `number`
   */
  static restore(stored: StoredState): RevocationState {
    const { authorityKeyId, number, full, deltas, held } = stored
    let state = RevocationState.after({ authorityKeyId, number })
    if (full !== undefined) state = state.#withFull(full)
    for (const delta of deltas) {
      if (!state.#takes(delta) || delta.number <= (state.number ?? 0n)) throw damaged(authorityKeyId)
      state = state.#withDelta(delta)
    }
    if (state.number !== number) throw damaged(authorityKeyId)
    return new RevocationState({ ...state.#parts(), held: held.map(kept) }, state.#lookup)
  }

  constructor(parts: RevocationStateParts, lookup = new RevocationLookup(parts.entries)) {
    this.authorityKeyId = parts.authorityKeyId
    this.number = parts.number
    this.full = parts.full
    this.deltas = parts.deltas
    this.held = parts.held
    this.entries = parts.entries
    this.#lookup = lookup
  }

  /** The newest list that is applied: its times are those of all that is known. */
  get newest(): ListFacts | undefined {
    return this.deltas.at(-1) ?? this.full
  }

  /** Every list that is applied or held. */
  get lists(): readonly ListFacts[] {
    return [...(this.full === undefined ? [] : [this.full]), ...this.deltas, ...this.held]
  }

  /** The revocation of a certificate of this CA. */
  find(certificate: Pick<Certificate, 'serialNumber' | 'subjectKeyId'>): Revocation | undefined {
    return this.#lookup.find({ serialNumber: certificate.serialNumber, keyHash: certificate.subjectKeyId })
  }

  /**
   * The state after a verified list of this CA.
   * @param nowMs the trusted time
   * @throws ENROLLMENT_CRL_AUTHORITY_UNKNOWN, ENROLLMENT_CRL_FUTURE, ENROLLMENT_CRL_ROLLBACK, ENROLLMENT_CRL_STEP,
   *   ENROLLMENT_CRL_CONFLICT, ENROLLMENT_CRL_SAME_SECOND, ENROLLMENT_CRL_TOO_EARLY
   */
  apply(list: KeptList, nowMs: number): Applied {
    if (!equalBytes(list.authorityKeyId, this.authorityKeyId)) throw refusal('ENROLLMENT_CRL_AUTHORITY_UNKNOWN', list)
    if (this.lists.some(({ hash }) => equalBytes(hash, list.hash))) return { outcome: 'known', state: this }
    if (list.thisUpdateMs > nowMs + MAX_CRL_SKEW_MS) throw refusal('ENROLLMENT_CRL_FUTURE', list)
    const rival = this.lists.some(({ kind, number }) => kind === list.kind && number === list.number)
    if (rival) throw refusal('ENROLLMENT_CRL_CONFLICT', list)
    if (list.number === this.number) return this.#withSameNumber(list)
    const code = this.#objection(list)
    if (code !== undefined) throw refusal(code, list)
    return this.#withNewer(list)
  }

  /** A full list and a delta that were issued together say the same; the full one is the better ground for what follows. */
  #withSameNumber(list: KeptList): Applied {
    const { newest } = this
    if (newest !== undefined && newest.thisUpdateMs !== list.thisUpdateMs)
      throw refusal('ENROLLMENT_CRL_CONFLICT', list)
    if (list.kind === 'delta') return { outcome: 'known', state: this }
    return { outcome: 'applied', state: this.#withFull(list).#withHeld() }
  }

  #withNewer(list: KeptList): Applied {
    if (list.kind === 'full') return { outcome: 'applied', state: this.#withFull(list).#withHeld() }
    if (this.#takes(list)) return { outcome: 'applied', state: this.#withDelta(list).#withHeld() }
    return { outcome: 'held', state: this.#holding(list) }
  }

  /** What speaks against a list of another number than the applied one. */
  #objection(list: ListFacts): Code | undefined {
    const highest = this.number === undefined ? BigInt(MAX_FIRST_CRL_NUMBER) : this.number + BigInt(MAX_CRL_STEP)
    if (list.number > highest) return 'ENROLLMENT_CRL_STEP'
    if (this.number !== undefined && list.number < this.number) return 'ENROLLMENT_CRL_ROLLBACK'
    const { newest } = this
    return newest !== undefined && list.thisUpdateMs <= newest.thisUpdateMs ? 'ENROLLMENT_CRL_SAME_SECOND' : undefined
  }

  #takes({ baseNumber, entries }: KeptList): boolean {
    const ready = this.full !== undefined && this.number !== undefined
    return (
      ready &&
      baseNumber !== undefined &&
      baseNumber <= (this.number ?? 0n) &&
      this.deltas.length < MAX_APPLIED_DELTAS &&
      this.entries.size + entries.size <= MAX_CRL_ENTRIES
    )
  }

  #withFull(list: KeptList): RevocationState {
    const { entries, ...facts } = kept(list)
    return new RevocationState({ ...this.#parts(), number: list.number, full: facts, deltas: [], entries })
  }

  #withDelta(list: KeptList): RevocationState {
    const { entries, ...facts } = kept(list)
    const deltas = [...this.deltas, facts]
    return new RevocationState({ ...this.#parts(), number: list.number, deltas, entries: this.entries.with(entries) })
  }

  /** Applies what was held and fits now, the highest number first; forgets what never will. */
  #withHeld(): RevocationState {
    const number = this.number ?? 0n
    const held = this.held.filter((delta) => delta.number > number && this.#objection(delta) === undefined)
    const fitting = held.findLast((delta) => this.#takes(delta))
    if (fitting !== undefined) return this.#withDelta(fitting).#withHeld()
    return new RevocationState({ ...this.#parts(), held }, this.#lookup)
  }

  #holding(list: KeptList): RevocationState {
    const sorted = [...this.held, kept(list)].sort((a, b) => (a.number < b.number ? -1 : 1))
    const held = withinCaps(sorted)
    if (!held.some(({ number }) => number === list.number)) throw refusal('ENROLLMENT_CRL_TOO_EARLY', list)
    return new RevocationState({ ...this.#parts(), held }, this.#lookup)
  }

  #parts(): RevocationStateParts {
    const { authorityKeyId, number, full, deltas, held, entries } = this
    return { authorityKeyId, number, full, deltas, held, entries }
  }
}

/** Of deltas in order of their numbers, as many of the newest as may be held. */
function withinCaps(deltas: readonly KeptList[]): KeptList[] {
  let bytes = 0
  const newestFirst = deltas.toReversed().slice(0, MAX_HELD_DELTAS)
  const tooMany = newestFirst.findIndex((delta) => {
    bytes += delta.sizeBytes
    return bytes > MAX_HELD_DELTA_BYTES
  })
  return newestFirst.slice(0, tooMany === -1 ? MAX_HELD_DELTAS : tooMany).reverse()
}

/** Without the DER and what was there to verify it. */
function kept(list: KeptList): KeptList {
  const { kind, authorityKeyId, number, baseNumber, thisUpdateMs, nextUpdateMs, pseudonym, hash, sizeBytes } = list
  return {
    kind,
    authorityKeyId: authorityKeyId.slice(),
    number,
    baseNumber,
    thisUpdateMs,
    nextUpdateMs,
    pseudonym: pseudonym === undefined ? undefined : { epoch: pseudonym.epoch, keyHash: pseudonym.keyHash.slice() },
    hash,
    sizeBytes,
    entries: list.entries,
  }
}

type Code = Parameters<typeof ENROLLMENT_ERRORS.create>[0]

function refusal(code: Code, { authorityKeyId, number }: ListFacts): GapmeshError {
  const metadata = { authorityKeyId: toHex(authorityKeyId), number: String(number) }
  return ENROLLMENT_ERRORS.create(code, { metadata })
}

function damaged(authorityKeyId: Uint8Array): GapmeshError {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_LISTS_DAMAGED', { metadata: { authorityKeyId: toHex(authorityKeyId) } })
}
