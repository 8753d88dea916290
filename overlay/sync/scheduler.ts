import { backoffMs, type Clock, type RandomSource, randomFraction, type Timer } from '../../core/index.ts'
import { Penalties } from '../streams/index.ts'

export interface SchedulerOptions {
  /** Time between catch-ups with one peer when nothing else asks for one, in milliseconds; spread by a fifth. */
  readonly periodMs: number
  /** Least time between the end of a catch-up and the start of the next with the same peer, in milliseconds. */
  readonly minGapMs: number
  /** Most catch-ups at a time, over all peers; one that takes long no longer counts. */
  readonly maxRunning: number
}

/** How a catch-up ended. `fault` is the peer's doing and lengthens the pause; `failed` may be anybody's. */
export type Outcome = 'done' | 'again' | 'failed' | 'fault'

export interface SchedulerDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  /** Catches up with one peer; never rejects. */
  run(peerKey: string): Promise<Outcome>
}

interface Entry {
  timer: Timer | undefined
  dueMs: number
  running: boolean
  /** Asked for during a run: due this long after it. */
  againMs: number | undefined
  failures: number
  notBeforeMs: number
}

const AFTER_FAILURE = { baseMs: 1_000, maxMs: 60_000 }

/** A catch-up that takes longer gives its slot away and goes on: a few slow peers must not keep all others waiting. */
const SLOT_MS = 30_000

/** Decides when to catch up with whom: one at a time per peer, few in all, soon when asked, late after faults. */
export class CatchUpScheduler {
  readonly #options: SchedulerOptions
  readonly #dependencies: SchedulerDependencies
  readonly #entries = new Map<string, Entry>()
  readonly #penalties: Penalties
  /** Keys of peers that are due and wait for a slot, each once. */
  #ready: string[] = []
  #running = 0

  constructor(options: SchedulerOptions, dependencies: SchedulerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#penalties = new Penalties(dependencies)
  }

  /** Begins with a peer that connected: at once. */
  add(peerKey: string): void {
    if (this.#entries.has(peerKey)) return
    const notBeforeMs = this.#penalties.notBeforeMs(peerKey)
    this.#entries.set(peerKey, {
      timer: undefined,
      dueMs: Number.POSITIVE_INFINITY,
      running: false,
      againMs: undefined,
      failures: 0,
      notBeforeMs,
    })
    this.schedule(peerKey, 0)
  }

  /** Ends with a peer that disconnected. */
  remove(peerKey: string): void {
    this.#entries.get(peerKey)?.timer?.cancel()
    this.#entries.delete(peerKey)
    this.#ready = this.#ready.filter((key) => key !== peerKey)
  }

  /** Asks for a catch-up within `delayMs`; an earlier one stands. */
  schedule(peerKey: string, delayMs: number): void {
    const entry = this.#entries.get(peerKey)
    if (entry === undefined) return
    if (entry.running) {
      entry.againMs = Math.min(entry.againMs ?? delayMs, delayMs)
      return
    }
    const nowMs = this.#dependencies.clock.monotonic()
    const dueMs = Math.max(nowMs + delayMs, entry.notBeforeMs)
    if (dueMs >= entry.dueMs) return
    entry.timer?.cancel()
    entry.dueMs = dueMs
    entry.timer = this.#dependencies.clock.setTimer(dueMs - nowMs, () => this.#becomeReady(peerKey, entry))
  }

  stop(): void {
    for (const key of [...this.#entries.keys()]) this.remove(key)
  }

  #becomeReady(peerKey: string, entry: Entry): void {
    entry.timer = undefined
    this.#ready.push(peerKey)
    this.#startNext()
  }

  #startNext(): void {
    while (this.#running < this.#options.maxRunning) {
      const peerKey = this.#ready.shift()
      if (peerKey === undefined) return
      const entry = this.#entries.get(peerKey)
      if (entry !== undefined) void this.#run(peerKey, entry)
    }
  }

  async #run(peerKey: string, entry: Entry): Promise<void> {
    const giveBack = this.#takeSlot()
    entry.running = true
    const outcome = await this.#dependencies.run(peerKey)
    entry.running = false
    entry.dueMs = Number.POSITIVE_INFINITY
    const nextMs = this.#after(peerKey, entry, outcome)
    if (this.#entries.get(peerKey) === entry) this.schedule(peerKey, nextMs)
    giveBack()
  }

  /** Counts a run, until the answered function is called or the run takes too long. */
  #takeSlot(): () => void {
    this.#running += 1
    let isTaken = true
    const giveBack = () => {
      slow.cancel()
      if (!isTaken) return
      isTaken = false
      this.#running -= 1
      this.#startNext()
    }
    const slow = this.#dependencies.clock.setTimer(SLOT_MS, giveBack, { unref: true })
    return giveBack
  }

  /** How long after a run with this outcome the next one is due; sets how early it may be. */
  #after(peerKey: string, entry: Entry, outcome: Outcome): number {
    const nowMs = this.#dependencies.clock.monotonic()
    const asked = entry.againMs
    entry.againMs = undefined
    if (outcome === 'fault') {
      const delayMs = this.#penalties.add(peerKey)
      entry.notBeforeMs = nowMs + delayMs
      return delayMs
    }
    if (outcome === 'failed') {
      const delayMs = backoffMs(AFTER_FAILURE, entry.failures, this.#fraction())
      entry.failures += 1
      entry.notBeforeMs = nowMs + delayMs
      return delayMs
    }
    entry.failures = 0
    this.#penalties.clear(peerKey)
    entry.notBeforeMs = nowMs + this.#options.minGapMs
    if (outcome === 'again') return this.#options.minGapMs
    return asked ?? this.#options.periodMs * (0.8 + 0.4 * this.#fraction())
  }

  #fraction(): number {
    return randomFraction(this.#dependencies.random)
  }
}
