/**
 * Wiping of secret bytes. What JavaScript cannot promise: the garbage collector may have moved (copied) a young array
 * before it is wiped, strings are immutable and stay until collected, and pages may have been swapped out. Native keys
 * (KeyObject) live outside the heap and are cleared by OpenSSL when collected. Wiping narrows the window, no more.
 */

/** Overwrites `bytes` with zeros. */
export function wipe(bytes: Uint8Array): void {
  bytes.fill(0)
}

/** Calls `use` with a secret and wipes the secret when it returned, threw, or its promise settled. */
export function withSecret<Result>(secret: Uint8Array, use: (secret: Uint8Array) => Result): Result {
  let result: Result
  try {
    result = use(secret)
  } catch (error) {
    wipe(secret)
    throw error
  }
  if (result instanceof Promise) return result.finally(() => wipe(secret)) as Result
  wipe(secret)
  return result
}
