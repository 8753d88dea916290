import type { Clock } from '../../core/index.ts'

export interface WakeWait {
  /** Longest wait in milliseconds; no limit when undefined. */
  timeoutMs: number | undefined
  signal: AbortSignal
}

/** Lets one waiter sleep until something happens. What happened while nobody waited is not lost. */
export class Wake {
  readonly #clock: Clock
  #notified = false
  #resume: (() => void) | undefined

  constructor(dependencies: { clock: Clock }) {
    this.#clock = dependencies.clock
  }

  notify(): void {
    this.#notified = true
    this.#resume?.()
  }

  /** Resolves after {@link notify}, when the time is over, or when the signal aborts. */
  async wait(options: WakeWait): Promise<void> {
    if (!this.#notified && !options.signal.aborted) await this.#sleep(options)
    this.#notified = false
  }

  #sleep({ timeoutMs, signal }: WakeWait): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        timer?.cancel()
        signal.removeEventListener('abort', resume)
        this.#resume = undefined
        resolve()
      }
      const timer = timeoutMs === undefined ? undefined : this.#clock.setTimer(timeoutMs, resume)
      signal.addEventListener('abort', resume, { once: true })
      this.#resume = resume
    })
  }
}
