import { checkWholeNumber } from '../core/index.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import { DEFAULT_MAX_IN_FLIGHT, DEFAULT_MAX_WAITING } from './limits.ts'

/** Bounds on work in Node's thread pool, which LevelDB and scrypt share. */
export interface GateOptions {
  /** Operations under way at once. Default {@link DEFAULT_MAX_IN_FLIGHT}. */
  maxInFlight?: number
  /** Operations that wait for their turn; one more is refused with CRYPTO_BUSY. Default {@link DEFAULT_MAX_WAITING}. */
  maxWaiting?: number
}

/** Called once when an operation ends, as Node's callbacks are. */
export type Done<Value> = (error: unknown, value: Value) => void

/** Lets a bounded number of callback-style operations run at once and keeps a bounded number waiting, in order. */
export class Gate {
  readonly #maxInFlight: number
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #inFlight = 0

  constructor(options: GateOptions = {}) {
    this.#maxInFlight = options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING
    checkWholeNumber('maxInFlight', this.#maxInFlight, { min: 1, max: 1024 })
    checkWholeNumber('maxWaiting', this.#maxWaiting, { min: 0, max: 1_000_000 })
  }

  /** Operations under way. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Operations that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Starts an operation now or when its turn comes.
   * @throws CRYPTO_BUSY when the queue is full, CRYPTO_OPERATION_FAILED when the operation ended in an error
   */
  run<Value>(start: (done: Done<Value>) => void): Promise<Value> {
    return new Promise((resolve, reject) => {
      const done: Done<Value> = (error, value) => {
        this.#leave()
        if (error) reject(CRYPTO_ERRORS.create('CRYPTO_OPERATION_FAILED', { cause: error }))
        else resolve(value)
      }
      const enter = () => {
        this.#inFlight += 1
        try {
          start(done)
        } catch (error) {
          done(error, undefined as never)
        }
      }
      if (this.#inFlight < this.#maxInFlight) enter()
      else if (this.#waiting.length < this.#maxWaiting) this.#waiting.push(enter)
      else reject(CRYPTO_ERRORS.create('CRYPTO_BUSY'))
    })
  }

  #leave(): void {
    this.#inFlight -= 1
    this.#waiting.shift()?.()
  }
}
