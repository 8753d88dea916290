import { type Clock, type Logger, type RandomSource, randomFraction, type Timer } from '../../core/index.ts'
import { type BackoffOptions, backoffMs } from '../backoff.ts'
import { MAX_DIAL_TARGETS } from '../limits.ts'

/** Somebody to be connected with. */
export interface DialTarget {
  /** PeerId in text form, where it is known. */
  readonly peerKey: string | undefined
  /** Multiaddrs in text form. */
  readonly addresses: readonly string[]
  /** Configured: never given up. */
  readonly permanent: boolean
}

export interface DialerOptions {
  readonly backoff: BackoffOptions
  /** Failed attempts after which a target that is not permanent is forgotten. */
  readonly maxFailures: number
}

export interface DialerDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  /** Connects and answers with the key of the peer that was reached. */
  dial(target: DialTarget): Promise<string>
  isConnected(peerKey: string): boolean
  /** True while further peers are welcome; permanent targets are dialled regardless. */
  hasRoom(): boolean
}

interface Entry {
  target: DialTarget
  failures: number
  connectedAtMs: number
  timer: Timer | undefined
  dialling: boolean
}

/** A connection that held this long was a success; a shorter one, as with a peer that is full, counts as a failure. */
const STABLE_MS = 10_000

/** Addresses remembered of one peer. */
const MAX_ADDRESSES = 8

/** Keeps connections to known addresses: dials, and after a failure or a loss dials again, ever later, with jitter. */
export class Dialer {
  readonly #options: DialerOptions
  readonly #dependencies: DialerDependencies
  readonly #entries = new Map<string, Entry>()
  #stopped = false

  constructor(options: DialerOptions, dependencies: DialerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Targets that are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /** Begins to keep a connection to `target`, after `delayMs`; a known one takes the new addresses as well. */
  add(target: DialTarget, delayMs = 0): void {
    const key = keyOf(target)
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.target = merged(known.target, target)
    } else if (this.#makeRoom()) {
      this.#entries.set(key, { target, failures: 0, connectedAtMs: 0, timer: undefined, dialling: false })
    } else {
      return
    }
    this.#plan(key, delayMs)
  }

  /** A peer connected, by whoever's doing: there is nothing to dial. */
  connected(peerKey: string): void {
    const entry = this.#entryOf(peerKey)
    if (entry === undefined) return
    entry.connectedAtMs = this.#dependencies.clock.monotonic()
    entry.timer?.cancel()
    entry.timer = undefined
  }

  /** A peer is gone: dials it again, if it is known; answers whether it is. */
  disconnected(peerKey: string): boolean {
    for (const [key, entry] of this.#entries) {
      if (entry.target.peerKey !== peerKey) continue
      this.#lost(key, entry)
      return true
    }
    return false
  }

  stop(): void {
    this.#stopped = true
    for (const entry of this.#entries.values()) entry.timer?.cancel()
    this.#entries.clear()
  }

  #entryOf(peerKey: string): Entry | undefined {
    for (const entry of this.#entries.values()) if (entry.target.peerKey === peerKey) return entry
    return undefined
  }

  #plan(key: string, delayMs: number): void {
    const entry = this.#entries.get(key)
    if (this.#stopped || entry === undefined || entry.dialling || entry.timer !== undefined) return
    entry.timer = this.#dependencies.clock.setTimer(delayMs, () => {
      entry.timer = undefined
      void this.#dial(key, entry)
    })
  }

  async #dial(key: string, entry: Entry): Promise<void> {
    const { peerKey, permanent } = entry.target
    if (peerKey !== undefined && this.#dependencies.isConnected(peerKey)) return
    if (!permanent && !this.#dependencies.hasRoom()) {
      this.#failed(key, entry)
      return
    }
    entry.dialling = true
    try {
      const reached = await this.#dependencies.dial(entry.target)
      entry.dialling = false
      entry.connectedAtMs = this.#dependencies.clock.monotonic()
      entry.target = { ...entry.target, peerKey: reached }
      if (!this.#dependencies.isConnected(reached)) this.#failed(key, entry)
    } catch (error) {
      entry.dialling = false
      this.#dependencies.logger.debug({ addresses: entry.target.addresses, err: error }, 'a peer was not reached')
      this.#failed(key, entry)
    }
  }

  #lost(key: string, entry: Entry): void {
    const heldMs = this.#dependencies.clock.monotonic() - entry.connectedAtMs
    if (heldMs < STABLE_MS) {
      this.#failed(key, entry)
    } else {
      entry.failures = 0
      this.#plan(key, this.#delay(0))
    }
  }

  #failed(key: string, entry: Entry): void {
    entry.failures += 1
    if (!entry.target.permanent && entry.failures > this.#options.maxFailures) this.#entries.delete(key)
    else this.#plan(key, this.#delay(entry.failures))
  }

  #delay(failures: number): number {
    return backoffMs(this.#options.backoff, failures, randomFraction(this.#dependencies.random))
  }

  /** Drops a target that fails, when there are too many; answers whether another one fits. */
  #makeRoom(): boolean {
    if (this.#entries.size < MAX_DIAL_TARGETS) return true
    for (const [key, entry] of this.#entries) {
      if (entry.target.permanent || entry.failures === 0) continue
      entry.timer?.cancel()
      return this.#entries.delete(key)
    }
    return false
  }
}

/** Both targets' addresses, the newest first. */
function merged(known: DialTarget, found: DialTarget): DialTarget {
  const addresses = [...new Set([...found.addresses, ...known.addresses])].slice(0, MAX_ADDRESSES)
  return { ...known, addresses, permanent: known.permanent || found.permanent }
}

function keyOf(target: DialTarget): string {
  return target.peerKey ?? target.addresses.join(' ')
}
