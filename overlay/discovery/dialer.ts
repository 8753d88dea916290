import {
  type BackoffOptions,
  backoffMs,
  type Clock,
  type Logger,
  type RandomSource,
  randomFraction,
  type Timer,
} from '../../core/index.ts'
import {
  MAX_DIAL_TARGETS,
  MAX_FOUND_ADDRESSES,
  MAX_FOUND_TARGETS,
  MAX_MET_ADDRESSES,
  MAX_TOLD_ADDRESSES,
  MAX_TOLD_TARGETS,
} from '../limits.ts'

/**
 * Where an address comes from: the configuration, a connection that there was, an admitted peer that told of another over
 * the DHT, or multicast DNS, where anybody on the LAN can say anything of anybody. Each kind has its own entries, so that
 * none takes anything from a better one.
 */
export type Source = 'configured' | 'met' | 'told' | 'found'

/** Somebody to be connected with. */
export interface DialTarget {
  /** PeerId in text form, where it is known. */
  readonly peerKey: string | undefined
  /** node_id, where there was a connection. */
  readonly nodeId?: string
  /** Multiaddrs in text form. */
  readonly addresses: readonly string[]
  /** Configured ones are never given up. */
  readonly source: Source
}

export interface DialerOptions {
  readonly backoff: BackoffOptions
  /** Failed attempts after which a target that is not configured is forgotten. */
  readonly maxFailures: number
}

export interface DialerDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  /** Connects and answers with the key of the peer that was reached. */
  dial(target: DialTarget): Promise<string>
  isConnected(peerKey: string): boolean
  /** True while further peers are welcome; configured targets are dialled regardless. */
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

const MAX_ADDRESSES = {
  configured: Number.POSITIVE_INFINITY,
  met: MAX_MET_ADDRESSES,
  told: MAX_TOLD_ADDRESSES,
  found: MAX_FOUND_ADDRESSES,
} as const

/** Hearsay by kind, the worse one first: it goes first where there is no more room. */
const HEARSAY = ['found', 'told'] as const
const MAX_HEARSAY = { found: MAX_FOUND_TARGETS, told: MAX_TOLD_TARGETS } as const

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

  /**
   * Begins to keep a connection to `target`, after `delayMs`; a known one of the same source takes the new addresses as
   * well.
   */
  add(target: DialTarget, delayMs = 0): void {
    const key = keyOf(target)
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.target = merged(known.target, target)
    } else if (this.#makeRoom(target.source)) {
      this.#entries.set(key, {
        target: merged(target, target),
        failures: 0,
        connectedAtMs: 0,
        timer: undefined,
        dialling: false,
      })
    } else {
      return
    }
    this.#plan(key, delayMs)
  }

  /** A peer connected, by whoever's doing: there is nothing to dial. From now on it is known whose address that is. */
  connected(peerKey: string, nodeId: string): void {
    for (const [, entry] of this.#entriesOf(peerKey)) {
      entry.target = { ...entry.target, nodeId }
      entry.connectedAtMs = this.#dependencies.clock.monotonic()
      entry.timer?.cancel()
      entry.timer = undefined
    }
  }

  /** A peer is gone: dials it again, if it is known; answers whether it is. */
  disconnected(peerKey: string): boolean {
    const entries = this.#entriesOf(peerKey)
    for (const [key, entry] of entries) this.#lost(key, entry)
    return entries.length > 0
  }

  /** PeerIds in text form under which a node was connected, as far as they are remembered. */
  keysOf(nodeId: string): string[] {
    return [...this.#entries.values()].flatMap(({ target }) => (target.nodeId === nodeId ? (target.peerKey ?? []) : []))
  }

  /** Peers that were sent away: dials them no more, unless the configuration names them; then as often as one that fails. */
  forget(matches: (target: DialTarget) => boolean): void {
    for (const [key, entry] of [...this.#entries].filter(([, { target }]) => matches(target))) {
      entry.timer?.cancel()
      entry.timer = undefined
      if (entry.target.source === 'configured') this.#lost(key, entry)
      else this.#entries.delete(key)
    }
  }

  stop(): void {
    this.#stopped = true
    for (const entry of this.#entries.values()) entry.timer?.cancel()
    this.#entries.clear()
  }

  #entriesOf(peerKey: string): [key: string, entry: Entry][] {
    return [...this.#entries].filter(([, { target }]) => target.peerKey === peerKey)
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
    const { peerKey, source } = entry.target
    if (peerKey !== undefined && this.#dependencies.isConnected(peerKey)) return
    if (source !== 'configured' && !this.#dependencies.hasRoom()) {
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
    if (entry.target.source !== 'configured' && entry.failures > this.#options.maxFailures) this.#entries.delete(key)
    else this.#plan(key, this.#delay(entry.failures))
  }

  #delay(failures: number): number {
    return backoffMs(this.#options.backoff, failures, randomFraction(this.#dependencies.random))
  }

  /** Answers whether another target fits, dropping one that fails where there are too many: hearsay goes first. */
  #makeRoom(source: Source): boolean {
    if (source === 'configured') return true
    const sources = [...this.#entries.values()].map(({ target }) => target.source)
    if (source !== 'met' && sources.filter((known) => known === source).length >= MAX_HEARSAY[source]) {
      return this.#dropFailing(source)
    }
    if (sources.length < MAX_DIAL_TARGETS) return true
    return HEARSAY.some((kind) => this.#dropFailing(kind)) || (source === 'met' && this.#dropFailing('met'))
  }

  #dropFailing(source: Source): boolean {
    for (const [key, entry] of this.#entries) {
      if (entry.target.source !== source || entry.failures === 0) continue
      entry.timer?.cancel()
      return this.#entries.delete(key)
    }
    return false
  }
}

/** Both targets' addresses, the newest first. */
function merged(known: DialTarget, added: DialTarget): DialTarget {
  const addresses = [...new Set([...added.addresses, ...known.addresses])].slice(0, MAX_ADDRESSES[known.source])
  return { ...known, addresses }
}

function keyOf({ source, peerKey, addresses }: DialTarget): string {
  return `${source} ${peerKey ?? addresses.join(' ')}`
}
