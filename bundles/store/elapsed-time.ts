import { type Clock, decodeCbor, encodeCbor, shape } from '../../core/index.ts'

/** A moment of {@link ElapsedTime}, and what the wall clock showed then if it was believed. */
export interface TimeMark {
  readonly elapsedMs: number
  readonly wallMs: number | undefined
}

export interface ElapsedTimeDependencies {
  readonly clock: Clock
  /** Whether the wall clock may be believed now. */
  readonly clockTrusted: () => boolean
}

/**
 * The time by which bundles age: it never goes back, and does not jump when a node without a clock learns how late it is.
 * While the wall clock is believed it passes as that does, through sleep and power-off too; else it passes as the
 * processor's time does, and goes on after power-off where it stood. Begins at the wall clock's time.
 */
export class ElapsedTime {
  readonly #clock: Clock
  readonly #clockTrusted: () => boolean
  /** Moment that time is counted from: the last at which the wall clock began, or ceased, to be believed. */
  #base: { readonly elapsedMs: number; readonly monotonicMs: number; readonly wallMs: number | undefined }
  #elapsedMs: number

  /** @param mark what an earlier run left; undefined: there was none */
  constructor(mark: TimeMark | undefined, { clock, clockTrusted }: ElapsedTimeDependencies) {
    this.#clock = clock
    this.#clockTrusted = clockTrusted
    this.#elapsedMs = mark?.elapsedMs ?? clock.now()
    const wallMs = mark === undefined ? this.#believedMs() : mark.wallMs
    this.#base = { elapsedMs: this.#elapsedMs, monotonicMs: clock.monotonic(), wallMs }
  }

  /** Milliseconds; compares with other values of this clock only. */
  now(): number {
    const { elapsedMs, monotonicMs, wallMs } = this.#base
    const now = { monotonicMs: this.#clock.monotonic(), wallMs: this.#believedMs() }
    const byWall = now.wallMs === undefined || wallMs === undefined ? 0 : now.wallMs - wallMs
    const passedMs = Math.max(Math.floor(now.monotonicMs - monotonicMs), byWall)
    this.#elapsedMs = Math.max(this.#elapsedMs, elapsedMs + passedMs)
    if ((now.wallMs === undefined) !== (wallMs === undefined)) this.#base = { elapsedMs: this.#elapsedMs, ...now }
    return this.#elapsedMs
  }

  /** What a later run goes on from. */
  mark(): TimeMark {
    return { elapsedMs: this.now(), wallMs: this.#believedMs() }
  }

  #believedMs(): number | undefined {
    return this.#clockTrusted() ? this.#clock.now() : undefined
  }
}

/** dCBOR [ elapsed_ms, wall_ms / null ] */
export function encodeTimeMark({ elapsedMs, wallMs }: TimeMark): Uint8Array {
  return encodeCbor([elapsedMs, wallMs ?? null])
}

/** @throws CORE_CBOR_… */
export function decodeTimeMark(bytes: Uint8Array): TimeMark {
  const items = shape.array(decodeCbor(bytes, { maxBytes: 32 }), 'mark', { min: 2, max: 2 })
  return {
    elapsedMs: shape.uint(items[0], 'elapsed'),
    wallMs: items[1] === null ? undefined : shape.uint(items[1], 'wall clock'),
  }
}
