import type { Clock } from '../../core/index.ts'
import { PRIORITIES, type Priority } from './topics.ts'

export interface QueueOptions {
  /** Most items waiting per priority. */
  readonly maxItems: number
  /** Most bytes waiting per priority. */
  readonly maxBytes: number
  /** Items that waited longer are given to `expire`, in milliseconds. */
  readonly maxAgeMs: number
  /** Most items being processed at a time. */
  readonly concurrency: number
}

export interface QueueItem {
  readonly priority: Priority
  readonly bytes: number
}

export interface QueueDependencies<Item> {
  readonly clock: Clock
  /** Works on one item; never rejects. */
  process(item: Item): Promise<void>
  /** Is told of an item that waited too long. */
  expire(item: Item): void
}

interface Lane<Item> {
  items: { item: Item; sinceMs: number }[]
  /** Index of the first item that still waits: taking one moves no memory. */
  next: number
  bytes: number
}

/**
 * The lane that each of eight turns belongs to; a lane with nothing to do leaves its turn to the most urgent one. Under
 * junk on every lane the most urgent has half of the turns, and the least urgent one in eight.
 */
const TURNS: readonly Priority[] = [0, 0, 1, 0, 2, 0, 1, 3]

/** Four bounded first-in-first-out lanes before a bounded number of workers; urgent lanes go first, none starves. */
export class VerificationQueue<Item extends QueueItem> {
  readonly #options: QueueOptions
  readonly #dependencies: QueueDependencies<Item>
  readonly #lanes: Lane<Item>[] = Array.from({ length: PRIORITIES }, () => ({ items: [], next: 0, bytes: 0 }))
  #running = 0
  #turn = 0
  #stopped = false

  constructor(options: QueueOptions, dependencies: QueueDependencies<Item>) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Items waiting, by priority. */
  get waiting(): readonly number[] {
    return this.#lanes.map((lane) => lane.items.length - lane.next)
  }

  /** Items being processed. */
  get running(): number {
    return this.#running
  }

  /** Takes `item`, or answers false when its lane is full or the queue has stopped. */
  push(item: Item): boolean {
    const lane = this.#lanes[item.priority]
    if (lane === undefined || this.#stopped) return false
    if (lane.items.length - lane.next >= this.#options.maxItems) return false
    if (lane.bytes + item.bytes > this.#options.maxBytes) return false
    lane.items.push({ item, sinceMs: this.#dependencies.clock.monotonic() })
    lane.bytes += item.bytes
    this.#drain()
    return true
  }

  /** Takes out what waits and `matches`. */
  remove(matches: (item: Item) => boolean): readonly Item[] {
    const removed: Item[] = []
    for (const lane of this.#lanes) {
      const waiting = lane.items.slice(lane.next)
      removed.push(...waiting.map(({ item }) => item).filter(matches))
      lane.items = waiting.filter(({ item }) => !matches(item))
      lane.next = 0
      lane.bytes = lane.items.reduce((sum, { item }) => sum + item.bytes, 0)
    }
    return removed
  }

  /** Drops what waits; what runs runs to its end. */
  stop(): void {
    this.#stopped = true
    for (const lane of this.#lanes) {
      lane.items = []
      lane.next = 0
      lane.bytes = 0
    }
  }

  #drain(): void {
    while (this.#running < this.#options.concurrency) {
      const item = this.#take()
      if (item === undefined) return
      this.#running += 1
      void this.#dependencies.process(item).finally(() => {
        this.#running -= 1
        this.#drain()
      })
    }
  }

  #take(): Item | undefined {
    const preferred = this.#lanes[TURNS[this.#turn % TURNS.length] ?? 0]
    for (const lane of preferred === undefined ? this.#lanes : [preferred, ...this.#lanes]) {
      const item = this.#takeFrom(lane)
      if (item === undefined) continue
      this.#turn += 1
      return item
    }
    return undefined
  }

  #takeFrom(lane: Lane<Item>): Item | undefined {
    const oldestMs = this.#dependencies.clock.monotonic() - this.#options.maxAgeMs
    while (lane.next < lane.items.length) {
      const entry = lane.items[lane.next]
      if (entry === undefined) break
      this.#advance(lane, entry.item)
      if (entry.sinceMs >= oldestMs) return entry.item
      this.#dependencies.expire(entry.item)
    }
    return undefined
  }

  #advance(lane: Lane<Item>, taken: Item): void {
    lane.next += 1
    lane.bytes -= taken.bytes
    if (lane.next === lane.items.length || lane.next >= 1024) {
      lane.items.splice(0, lane.next)
      lane.next = 0
    }
  }
}
