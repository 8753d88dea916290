/** Field prime of Curve25519. */
const P = 2n ** 255n - 19n

/** d of edwards25519 (RFC 8032 §5.1): −121665/121666. */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n

const ORDER_8_Y = 55188659117513257062467267217118295137698188065244968500265048394206261417927n

/**
 * y of the points whose order divides 8: ±1, 0 and the two of order 8. A key of such an order has signatures that
 * verify for many messages.
 */
const SMALL_ORDER_Y: readonly bigint[] = [0n, 1n, P - 1n, ORDER_8_Y, P - ORDER_8_Y]

/**
 * True when `encoded` (32 bytes) is the canonical encoding of a point on edwards25519 (RFC 8032 §5.1.3) that is not of
 * small order. OpenSSL itself imports any 32 bytes and only fails to verify later.
 */
export function isEd25519PublicKey(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false
  const littleEndian = BigInt(`0x${Buffer.from(encoded).reverse().toString('hex')}`)
  const y = littleEndian & (2n ** 255n - 1n)
  if (y >= P || SMALL_ORDER_Y.includes(y)) return false
  // x² = (y² − 1) / (d·y² + 1) has a root exactly when numerator times denominator is a square.
  const ySquared = (y * y) % P
  return isSquare(((ySquared - 1n) * (D * ySquared + 1n)) % P)
}

/** Euler's criterion for a non-zero number modulo {@link P}: its power of (P − 1) / 2 = 2^254 − 10 is 1. */
function isSquare(value: bigint): boolean {
  let power = value % P
  for (let squarings = 0; squarings < 254; squarings += 1) power = (power * power) % P
  return (power - value ** 10n) % P === 0n
}
