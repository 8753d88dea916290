import type { ChainWant } from '../ports.ts'

/** Most chains waiting for one peer, and announcements of one chain; more are left to catch-up. */
const MAX_WAITING = 256
const MAX_ASKERS = 64

/** Wants of one chain that are fetched together. */
export class Waiting {
  want: ChainWant
  readonly #askers: ((complete: boolean) => void)[] = []

  constructor(want: ChainWant) {
    this.want = want
  }

  /** Widens the want; false when too many wait for it already. */
  join(want: ChainWant, asker: (complete: boolean) => void): boolean {
    if (this.#askers.length >= MAX_ASKERS) return false
    const fromSeq = Math.min(this.want.fromSeq, want.fromSeq)
    this.want = { ...this.want, fromSeq, toSeq: Math.max(this.want.toSeq, want.toSeq) }
    this.#askers.push(asker)
    return true
  }

  /** Tells all askers what `fetch` came to. */
  async settle(fetch: (want: ChainWant) => Promise<boolean>): Promise<void> {
    let complete = false
    try {
      complete = await fetch(this.want)
    } finally {
      this.tell(complete)
    }
  }

  tell(complete: boolean): void {
    for (const asker of this.#askers.splice(0)) asker(complete)
  }
}

/** What is to be fetched from one peer: each chain once, however often it was announced. */
export class WantList {
  readonly #waiting = new Map<string, Waiting>()

  get size(): number {
    return this.#waiting.size
  }

  /** Resolves with what the fetch came to; with false when there is no room or the list is given up. */
  add(want: ChainWant): Promise<boolean> {
    const key = `${want.compare ? 'compare' : 'extend'} ${want.origin}`
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Waiting(want)
      const fits = this.#waiting.has(key) || this.#waiting.size < MAX_WAITING
      if (!fits || !waiting.join(want, resolve)) resolve(false)
      else this.#waiting.set(key, waiting)
    })
  }

  /** The first one whose want `isFree`. */
  take(isFree: (want: ChainWant) => boolean): Waiting | undefined {
    for (const [key, waiting] of this.#waiting) {
      if (!isFree(waiting.want)) continue
      this.#waiting.delete(key)
      return waiting
    }
    return undefined
  }

  giveUp(): void {
    for (const waiting of this.#waiting.values()) waiting.tell(false)
    this.#waiting.clear()
  }
}
