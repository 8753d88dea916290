import {
  backoffMs,
  type Clock,
  isGapmeshError,
  type Logger,
  type RandomSource,
  randomFraction,
  type Timer,
  toHex,
} from '../../core/index.ts'
import type { ListOutcome } from '../../enrollment/crl/index.ts'
import type { CaClient } from './ca-client.ts'
import type { Membership } from './membership.ts'
import type { Pseudonyms } from './pseudonyms.ts'
import type { RevocationDesk } from './revocation-desk.ts'
import type { Revocations } from './revocations.ts'

export interface ListPollerOptions {
  /** Time between two looks, in milliseconds, spread by a tenth. */
  readonly periodMs: number
}

export interface ListPollerDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  readonly ca: CaClient
  readonly desk: Pick<RevocationDesk, 'take'>
  readonly revocations: Revocations
  readonly membership: Membership
  readonly pseudonyms: Pseudonyms
}

/** How asking the CA goes, for status. */
export interface PollState {
  /** When the CA last answered; undefined: never since the start. */
  readonly answeredAtMs: number | undefined
  readonly nextAtMs: number
  readonly failures: number
  readonly lastFailure: string | undefined
}

/** What became of a list; undefined when the CA has none. */
type Fetched = ListOutcome | 'unchanged' | undefined

const JITTER = 0.1
const RETRY = { baseMs: 15_000, maxMs: 3_600_000 }

/** After something new was heard of, the CA is asked within this time, in milliseconds: not by all nodes at once. */
const SOON_MS = 2_000

/**
 * Asks the CA for its lists: at the start, periodically, and when something new was heard of. A delta first where there is a
 * list under it; the full list where the delta does not fit.
 */
export class ListPoller {
  readonly #options: ListPollerOptions
  readonly #dependencies: ListPollerDependencies
  readonly #etags = new Map<string, string>()
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #again = false
  #stopped = true
  #dueMs = 0
  #failures = 0
  #lastFailure: string | undefined
  #answeredAtMs: number | undefined

  constructor(options: ListPollerOptions, dependencies: ListPollerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get state(): PollState {
    const { clock } = this.#dependencies
    return {
      answeredAtMs: this.#answeredAtMs,
      nextAtMs: Math.round(clock.now() + Math.max(0, this.#dueMs - clock.monotonic())),
      failures: this.#failures,
      lastFailure: this.#lastFailure,
    }
  }

  start(): void {
    this.#stopped = false
    this.#plan(0)
  }

  /** There may be something new. */
  soon(): void {
    if (this.#running === undefined) this.#plan(SOON_MS * randomFraction(this.#dependencies.random))
    else this.#again = true
  }

  /** Lets an attempt under way end. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }

  #plan(delayMs: number): void {
    this.#timer?.cancel()
    if (this.#stopped) return
    const { clock } = this.#dependencies
    this.#dueMs = clock.monotonic() + delayMs
    this.#timer = clock.setTimer(delayMs, () => this.#begin(), { unref: true })
  }

  #begin(): void {
    this.#running = this.#poll().finally(() => {
      this.#running = undefined
      this.#plan(this.#nextMs())
    })
  }

  #nextMs(): number {
    const fraction = randomFraction(this.#dependencies.random)
    if (this.#failures > 0) return backoffMs(RETRY, this.#failures - 1, fraction)
    if (this.#again) return SOON_MS * fraction
    return this.#options.periodMs * (1 - JITTER + 2 * JITTER * fraction)
  }

  async #poll(): Promise<void> {
    const { clock, logger } = this.#dependencies
    this.#again = false
    try {
      const refusals = await this.#askAll()
      await this.#askForPseudonym()
      this.#answeredAtMs = clock.now()
      if (refusals[0] !== undefined) throw refusals[0]
      this.#failures = 0
      this.#lastFailure = undefined
    } catch (error) {
      this.#failures += 1
      this.#lastFailure = isGapmeshError(error) ? error.code : 'INTERNAL'
      logger.debug({ err: error, failures: this.#failures }, 'the CA could not be asked for revocation lists')
    }
  }

  /** Why lists were refused: that of one CA, such as a damaged or a mis-dated one, keeps nobody from those of the others. */
  async #askAll(): Promise<unknown[]> {
    const refusals: unknown[] = []
    for (const authority of this.#authorities()) {
      await this.#ask(authority).catch((error) => {
        if (!isGapmeshError(error) || error.action === undefined) throw error
        refusals.push(error)
      })
    }
    return refusals
  }

  /** Every CA of the mesh that is known here and not revoked, this node's own first. */
  #authorities(): Uint8Array[] {
    const { revocations, membership, clock } = this.#dependencies
    const own = membership.current.certificate.authorityKeyId
    const all = [own, ...revocations.index.states.map(({ authorityKeyId }) => authorityKeyId)]
    return [...new Map(all.map((keyId) => [toHex(keyId), keyId])).values()].filter((keyId) => {
      const authority = revocations.authority(keyId)
      return authority === undefined || revocations.revocationOf(authority, clock.now()) === undefined
    })
  }

  async #ask(authority: Uint8Array): Promise<void> {
    const { revocations } = this.#dependencies
    const full = revocations.index.state(authority)?.full
    const isDone = full !== undefined && isCurrent(await this.#fetch('delta', authority))
    const isFresh = full !== undefined && full.nextUpdateMs > this.#dependencies.clock.now()
    if (!isDone || !isFresh) await this.#fetch('full', authority)
  }

  async #fetch(kind: 'full' | 'delta', authority: Uint8Array): Promise<Fetched> {
    const { ca, desk, logger } = this.#dependencies
    const name = `${toHex(authority)}/${kind}`
    const fetched = await ca.list(kind, { etag: this.#etags.get(name), authority })
    if (fetched === undefined || fetched === 'unchanged') return fetched
    try {
      const outcome = await desk.take(fetched.der)
      if (fetched.etag !== undefined) this.#etags.set(name, fetched.etag)
      return outcome
    } catch (error) {
      // A delta that is refused is no reason not to look at the full list.
      if (kind === 'full' || !isGapmeshError(error) || error.action === undefined) throw error
      logger.debug({ code: error.code }, 'a delta of the CA was refused')
      return 'held'
    }
  }

  async #askForPseudonym(): Promise<void> {
    const { ca, clock, membership, pseudonyms } = this.#dependencies
    const hasEnded = clock.now() > membership.current.certificate.notAfterMs
    if (pseudonyms.wanted === undefined || hasEnded) return
    const { epoch, key } = await ca.pseudonym(membership.current)
    await pseudonyms.take(epoch, key)
  }
}

/** True when nothing is left to fetch after such a delta. */
function isCurrent(delta: Fetched): boolean {
  return delta !== undefined && delta !== 'held'
}
