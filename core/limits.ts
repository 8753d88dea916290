/** Deepest nesting of any CBOR item from outside, unless the format sets less. */
export const MAX_CBOR_DEPTH = 8

/** Most elements (array items, map keys and values) in one CBOR item from outside, unless the format sets less. */
export const MAX_CBOR_ITEMS = 4096

/** Most operations that one synced write carries; more wait for the next one. */
export const MAX_COMMIT_OPERATIONS = 4096

/** Most bytes of values that one synced write carries; more wait for the next one. */
export const MAX_COMMIT_BYTES = 8 * 1024 * 1024
