import { concatBytes, uintBytes } from '../core/index.ts'
import { hmacSha256 } from '../crypto/index.ts'
import { RECORDS_ERRORS } from './errors.ts'
import { MAX_PSEUDONYM_EPOCH } from './limits.ts'

const PSEUDONYM_KEY_BYTES = 32

const DECIMAL_BYTE = /^(?:0|[1-9]\d{0,2})$/

const HEX_GROUP = /^[0-9a-f]{1,4}$/i

const GROUPS = 8

/** A pseudonym key and the epoch it belongs to. */
export interface Pseudonym {
  /** 32 secret bytes, one key per mesh and epoch. */
  readonly key: Uint8Array
  /** 0 to 2^32 − 1. */
  readonly epoch: number
}

/**
 * The form in which an address leaves a node: HMAC-SHA-256 under the pseudonym key over the 16-byte address and the
 * epoch as 8 bytes, big-endian; 32 bytes. Equal addresses match inside the mesh and within an epoch, whichever way they
 * were written. It is a pseudonym, not a secret: whoever holds the key can invert an IPv4 address by trying all 2^32.
 * @throws RECORDS_ADDRESS when `address` is not an IPv4 or IPv6 address
 * @throws {TypeError} when the key or the epoch is out of bounds
 */
export function hashAddress(address: string, { key, epoch }: Pseudonym): Uint8Array {
  if (key.length !== PSEUDONYM_KEY_BYTES) throw new TypeError('a pseudonym key has 32 bytes')
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch > MAX_PSEUDONYM_EPOCH) {
    throw new TypeError('an epoch is a whole number below 2^32')
  }
  return hmacSha256(key, concatBytes(parseAddress(address), uintBytes(epoch)))
}

/**
 * The 16 bytes of an address: IPv6 (RFC 4291 §2.2, without its zone id, RFC 4007 §11), or IPv4 in dotted decimal mapped
 * to `::ffff:0:0/96`. Strict: four decimal numbers without leading zeros, no shorthand, no spaces.
 * @throws RECORDS_ADDRESS
 */
export function parseAddress(address: string): Uint8Array {
  const bytes = address.includes(':') ? parseIpv6(address.replace(/%.+$/, '')) : mapIpv4(parseIpv4(address))
  if (bytes === undefined) throw RECORDS_ERRORS.create('RECORDS_ADDRESS')
  return bytes
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => DECIMAL_BYTE.test(part))) return undefined
  const bytes = parts.map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

function mapIpv4(bytes: readonly number[] | undefined): Uint8Array | undefined {
  return bytes && Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes)
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, at) => parseGroups(half, at === halves.length - 1))
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const missing = GROUPS - head.length - (tail?.length ?? 0)
  const fits = halves.length === 2 ? missing >= 1 : missing === 0
  if (!fits) return undefined
  const groups = [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]))
}

/** The 16-bit groups of one side of `::`; the last side may end in dotted decimal. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const last = parts.at(-1) ?? ''
  const ipv4 = mayEndInIpv4 && last.includes('.') ? parseIpv4(last) : undefined
  const hex = ipv4 === undefined ? parts : parts.slice(0, -1)
  if (!hex.every((part) => HEX_GROUP.test(part))) return undefined
  const groups = hex.map((part) => Number.parseInt(part, 16))
  const [a = 0, b = 0, c = 0, d = 0] = ipv4 ?? []
  return ipv4 === undefined ? groups : [...groups, (a << 8) | b, (c << 8) | d]
}
