import { toHex } from '../../core/index.ts'

/** The newest bundle ids of those that were added; beyond `max` the oldest is forgotten. */
export class RecentIds {
  readonly #max: number
  readonly #names = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  add(id: Uint8Array): void {
    this.#names.add(toHex(id))
    if (this.#names.size <= this.#max) return
    for (const oldest of this.#names) {
      this.#names.delete(oldest)
      return
    }
  }

  has(id: Uint8Array): boolean {
    return this.#names.has(toHex(id))
  }
}
