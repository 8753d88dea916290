import { MIN_LINK_PROGRESS_BYTES } from '../../limits.ts'
import type { SessionSettings } from './options.ts'

/** What of a session the clock is about. */
export interface WatchedSession {
  readonly phase: 'contact' | 'tls' | 'init' | 'open' | 'ending' | 'ended'
  /** False while the peer is not read from: its silence says nothing then. */
  readonly reading: boolean
  /** A message or a bundle has come in part. */
  readonly partial: boolean
  /** A bundle that was sent is not answered. */
  readonly unanswered: boolean
  /** Transfers are under way or wait, in whatever direction. */
  readonly busy: boolean
}

/** `late`: the peer does not do its part. `idle`: nobody has anything to do. */
export type WatchVerdict = 'keepalive' | 'late' | 'idle' | undefined

const NEVER = Number.POSITIVE_INFINITY

/** All times of a session; arithmetic only. */
export class Watch {
  readonly #settings: SessionSettings
  readonly #establishByMs: number
  #endByMs = NEVER
  #keepaliveMs = 0
  #sentMs: number
  #receivedMs: number
  #busyMs: number
  #awaitedSinceMs = NEVER
  #stalledSinceMs = NEVER
  #blockedSinceMs = NEVER
  #progressBytes = 0

  constructor(settings: SessionSettings, nowMs: number) {
    this.#settings = settings
    this.#establishByMs = nowMs + settings.establishMs
    this.#sentMs = nowMs
    this.#receivedMs = nowMs
    this.#busyMs = nowMs
  }

  opened(nowMs: number, keepaliveMs: number): void {
    this.#keepaliveMs = keepaliveMs
    this.#receivedMs = nowMs
    this.#busyMs = nowMs
  }

  ending(nowMs: number): void {
    this.#endByMs = nowMs + this.#settings.terminateMs
  }

  /** Everything that waited was handed to the connection. */
  sent(nowMs: number): void {
    this.#sentMs = nowMs
    this.#blockedSinceMs = NEVER
  }

  received(nowMs: number, bytes: number): void {
    this.#receivedMs = nowMs
    this.#progressBytes += bytes
    if (bytes === 0 && this.#stalledSinceMs !== NEVER) this.#stalledSinceMs = nowMs
  }

  /** Something was sent that is to be answered. */
  awaiting(nowMs: number): void {
    if (this.#awaitedSinceMs === NEVER) this.#awaitedSinceMs = nowMs
  }

  /** An answer came; with `more`, others are still to come. */
  answered(nowMs: number, more: boolean): void {
    this.#awaitedSinceMs = more ? nowMs : NEVER
    this.#busyMs = nowMs
  }

  /** A segment came. */
  busy(nowMs: number): void {
    this.#busyMs = nowMs
  }

  /** Called after each reading: a stall begins where something is left in part, or waits to be written. */
  progress(nowMs: number, { partial, unwritten }: { partial: boolean; unwritten: boolean }): void {
    if (!unwritten) this.#blockedSinceMs = NEVER
    else if (this.#blockedSinceMs === NEVER) this.#blockedSinceMs = nowMs
    if (!partial) this.#stalledSinceMs = NEVER
    else if (this.#stalledSinceMs === NEVER || this.#progressBytes >= MIN_LINK_PROGRESS_BYTES) {
      this.#stalledSinceMs = nowMs
      this.#progressBytes = 0
    }
  }

  dueMs(session: WatchedSession): number {
    const keepalive = this.#speaks(session) && this.#keepaliveMs > 0 ? this.#sentMs + this.#keepaliveMs : NEVER
    return Math.min(keepalive, this.#lateMs(session), this.#idleMs(session))
  }

  look(nowMs: number, session: WatchedSession): WatchVerdict {
    if (session.busy) this.#busyMs = nowMs
    if (nowMs >= this.#lateMs(session)) return 'late'
    if (nowMs >= this.#idleMs(session)) return 'idle'
    const quiet = this.#keepaliveMs > 0 && nowMs >= this.#sentMs + this.#keepaliveMs
    return quiet && this.#speaks(session) ? 'keepalive' : undefined
  }

  #speaks({ phase }: WatchedSession): boolean {
    return phase === 'open' || phase === 'ending'
  }

  #lateMs(session: WatchedSession): number {
    if (!this.#speaks(session)) return this.#establishByMs
    const { ackMs, stallMs } = this.#settings
    const silent = session.reading && this.#keepaliveMs > 0 ? this.#receivedMs + 2 * this.#keepaliveMs : NEVER
    const stalled = session.reading && session.partial ? this.#stalledSinceMs + stallMs : NEVER
    const unanswered = session.unanswered ? this.#awaitedSinceMs + ackMs : NEVER
    const ending = session.phase === 'ending' ? this.#endByMs : NEVER
    return Math.min(silent, stalled, unanswered, ending, this.#blockedSinceMs + stallMs)
  }

  #idleMs({ phase }: WatchedSession): number {
    return phase === 'open' && this.#settings.idleMs > 0 ? this.#busyMs + this.#settings.idleMs : NEVER
  }
}
