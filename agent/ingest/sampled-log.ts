import type { Clock, Logger } from '../../core/index.ts'
import type { Rejection } from './types.ts'

/** Malformed lines are logged at most this often for each input; those between are only counted. */
const LOG_INTERVAL_MS = 10_000

/** Tells the log of malformed lines without letting a hostile sensor fill it. Never writes what a line said. */
export class SampledLog {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #clock: Clock
  readonly #logger: Logger
  #nextMs = Number.NEGATIVE_INFINITY
  #unlogged = 0

  /** @param fields what every line of this log carries */
  constructor(fields: Readonly<Record<string, unknown>>, dependencies: { clock: Clock; logger: Logger }) {
    this.#fields = fields
    this.#clock = dependencies.clock
    this.#logger = dependencies.logger
  }

  /** @param endOffset where the line ends in its file */
  malformed(rejection: Rejection, endOffset: number): void {
    const now = this.#clock.monotonic()
    if (now < this.#nextMs) {
      this.#unlogged += 1
      return
    }
    const { code, field } = rejection
    this.#logger.warn({ ...this.#fields, code, field, endOffset, unlogged: this.#unlogged }, 'skipped a malformed line')
    this.#nextMs = now + LOG_INTERVAL_MS
    this.#unlogged = 0
  }
}
