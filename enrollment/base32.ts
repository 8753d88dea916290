/** Crockford's base32 in lower case: no i, l, o, u, so that a person can read it out and type it in. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Characters that `bytes` bytes take. */
export function base32Length(bytes: number): number {
  return Math.ceil((bytes * 8) / 5)
}

/** Base32 of `bytes`, without padding; the last character is filled up with zero bits. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let pending = 0
  for (const byte of bytes) {
    pending = (pending << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(pending >> bits) & 31]
    }
    pending &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + ALPHABET[(pending << (5 - bits)) & 31]
}

/** The bytes of {@link encodeBase32}; undefined for any text it does not give. */
export function decodeBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = []
  let bits = 0
  let pending = 0
  for (const character of text) {
    const value = ALPHABET.indexOf(character)
    if (value === -1) return undefined
    pending = (pending << 5) | value
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((pending >> bits) & 0xff)
    pending &= (1 << bits) - 1
  }
  const decoded = Uint8Array.from(bytes)
  return encodeBase32(decoded) === text ? decoded : undefined
}
