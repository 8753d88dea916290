/**
 * Checks that `options` has no key outside `known`: ignoring an unknown option is a silent downgrade.
 * @throws {TypeError} naming the first unknown key
 */
export function checkOptionKeys(what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${what}: unknown option ${JSON.stringify(key)}`)
  }
}

/**
 * Checks that a numeric option is a whole number within bounds (both ends allowed).
 * @throws {TypeError} when it is not
 */
export function checkWholeNumber(what: string, value: number, bounds: { min: number; max: number }): void {
  if (!Number.isSafeInteger(value) || value < bounds.min || value > bounds.max) {
    throw new TypeError(`${what} must be a whole number from ${bounds.min} to ${bounds.max}`)
  }
}
