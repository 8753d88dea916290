import type { Clock, Timer } from '../../core/index.ts'
import { MAX_ANNOUNCED_HEADS } from '../limits.ts'
import type { ChainHead } from '../ports.ts'
import { encodeAnnouncement } from './announcement.ts'

export interface AnnouncerDependencies {
  readonly clock: Clock
  publish(announcement: Uint8Array): void
}

/** Gathers heads for a short window; of several heads of one origin only the highest is sent. */
export class Announcer {
  readonly #windowMs: number
  readonly #dependencies: AnnouncerDependencies
  #heads = new Map<string, ChainHead>()
  #timer: Timer | undefined
  #stopped = false

  constructor(options: { readonly windowMs: number }, dependencies: AnnouncerDependencies) {
    this.#windowMs = options.windowMs
    this.#dependencies = dependencies
  }

  add(head: ChainHead): void {
    if (this.#stopped) return
    const known = this.#heads.get(head.origin)
    if (known !== undefined && known.seq >= head.seq) return
    this.#heads.set(head.origin, head)
    if (this.#heads.size >= MAX_ANNOUNCED_HEADS) this.#flush()
    else this.#timer ??= this.#dependencies.clock.setTimer(this.#windowMs, () => this.#flush())
  }

  /** Forgets what waits, and takes nothing more. */
  stop(): void {
    this.#stopped = true
    this.#clear()
  }

  #clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#heads = new Map()
  }

  #flush(): void {
    const heads = [...this.#heads.values()]
    this.#clear()
    if (heads.length > 0) this.#dependencies.publish(encodeAnnouncement(heads))
  }
}
