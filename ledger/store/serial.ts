import { LEDGER_ERRORS } from '../errors.ts'

/** Runs actions one after another, in order; bounded. */
export class Serial {
  readonly #maxWaiting: number
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  /** @param maxWaiting actions that wait or run; one more is refused */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
  }

  /** @throws LEDGER_BUSY when too many wait; else what `action` throws */
  async run<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= this.#maxWaiting) throw LEDGER_ERRORS.create('LEDGER_BUSY')
    this.#waiting += 1
    const result = this.#last.then(action)
    this.#last = result.catch(() => {})
    try {
      return await result
    } finally {
      this.#waiting -= 1
    }
  }
}
