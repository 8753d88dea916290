import { ENROLLMENT_ERRORS } from './errors.ts'

/** Runs tasks one after another, in order of arrival; beyond `maxWaiting` waiting ones it refuses. */
export class SerialQueue {
  readonly #maxWaiting: number
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
  }

  /**
   * What `task` gives, once every earlier task has ended.
   * @throws ENROLLMENT_BUSY, and what `task` throws
   */
  run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#maxWaiting) return Promise.reject(ENROLLMENT_ERRORS.create('ENROLLMENT_BUSY'))
    this.#waiting += 1
    const result = this.#last.then(task)
    this.#last = result.then(
      () => this.#ended(),
      () => this.#ended(),
    )
    return result
  }

  /** Resolves when every task given so far has ended. */
  async idle(): Promise<void> {
    await this.#last
  }

  #ended(): void {
    this.#waiting -= 1
  }
}
