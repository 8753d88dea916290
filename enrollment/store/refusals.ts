import type { Clock } from '../../core/index.ts'
import { type Actor, auditEntry } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_REFUSALS_PER_MINUTE } from '../limits.ts'
import type { CaStore } from './ca-store.ts'

const MINUTE_MS = 60_000

/** Puts refusals into the audit; beyond so many a minute they are only counted, or a flood of them would fill the disk. */
export class Refusals {
  readonly #store: Pick<CaStore, 'commit'>
  readonly #clock: Clock
  #minuteStartMs = Number.NEGATIVE_INFINITY
  #written = 0
  #counted = 0

  constructor(parts: { store: Pick<CaStore, 'commit'>; dependencies: { clock: Clock } }) {
    this.#store = parts.store
    this.#clock = parts.dependencies.clock
  }

  /** What `task` gives; when it refuses, that is noted. */
  async noting<T>(actor: Actor, task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } catch (error) {
      if (ENROLLMENT_ERRORS.matches(error) && !UNNOTED.includes(error.code)) await this.#note(actor, error.code)
      throw error
    }
  }

  async #note(actor: Actor, code: string): Promise<void> {
    const nowMs = this.#clock.monotonic()
    if (nowMs >= this.#minuteStartMs + MINUTE_MS) {
      this.#minuteStartMs = nowMs
      this.#written = 0
    }
    if (this.#written >= MAX_REFUSALS_PER_MINUTE) {
      this.#counted += 1
      return
    }
    this.#written += 1
    const detail = this.#counted === 0 ? code : `${code}, after ${this.#counted} that are not here`
    this.#counted = 0
    await this.#store.commit([], [auditEntry({ atMs: this.#clock.now(), event: 'refused', actor, detail })])
  }
}

/** No refusals: the CA is busy or damaged. */
const UNNOTED: readonly string[] = ['ENROLLMENT_BUSY', 'ENROLLMENT_CA_DAMAGED']
