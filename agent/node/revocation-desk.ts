import { type Clock, equalBytes, fromHex, isGapmeshError, type Logger, type Timer, toHex } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import {
  type ListOutcome,
  parseCrl,
  type RevocationList,
  type RevocationState,
  verifyCrl,
} from '../../enrollment/crl/index.ts'
import { ENROLLMENT_ERRORS, type ListStore, SerialQueue } from '../../enrollment/node/index.ts'
import type { ListAnnouncement, TrustPort, Verdict } from '../../overlay/index.ts'
import type { RevokeDirective } from '../../records/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { Pseudonyms } from './pseudonyms.ts'
import type { Revocations } from './revocations.ts'

export interface RevocationDeskDependencies {
  readonly clock: Clock & { attest(authority: string, atMs: number): void }
  readonly logger: Logger
  readonly provider: SignatureProvider
  readonly store: ListStore
  readonly revocations: Revocations
  readonly pseudonyms: Pseudonyms
  /** Told when lists were applied or revocations ordered, and whether anybody's revocation may have changed by it. */
  readonly onChange: (revoked: boolean) => void
}

/** Lists that wait for the one being judged. */
const MAX_WAITING_LISTS = 16

/** A list that the disk refused counts all the same, and is written again after this long, in milliseconds. */
const SAVE_AGAIN_MS = 30_000

/**
 * Where every revocation list comes in, whatever its road: judged, applied in memory, where it counts at once, then written.
 * Also the side of the node that peers get lists and pseudonym keys from.
 */
export class RevocationDesk implements TrustPort {
  readonly #dependencies: RevocationDeskDependencies
  readonly #turn = new SerialQueue(MAX_WAITING_LISTS)
  /** DER of lists that are applied or held and not on disk yet, by hexadecimal hash. */
  readonly #unsaved = new Map<string, RevocationList>()
  #closed = false
  /** Runs while something is unsaved. */
  #saveAgain: Timer | undefined

  constructor(dependencies: RevocationDeskDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Reads what earlier runs have applied. Of a CA whose lists are damaged only the number stays.
   * @throws CORE_STORE_READ, CORE_STORE_WRITE
   */
  async load(): Promise<void> {
    const { store, revocations, logger } = this.#dependencies
    for (;;) {
      try {
        for (const state of await store.load()) revocations.adopt(state)
        return
      } catch (error) {
        const { authorityKeyId } = isGapmeshError(error, 'ENROLLMENT_LISTS_DAMAGED') ? error.metadata : {}
        if (typeof authorityKeyId !== 'string') throw error
        logger.error({ authorityKeyId, err: error }, 'The revocation lists of a CA are damaged; they are fetched anew')
        await store.reset(fromHex(authorityKeyId))
      }
    }
  }

  /**
   * Takes a list. Once this resolves it counts, also when it could not be written yet.
   * @throws ENROLLMENT_CRL_*, AGENT_LIST_ISSUER_REVOKED, ENROLLMENT_BUSY
   */
  take(der: Uint8Array): Promise<ListOutcome> {
    return this.#turn.run(() => this.#take(der))
  }

  /**
   * Takes a revocation that an operator has ordered ahead of the next list; true when that is news. One that counted when it
   * was ordered counts here from now on, also where this node's clock is minutes behind.
   */
  order(directive: RevokeDirective, orderedAtMs: number): boolean {
    const { revocations, clock } = this.#dependencies
    const hasBegun = directive.revokedAtMs <= orderedAtMs
    const revokedAtMs = hasBegun ? Math.min(directive.revokedAtMs, clock.now()) : directive.revokedAtMs
    const isNews = revocations.order({ ...directive, revokedAtMs }, orderedAtMs)
    if (isNews) this.#dependencies.onChange(true)
    return isNews
  }

  lists(): readonly ListAnnouncement[] {
    const { states } = this.#dependencies.revocations.index
    // Of deltas the newest serves most peers.
    const byAuthority = states.map(({ full, deltas }) => [
      ...(full === undefined ? [] : [full]),
      ...deltas.toReversed(),
    ])
    const longest = Math.max(0, ...byAuthority.map(({ length }) => length))
    return Array.from({ length: longest }, (_, at) => byAuthority.flatMap((lists) => lists[at] ?? [])).flat()
  }

  wants(offered: readonly ListAnnouncement[]): readonly ListAnnouncement[] {
    const { index } = this.#dependencies.revocations
    const wanted = offered.filter((list) => {
      const state = index.state(list.authorityKeyId)
      if (state === undefined || this.#isHere(state, list.hash)) return false
      const least = state.number ?? -1n
      return state.full === undefined && list.kind === 'full' ? list.number >= least : list.number > least
    })
    return wanted.sort((a, b) => this.#urgency(a) - this.#urgency(b) || (a.number < b.number ? 1 : -1))
  }

  async readList(hash: Uint8Array, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    const unsaved = this.#unsaved.get(toHex(hash))
    if (unsaved === undefined) return this.#dependencies.store.read(hash, offset, maxBytes)
    return offset >= unsaved.der.length ? undefined : unsaved.der.subarray(offset, offset + maxBytes)
  }

  async receiveList(der: Uint8Array): Promise<Verdict> {
    try {
      return (await this.take(der)) === 'known' ? 'duplicate' : 'accept'
    } catch (error) {
      if (!isGapmeshError(error) || error.action === undefined || error.code === 'ENROLLMENT_BUSY') throw error
      this.#dependencies.logger.debug({ code: error.code }, 'a revocation list was refused')
      return error.action
    }
  }

  pseudonymKey(epoch: number): Uint8Array | undefined {
    return this.#dependencies.pseudonyms.keyOf(epoch)
  }

  receivePseudonymKey(epoch: number, key: Uint8Array): Promise<Verdict> {
    return this.#dependencies.pseudonyms.take(epoch, key)
  }

  wantsPseudonymEpoch(): number | undefined {
    return this.#dependencies.pseudonyms.wanted
  }

  /** Lets what is under way end, and tries once more to write what is not on disk. */
  async close(): Promise<void> {
    this.#closed = true
    this.#saveAgain?.cancel()
    await this.#turn.idle()
    if (this.#unsaved.size > 0) await this.#saveAll()
  }

  async #take(der: Uint8Array): Promise<ListOutcome> {
    const { clock, provider, revocations, onChange, logger } = this.#dependencies
    const list = parseCrl(der)
    const issuer = this.#issuerOf(list)
    const before = revocations.index.state(list.authorityKeyId)
    if (before !== undefined && this.#isHere(before, list.hash)) return 'known'
    await verifyCrl(list, issuer, { provider, signaturePolicy: 'hybrid' })
    clock.attest(toHex(list.authorityKeyId), list.thisUpdateMs)
    const { outcome, state } = revocations.index.apply(list, clock.now())
    if (outcome === 'known') return outcome
    const facts = { number: String(list.number), kind: list.kind, entries: state.entries.size }
    logger.info({ ...facts, outcome }, 'a revocation list was taken')
    if (outcome === 'applied') {
      const ordered = revocations.provisional
      revocations.settle(state)
      onChange(ordered + state.entries.size + (before?.entries.size ?? 0) > 0)
    }
    this.#unsaved.set(toHex(list.hash), list)
    await this.#save(state)
    return outcome
  }

  /** The CA that says it has issued `list`, if its word counted then and counts now. */
  #issuerOf({ authorityKeyId, thisUpdateMs }: RevocationList): Certificate {
    const { clock, revocations } = this.#dependencies
    const issuer = revocations.authority(authorityKeyId)
    if (issuer === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_AUTHORITY_UNKNOWN')
    const revocation = revocations.revocationOf(issuer, clock.now())
    if (revocation !== undefined) throw AGENT_ERRORS.create('AGENT_LIST_ISSUER_REVOKED')
    if (thisUpdateMs < issuer.notBeforeMs || thisUpdateMs > issuer.notAfterMs) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_ISSUER')
    }
    return issuer
  }

  #isHere({ lists }: RevocationState, hash: Uint8Array): boolean {
    return lists.some((list) => equalBytes(list.hash, hash))
  }

  /** Deltas go first where there is a list under them: they are short. */
  #urgency({ authorityKeyId, kind }: ListAnnouncement): number {
    const hasFull = this.#dependencies.revocations.index.state(authorityKeyId)?.full !== undefined
    return hasFull === (kind === 'delta') ? 0 : 1
  }

  async #save(state: RevocationState): Promise<void> {
    const { clock, logger, store } = this.#dependencies
    const authority = toHex(state.authorityKeyId)
    const own = [...this.#unsaved].filter(([, list]) => toHex(list.authorityKeyId) === authority)
    try {
      await store.save(
        state,
        own.map(([, list]) => list),
      )
      for (const [hash] of own) this.#unsaved.delete(hash)
    } catch (error) {
      logger.error({ err: error }, 'A revocation list could not be written; it counts, and is written again')
      for (const [hash, list] of own) if (!this.#isHere(state, list.hash)) this.#unsaved.delete(hash)
      this.#saveAgain ??= clock.setTimer(SAVE_AGAIN_MS, () => this.#saveInTurn(), { unref: true })
    }
  }

  #saveInTurn(): void {
    this.#saveAgain = undefined
    this.#turn.run(() => this.#saveAll()).catch(() => {})
  }

  async #saveAll(): Promise<void> {
    if (this.#closed && this.#unsaved.size === 0) return
    const authorities = new Map([...this.#unsaved.values()].map((list) => [toHex(list.authorityKeyId), list]))
    for (const { authorityKeyId } of authorities.values()) {
      const state = this.#dependencies.revocations.index.state(authorityKeyId)
      if (state !== undefined) await this.#save(state)
    }
  }
}
