import type { Clock } from '../../core/index.ts'
import { HIGHEST_PRIORITY, type Priority } from '../codec/priority.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { DISK_CHECK_MS } from '../limits.ts'
import type { QueueState } from './types.ts'

export interface DiskWatchOptions {
  /** Free bytes below which only control bundles are taken. */
  readonly minFreeBytes: number
}

export interface DiskWatchDependencies {
  readonly clock: Clock
  readonly freeBytes: (() => Promise<number>) | undefined
}

/** Keeps the last of the disk for control bundles, and says how it stands. */
export class DiskWatch {
  readonly #minFreeBytes: number
  readonly #clock: Clock
  readonly #freeBytes: (() => Promise<number>) | undefined
  #state: QueueState = 'open'
  #askedAtMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined

  constructor({ minFreeBytes }: DiskWatchOptions, { clock, freeBytes }: DiskWatchDependencies) {
    this.#minFreeBytes = minFreeBytes
    this.#clock = clock
    this.#freeBytes = freeBytes
  }

  get state(): QueueState {
    return this.#state
  }

  /** @throws BUNDLES_DISK_FULL when the disk has room for control bundles only, and this is none */
  async check(priority: Priority): Promise<void> {
    if (this.#clock.monotonic() - this.#askedAtMs >= DISK_CHECK_MS) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined
      })
    }
    await this.#asking
    if (this.#state === 'disk-low' && priority !== HIGHEST_PRIORITY) throw BUNDLES_ERRORS.create('BUNDLES_DISK_FULL')
  }

  /** The disk refused a write. */
  refused(): void {
    this.#state = 'disk-full'
  }

  /** The disk took a write. */
  wrote(): void {
    if (this.#state === 'disk-full') this.#state = 'open'
  }

  async #ask(): Promise<void> {
    const free = await this.#freeBytes?.().catch(() => undefined)
    this.#askedAtMs = this.#clock.monotonic()
    if (free !== undefined && free < this.#minFreeBytes) this.#state = 'disk-low'
    else if (this.#state === 'disk-low') this.#state = 'open'
  }
}
