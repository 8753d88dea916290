import { randomFillSync } from 'node:crypto'

/** Randomness as the rest of the code sees it; keys and nonces come from {@link systemRandom} only. */
export interface RandomSource {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}

/** The operating system's cryptographic generator. */
export function systemRandom(): RandomSource {
  return { bytes: (length) => randomFillSync(new Uint8Array(length)) }
}

/** A whole number in `[0, bound)`, without modulo bias. `bound` is at most 2^32. */
export function randomBelow(random: RandomSource, bound: number): number {
  if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) throw new TypeError('bound must be in 1..2^32')
  const limit = 2 ** 32 - (2 ** 32 % bound)
  for (;;) {
    const bytes = random.bytes(4)
    const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
    if (value < limit) return value % bound
  }
}

/** A number in `[0, 1)` with 32 bits of resolution: for jitter, never for secrets. */
export function randomFraction(random: RandomSource): number {
  return randomBelow(random, 2 ** 32) / 2 ** 32
}

/**
 * A repeatable generator for tests and simulations (sfc32, by Chris Doty-Humphrey, PractRand): one seed, one run.
 * Not cryptographic.
 */
export class SimulatedRandom implements RandomSource {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param seed any 32-bit number; equal seeds give equal sequences */
  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = (seed ^ 0x9e3779b9) | 0
    this.#c = (seed ^ 0x85ebca6b) | 0
    for (let round = 0; round < 12; round += 1) this.#next()
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 1) out[at] = this.#next() & 0xff
    return out
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }
}
