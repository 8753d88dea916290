import type { Clock, GapmeshError, Timer } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'

/** Bounds one handshake in time: it fails at its deadline, or when libp2p gives up on the connection. */
export class Deadline {
  readonly #failure = Promise.withResolvers<never>()
  readonly #timer: Timer
  readonly #signal: AbortSignal | undefined

  constructor(options: { clock: Clock; timeoutMs: number; signal?: AbortSignal | undefined }) {
    this.#failure.promise.catch(() => undefined)
    this.#timer = options.clock.setTimer(options.timeoutMs, () => this.#fail('OVERLAY_LINK_TIMEOUT'))
    this.#signal = options.signal
    if (this.#signal?.aborted) this.#onAbort()
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Waits for `work`, but not beyond the deadline.
   * @throws OVERLAY_LINK_TIMEOUT, OVERLAY_LINK_ABORTED
   */
  race<Value>(work: Promise<Value>): Promise<Value> {
    return Promise.race([work, this.#failure.promise])
  }

  /** Ends the watch; the timer is gone afterwards. */
  end(): void {
    this.#timer.cancel()
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  #fail(code: 'OVERLAY_LINK_TIMEOUT' | 'OVERLAY_LINK_ABORTED', cause?: unknown): void {
    const error: GapmeshError = OVERLAY_ERRORS.create(code, cause === undefined ? {} : { cause })
    this.#failure.reject(error)
  }

  readonly #onAbort = (): void => this.#fail('OVERLAY_LINK_ABORTED', this.#signal?.reason)
}
