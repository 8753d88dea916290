import type { CborMap, CborValue } from './cbor.ts'
import { CORE_ERRORS, type GapmeshError } from './errors.ts'

/** Bounds on a number, a length in bytes, or a count of items; both ends are allowed values. */
export interface Bounds {
  min?: number
  max?: number
}

/** Checked reading of decoded CBOR: each function returns the value in the expected type or throws CORE_CBOR_SHAPE naming `what`. */
export const shape = {
  /** A whole number of at least 0 (or `min`) and at most 2^53 − 1 (or `max`). */
  uint(value: CborValue | undefined, what: string, bounds: Bounds = {}): number {
    if (typeof value !== 'number' || value < (bounds.min ?? 0) || value > (bounds.max ?? Number.MAX_SAFE_INTEGER))
      throw mismatch(what)
    return value
  },

  /** A whole number of either sign. */
  int(value: CborValue | undefined, what: string): number {
    if (typeof value !== 'number') throw mismatch(what)
    return value
  },

  /** Text whose UTF-8 length is within `bounds`. */
  text(value: CborValue | undefined, what: string, bounds: Bounds = {}): string {
    if (typeof value !== 'string' || outside(Buffer.byteLength(value), bounds)) throw mismatch(what)
    return value
  },

  /** A byte string whose length is within `bounds`. */
  bytes(value: CborValue | undefined, what: string, bounds: Bounds = {}): Uint8Array {
    if (!(value instanceof Uint8Array) || outside(value.length, bounds)) throw mismatch(what)
    return value
  },

  /** An array whose length is within `bounds`. */
  array(value: CborValue | undefined, what: string, bounds: Bounds = {}): CborValue[] {
    if (!Array.isArray(value) || outside(value.length, bounds)) throw mismatch(what)
    return value
  },

  /** A map that has every key of `required`, none but those and the ones of `optional`. */
  map(
    value: CborValue | undefined,
    what: string,
    keys: { required: readonly (number | string)[]; optional?: readonly (number | string)[] },
  ): CborMap {
    if (!(value instanceof Map)) throw mismatch(what)
    for (const key of keys.required) if (!value.has(key)) throw mismatch(what)
    for (const key of value.keys()) {
      if (!keys.required.includes(key) && !keys.optional?.includes(key)) throw mismatch(what)
    }
    return value
  },

  /** One of the given texts or numbers. */
  oneOf<Value extends string | number>(value: CborValue | undefined, what: string, allowed: readonly Value[]): Value {
    const found = allowed.find((candidate) => candidate === value)
    if (found === undefined) throw mismatch(what)
    return found
  },
}

function outside(size: number, bounds: Bounds): boolean {
  return size < (bounds.min ?? 0) || size > (bounds.max ?? Number.MAX_SAFE_INTEGER)
}

function mismatch(what: string): GapmeshError {
  return CORE_ERRORS.create('CORE_CBOR_SHAPE', { detail: what, metadata: { what } })
}
