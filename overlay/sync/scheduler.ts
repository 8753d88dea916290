import { type Clock, type RandomSource, randomFraction, type Timer } from '../../core/index.ts'
import { backoffMs } from '../backoff.ts'

export interface SchedulerOptions {
  /** Time between catch-ups with one peer when nothing else asks for one, in milliseconds; spread by a fifth. */
  readonly periodMs: number
  /** Least time between the end of a catch-up and the start of the next with the same peer, in milliseconds. */
  readonly minGapMs: number
  /** Most catch-ups at a time, over all peers. */
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

interface Penalty {
  readonly faults: number
  readonly notBeforeMs: number
}

const AFTER_FAILURE = { baseMs: 1_000, maxMs: 60_000 }
const AFTER_FAULT = { baseMs: 30_000, maxMs: 3_600_000 }

/** Peers whose faults are remembered, connected or not. */
const MAX_PENALTIES = 1024

/** Decides when to catch up with whom: one at a time per peer, few in all, soon when asked, late after faults. */
export class CatchUpScheduler {
  readonly #options: SchedulerOptions
  readonly #dependencies: SchedulerDependencies
  readonly #entries = new Map<string, Entry>()
  readonly #penalties = new Map<string, Penalty>()
  readonly #ready: string[] = []
  #running = 0

  constructor(options: SchedulerOptions, dependencies: SchedulerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Begins with a peer that connected: at once. */
  add(peerKey: string): void {
    if (this.#entries.has(peerKey)) return
    const notBeforeMs = this.#penalties.get(peerKey)?.notBeforeMs ?? 0
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
    this.#ready.length = 0
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
      if (entry === undefined || entry.running) continue
      void this.#run(peerKey, entry)
    }
  }

  async #run(peerKey: string, entry: Entry): Promise<void> {
    this.#running += 1
    entry.running = true
    const outcome = await this.#dependencies.run(peerKey)
    this.#running -= 1
    entry.running = false
    entry.dueMs = Number.POSITIVE_INFINITY
    const nextMs = this.#after(peerKey, entry, outcome)
    if (this.#entries.get(peerKey) === entry) this.schedule(peerKey, nextMs)
    this.#startNext()
  }

  /** How long after a run with this outcome the next one is due; sets how early it may be. */
  #after(peerKey: string, entry: Entry, outcome: Outcome): number {
    const nowMs = this.#dependencies.clock.monotonic()
    const asked = entry.againMs
    entry.againMs = undefined
    if (outcome === 'fault') {
      const delayMs = this.#punish(peerKey, nowMs)
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
    this.#penalties.delete(peerKey)
    entry.notBeforeMs = nowMs + this.#options.minGapMs
    if (outcome === 'again') return this.#options.minGapMs
    return asked ?? this.#options.periodMs * (0.8 + 0.4 * this.#fraction())
  }

  #punish(peerKey: string, nowMs: number): number {
    const faults = (this.#penalties.get(peerKey)?.faults ?? 0) + 1
    const delayMs = backoffMs(AFTER_FAULT, faults, this.#fraction())
    this.#penalties.delete(peerKey)
    this.#penalties.set(peerKey, { faults, notBeforeMs: nowMs + delayMs })
    const [oldest] = this.#penalties.keys()
    if (this.#penalties.size > MAX_PENALTIES && oldest !== undefined) this.#penalties.delete(oldest)
    return delayMs
  }

  #fraction(): number {
    return randomFraction(this.#dependencies.random)
  }
}
