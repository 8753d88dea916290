export interface BackoffOptions {
  /** Delay before the second attempt, in milliseconds; it doubles with every failure. */
  readonly baseMs: number
  /** Longest delay, in milliseconds. */
  readonly maxMs: number
}

/**
 * Delay before the next attempt: min(maxMs, baseMs × 2^failures), of which the upper half is random so that nodes that
 * lost the same peer do not return together.
 * @param failures failed attempts so far, 0 or more
 * @param fraction a random number in [0, 1)
 */
export function backoffMs(options: BackoffOptions, failures: number, fraction: number): number {
  const full = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(failures, 40))
  return Math.round(full * (0.5 + 0.5 * fraction))
}
