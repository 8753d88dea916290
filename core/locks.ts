/**
 * Lets tasks that touch the same thing run one after another, in order of arrival, and others side by side; beyond
 * `maxWaiting` unfinished tasks it refuses. Tasks must not wait for one another.
 */
export class Locks {
  readonly #maxWaiting: number
  readonly #busy: () => Error
  /** By name, the end of the last task that holds it or waits for it. */
  readonly #tails = new Map<string, Promise<void>>()
  readonly #unfinished = new Set<Promise<void>>()
  /** End of the last task that wants everything. */
  #barrier: Promise<void> = Promise.resolve()

  /** @param busy makes the error of a task too many */
  constructor(maxWaiting: number, busy: () => Error) {
    this.#maxWaiting = maxWaiting
    this.#busy = busy
  }

  /**
   * What `task` gives, once every earlier task with one of these names has ended; with `all`, every earlier task.
   * @throws the error of {@link constructor}'s `busy`, and what `task` throws
   */
  run<T>(names: readonly string[] | 'all', task: () => Promise<T>): Promise<T> {
    if (this.#unfinished.size >= this.#maxWaiting) return Promise.reject(this.#busy())
    const result = Promise.all(this.#before(names)).then(task)
    const ended: Promise<void> = result.then(
      () => this.#ended(names, ended),
      () => this.#ended(names, ended),
    )
    this.#unfinished.add(ended)
    if (names === 'all') this.#barrier = ended
    else for (const name of names) this.#tails.set(name, ended)
    return result
  }

  /** Resolves when every task given so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#unfinished)
  }

  #before(names: readonly string[] | 'all'): Iterable<Promise<void> | undefined> {
    return names === 'all' ? this.#unfinished : [this.#barrier, ...names.map((name) => this.#tails.get(name))]
  }

  #ended(names: readonly string[] | 'all', ended: Promise<void>): void {
    this.#unfinished.delete(ended)
    if (names === 'all') return
    for (const name of names) if (this.#tails.get(name) === ended) this.#tails.delete(name)
  }
}
