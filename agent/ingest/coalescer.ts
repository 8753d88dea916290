import { MAX_ANOMALY_SIGNATURES, type Severity } from '../../records/index.ts'
import type { FilePosition } from './position.ts'
import { shed } from './shed.ts'
import type { DetectedEvent, IngestCounters, Rejection } from './types.ts'

export interface CoalescerOptions {
  /** How long events are gathered into one batch, in milliseconds. 0 hands over at once. */
  windowMs: number
  /** True to fold equal events (kind, indicator, addresses) of one window into one with a count. */
  fold: boolean
  /** What happens when the backlog is full: `wait` makes the reader wait, `shed` drops the least severe events. */
  overload: 'wait' | 'shed'
  /** Most anomaly signatures that wait to be handed over. */
  maxBacklog: number
}

/** Equal events, folded. */
export interface Group {
  readonly event: DetectedEvent
  readonly severity: Severity
  firstSeenMs: number
  lastSeenMs: number
  count: number
}

/** Computes a position when it is needed; most lines' positions never are. */
export type LazyPosition = () => FilePosition

/** What fell into one coalescing window. Windows hold consecutive lines: their positions cover all before them. */
export interface Window {
  groups: readonly Group[]
  readonly positions: ReadonlyMap<string, LazyPosition>
}

interface OpenWindow {
  groups: Group[]
  readonly byKey: Map<string, Group>
  readonly positions: Map<string, LazyPosition>
  /** Monotonic time at which it is handed over at the latest. */
  dueMs: number
}

/** How long positions alone may wait; they are stored without events, only so that a restart reads less twice. */
const POSITION_DELAY_MS = 5000

/** Share of the bound that one shedding frees, so that its cost is spread over many events. */
const SHED_SHARE = 1 / 16

/** Gathers events into windows, folds, sheds, and counts every line. No timers, no I/O: the caller tells the time. */
export class Coalescer {
  readonly #options: CoalescerOptions
  #windows: OpenWindow[] = []
  #backlog = 0
  readonly #counts = { read: 0, kept: 0, folded: 0, shed: 0, malformed: 0, ignored: 0, pending: 0, gaps: 0 }
  readonly #malformed = new Map<Rejection['code'], number>()
  readonly #shedBySeverity = new Map<Severity, number>()

  constructor(options: CoalescerOptions) {
    this.#options = options
  }

  counters(): IngestCounters {
    return { ...this.#counts }
  }

  /** Malformed lines by the code that says why. */
  malformedByCode(): ReadonlyMap<Rejection['code'], number> {
    return this.#malformed
  }

  /** Events shed by severity. */
  shedBySeverity(): ReadonlyMap<Severity, number> {
    return this.#shedBySeverity
  }

  /** True when the reader must wait until a window was taken. */
  get full(): boolean {
    return this.#options.overload === 'wait' && this.#backlog >= this.#options.maxBacklog
  }

  addIgnored(): void {
    this.#counts.read += 1
    this.#counts.ignored += 1
  }

  addMalformed(code: Rejection['code']): void {
    this.#counts.read += 1
    this.#counts.malformed += 1
    this.#malformed.set(code, (this.#malformed.get(code) ?? 0) + 1)
  }

  addGap(): void {
    this.#counts.gaps += 1
  }

  addEvent(event: DetectedEvent, nowMs: number): void {
    this.#counts.read += 1
    this.#counts.pending += 1
    const key = this.#options.fold ? foldKey(event) : undefined
    const equal = key === undefined ? undefined : this.#windows.at(-1)?.byKey.get(key)
    if (equal !== undefined) fold(equal, event)
    else this.#open(event, key, nowMs)
    if (this.#backlog > this.#options.maxBacklog && this.#options.overload === 'shed') this.#shed()
  }

  /** Notes that every line of `input` before `position` was added. */
  moveTo(input: string, position: LazyPosition, nowMs: number): void {
    this.#current(nowMs + POSITION_DELAY_MS).positions.set(input, position)
  }

  /** Milliseconds until {@link take} has something; 0 when it has, undefined when nothing waits. */
  readyInMs(nowMs: number): number | undefined {
    const [oldest] = this.#windows
    if (oldest === undefined) return undefined
    return this.#windows.length > 1 || isFull(oldest) ? 0 : Math.max(0, oldest.dueMs - nowMs)
  }

  /** The oldest window when it is full, due or followed by another. `flush` takes it in any case. */
  take(nowMs: number, flush = false): Window | undefined {
    if (!flush && this.readyInMs(nowMs) !== 0) return undefined
    const window = this.#windows.shift()
    if (window === undefined) return undefined
    this.#backlog -= window.groups.length
    for (const { count } of window.groups) {
      this.#counts.kept += 1
      this.#counts.folded += count - 1
      this.#counts.pending -= count
    }
    return window
  }

  #open(event: DetectedEvent, key: string | undefined, nowMs: number): void {
    const { severity, seenMs } = event
    const group: Group = { event, severity, firstSeenMs: seenMs, lastSeenMs: seenMs, count: 1 }
    const last = this.#windows.at(-1)
    const window = last === undefined || isFull(last) ? this.#push(nowMs) : last
    if (window.groups.length === 0) window.dueMs = nowMs + this.#options.windowMs
    window.groups.push(group)
    if (key !== undefined) window.byKey.set(key, group)
    this.#backlog += 1
  }

  #current(dueMs: number): OpenWindow {
    return this.#windows.at(-1) ?? this.#push(dueMs)
  }

  #push(dueMs: number): OpenWindow {
    const window: OpenWindow = { groups: [], byKey: new Map(), positions: new Map(), dueMs }
    this.#windows.push(window)
    return window
  }

  #shed(): void {
    const { maxBacklog } = this.#options
    const groups = this.#windows.flatMap((window) => window.groups)
    const { dropped } = shed(groups, maxBacklog - Math.floor(maxBacklog * SHED_SHARE))
    for (const { severity, count } of dropped) {
      this.#counts.shed += count
      this.#counts.pending -= count
      this.#shedBySeverity.set(severity, (this.#shedBySeverity.get(severity) ?? 0) + count)
    }
    this.#remove(new Set(dropped))
  }

  #remove(dropped: ReadonlySet<Group>): void {
    this.#backlog -= dropped.size
    const windows: OpenWindow[] = []
    for (const window of this.#windows) {
      window.groups = window.groups.filter((group) => !dropped.has(group))
      for (const [key, group] of window.byKey) if (dropped.has(group)) window.byKey.delete(key)
      const previous = windows.at(-1)
      // Emptied windows must not pile up; what they covered is covered by the one before.
      if (window.groups.length > 0 || previous === undefined) windows.push(window)
      else for (const [input, position] of window.positions) previous.positions.set(input, position)
    }
    this.#windows = windows
  }
}

function isFull(window: OpenWindow): boolean {
  return window.groups.length >= MAX_ANOMALY_SIGNATURES
}

function foldKey(event: DetectedEvent): string {
  return `${event.kind} ${event.indicator} ${event.severity} ${event.sourceAddress} ${event.destinationAddress}`
}

function fold(group: Group, event: DetectedEvent): void {
  group.count += 1
  group.firstSeenMs = Math.min(group.firstSeenMs, event.seenMs)
  group.lastSeenMs = Math.max(group.lastSeenMs, event.seenMs)
}
