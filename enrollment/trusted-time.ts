import { type CborValue, type Clock, decodeCbor, encodeCbor, shape, type Timer } from '../core/index.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import { MAX_TIME_WITNESSES } from './limits.ts'

/**
 * Time without NTP: a lower bound that only signatures of the mesh's CAs and the node's own release date raise. A clock
 * below the bound is wrong; one far above it is not believed. In both cases the bound, and what has passed since the node
 * started, is the time.
 *
 * A signature that would raise the bound by more than {@link MAX_RISE_MS} is only remembered, until a second authority
 * vouches for as late a time, the node's own believed clock has reached it, or an operator says so: one mis-dated
 * signature must not lock a node into the future.
 */
export interface TimeFloor {
  /** It is at least this late, in milliseconds since the Unix epoch. */
  readonly atMs: number
  /** Later times that one authority alone has signed. */
  readonly witnesses: readonly TimeWitness[]
}

/** The latest time that an authority has signed. */
export interface TimeWitness {
  /** Hexadecimal subject key id of the authority. */
  readonly authority: string
  readonly atMs: number
}

/** `trusted`: the local clock is the time. `behind`, `ahead`: it is wrong, and the floor is the time. */
export type ClockStanding = 'trusted' | 'behind' | 'ahead'

const DAY_MS = 86_400_000

/** Farthest that one authority's signature raises the floor at once, in milliseconds. */
export const MAX_RISE_MS = 30 * DAY_MS

/** Farthest above the floor that a clock is believed, in milliseconds. */
export const MAX_AHEAD_MS = 90 * DAY_MS

/** Differences below this are what clocks have; nobody needs to look, in milliseconds. */
const TOLERATED_MS = 5 * 60_000

/** What a clock that shows `localMs` is worth when it is at least `floorMs`. */
export function clockStanding(floorMs: number, localMs: number): ClockStanding {
  if (localMs < floorMs - TOLERATED_MS) return 'behind'
  return localMs > floorMs + MAX_AHEAD_MS ? 'ahead' : 'trusted'
}

/** The floor after `witness`, whose signature was verified, while the clock shows `localMs`. */
export function attestTime(floor: TimeFloor, witness: TimeWitness, localMs: number): TimeFloor {
  if (witness.atMs <= floor.atMs) return floor
  const reached = clockStanding(floor.atMs, localMs) === 'trusted' && localMs >= witness.atMs
  if (reached || witness.atMs <= floor.atMs + MAX_RISE_MS) return raised(floor, witness.atMs)
  const witnesses = latest([...floor.witnesses, witness]).slice(0, MAX_TIME_WITNESSES)
  const [, second] = witnesses
  return second === undefined ? { ...floor, witnesses } : raised({ ...floor, witnesses }, second.atMs)
}

function raised(floor: TimeFloor, atMs: number): TimeFloor {
  return { atMs, witnesses: floor.witnesses.filter((witness) => witness.atMs > atMs) }
}

/** The latest word of each authority, latest first. */
function latest(witnesses: readonly TimeWitness[]): TimeWitness[] {
  const sorted = [...witnesses].sort((a, b) => b.atMs - a.atMs)
  return sorted.filter(({ authority }, at) => sorted.findIndex((other) => other.authority === authority) === at)
}

/** Deterministic CBOR `[1, atMs, [[authority, atMs], ...]]`. */
export function encodeTimeFloor({ atMs, witnesses }: TimeFloor): Uint8Array {
  return encodeCbor([1, atMs, witnesses.map((witness) => [witness.authority, witness.atMs])])
}

/** @throws ENROLLMENT_TIME_FLOOR_DAMAGED */
export function decodeTimeFloor(bytes: Uint8Array): TimeFloor {
  try {
    const [version, atMs, witnesses] = shape.array(decodeCbor(bytes, { maxBytes: 4096 }), 'floor', { min: 3, max: 3 })
    shape.oneOf(version, 'version', [1])
    return {
      atMs: shape.uint(atMs, 'atMs'),
      witnesses: shape.array(witnesses, 'witnesses', { max: MAX_TIME_WITNESSES }).map(readWitness),
    }
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_TIME_FLOOR_DAMAGED', { cause })
  }
}

function readWitness(item: CborValue): TimeWitness {
  const [authority, atMs] = shape.array(item, 'witness', { min: 2, max: 2 })
  return { authority: shape.text(authority, 'authority', { max: 64 }), atMs: shape.uint(atMs, 'atMs') }
}

export interface TrustedClockOptions {
  /** What earlier runs knew; undefined on the first. */
  readonly floor: TimeFloor | undefined
  /** When this release was made, in milliseconds since the Unix epoch. */
  readonly releasedAtMs: number
}

export interface TrustedClockDependencies {
  readonly clock: Clock
  /** Told whenever the floor changes, to keep it. */
  onChange(floor: TimeFloor): void
}

/** The clock of a node: the machine's own while it is believed, else the floor and the time since. */
export class TrustedClock implements Clock {
  readonly #dependencies: TrustedClockDependencies
  #floor: TimeFloor
  /** When the floor came to be where it is, by the monotonic clock. */
  #sinceMs: number

  constructor(options: TrustedClockOptions, dependencies: TrustedClockDependencies) {
    const { floor = { atMs: 0, witnesses: [] }, releasedAtMs } = options
    this.#dependencies = dependencies
    this.#floor = floor.atMs >= releasedAtMs ? floor : raised(floor, releasedAtMs)
    this.#sinceMs = dependencies.clock.monotonic()
  }

  get floor(): TimeFloor {
    return this.#floor
  }

  get standing(): ClockStanding {
    return clockStanding(this.#floorMs, this.#dependencies.clock.now())
  }

  /** How far the machine's clock is from the time that counts, in milliseconds; 0 while it is believed. */
  get offByMs(): number {
    return this.#dependencies.clock.now() - this.now()
  }

  now(): number {
    const [localMs, floorMs] = [this.#dependencies.clock.now(), this.#floorMs]
    return localMs > floorMs + MAX_AHEAD_MS ? floorMs : Math.max(localMs, floorMs)
  }

  /** The floor, and what has passed since it was set: by then it is at least so late. */
  get #floorMs(): number {
    return this.#floor.atMs + Math.floor(this.monotonic() - this.#sinceMs)
  }

  monotonic(): number {
    return this.#dependencies.clock.monotonic()
  }

  setTimer(delayMs: number, action: () => void, options?: { unref?: boolean }): Timer {
    return this.#dependencies.clock.setTimer(delayMs, action, options)
  }

  /** Takes a time that an authority has signed: thisUpdate of a list, notBefore of a certificate, both verified. */
  attest(authority: string, atMs: number): void {
    this.#set(attestTime(this.#floor, { authority, atMs }, this.#dependencies.clock.now()))
  }

  /** Takes the word of an operator, earlier or later than what was believed. */
  confirm(atMs: number): void {
    this.#set({ atMs, witnesses: [] })
  }

  #set(floor: TimeFloor): void {
    if (floor === this.#floor) return
    if (floor.atMs !== this.#floor.atMs) this.#sinceMs = this.monotonic()
    this.#floor = floor
    this.#dependencies.onChange(floor)
  }
}
