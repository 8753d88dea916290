/** A pending timer. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void
}

/** Time as the rest of the code sees it; nothing above `core` reads the machine's clock itself. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump. */
  now(): number
  /** Milliseconds since some fixed point; never goes back. */
  monotonic(): number
  /** Calls `action` once after `delayMs` milliseconds. Does not keep the process alive by itself when `unref` is true. */
  setTimer(delayMs: number, action: () => void, options?: { unref?: boolean }): Timer
}

/** The machine's clock. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    setTimer: setSystemTimer,
  }
}

/** Longest delay that `setTimeout` takes; a longer one would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

function setSystemTimer(delayMs: number, action: () => void, options?: { unref?: boolean }): Timer {
  const dueMs = performance.now() + delayMs
  const wait = (leftMs: number): NodeJS.Timeout => {
    const inSteps = leftMs > MAX_TIMEOUT_MS
    const timeout = setTimeout(
      () => {
        if (inSteps) handle = wait(dueMs - performance.now())
        else action()
      },
      Math.min(leftMs, MAX_TIMEOUT_MS),
    )
    return options?.unref ? timeout.unref() : timeout
  }
  let handle = wait(delayMs)
  return { cancel: () => clearTimeout(handle) }
}

/**
 * Resolves after `delayMs` milliseconds of `clock`.
 * @throws the signal's reason as soon as `signal` aborts.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

interface PendingTimer {
  dueMs: number
  order: number
  action: () => void
}

/** A clock that moves only when told to: the twin of {@link systemClock} for tests and simulations. */
export class SimulatedClock implements Clock {
  #wallMs: number
  #elapsedMs = 0
  #order = 0
  readonly #pending = new Set<PendingTimer>()

  /** @param startMs wall-clock time at the start, in milliseconds since the Unix epoch */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs
  }

  now(): number {
    return this.#wallMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  setTimer(delayMs: number, action: () => void): Timer {
    const pending = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, action }
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }

  /** Number of timers that have not fired yet. */
  get pendingTimers(): number {
    return this.#pending.size
  }

  /** Moves time forward by `durationMs`, firing due timers in order and letting promises settle after each. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#elapsedMs + durationMs
    for (;;) {
      const next = this.#earliest()
      if (next === undefined || next.dueMs > endMs) break
      this.#moveTo(next.dueMs)
      this.#pending.delete(next)
      next.action()
      await settle()
    }
    this.#moveTo(endMs)
    await settle()
  }

  /** Sets the wall clock without passing time, as an operator or NTP would. */
  jumpTo(wallMs: number): void {
    this.#wallMs = wallMs
  }

  #moveTo(elapsedMs: number): void {
    this.#wallMs += elapsedMs - this.#elapsedMs
    this.#elapsedMs = elapsedMs
  }

  #earliest(): PendingTimer | undefined {
    let best: PendingTimer | undefined
    for (const timer of this.#pending) {
      if (best === undefined || timer.dueMs < best.dueMs || (timer.dueMs === best.dueMs && timer.order < best.order)) {
        best = timer
      }
    }
    return best
  }
}

/** Lets everything that is already resolved run, promise chains included. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
