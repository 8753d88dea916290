import { createHash } from 'node:crypto'
import { type CborValue, decodeCbor, encodeCbor, equalBytes, shape } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { FINGERPRINT_BYTES, MAX_POSITION_BYTES } from '../limits.ts'

/**
 * How far a file was read. Stored as dCBOR
 *
 *     [1, device: text, inode: text, offset: uint, fingerprintBytes: uint, fingerprint: bytes .size 32]
 *
 * device and inode are decimal text, for they may exceed 2^53. The fingerprint is the SHA-256 of the file's first
 * `fingerprintBytes` bytes, never more than were read (`offset`): a log that only grows keeps it.
 */
export interface FilePosition {
  readonly device: string
  readonly inode: string
  /** Bytes read and accounted for. */
  readonly offset: number
  /** At most 1024, at most `offset`. */
  readonly fingerprintBytes: number
  readonly fingerprint: Uint8Array
}

const VERSION = 1
const NUMBER = /^\d{1,20}$/

/** The stored form of a position. */
export function encodePosition(position: FilePosition): Uint8Array {
  const { device, inode, offset, fingerprintBytes, fingerprint } = position
  return encodeCbor([VERSION, device, inode, offset, fingerprintBytes, fingerprint])
}

/**
 * The position in its stored form.
 * @throws AGENT_INPUT_POSITION
 */
export function decodePosition(bytes: Uint8Array): FilePosition {
  try {
    return readPosition(decodeCbor(bytes, { maxBytes: MAX_POSITION_BYTES, maxDepth: 1, maxItems: 7 }))
  } catch (cause) {
    throw AGENT_ERRORS.create('AGENT_INPUT_POSITION', { cause })
  }
}

function readPosition(value: CborValue): FilePosition {
  const [version, device, inode, offset, fingerprintBytes, fingerprint] = shape.array(value, 'position', {
    min: 6,
    max: 6,
  })
  shape.uint(version, 'version', { min: VERSION, max: VERSION })
  const end = shape.uint(offset, 'offset')
  return {
    device: numberText(device, 'device'),
    inode: numberText(inode, 'inode'),
    offset: end,
    fingerprintBytes: shape.uint(fingerprintBytes, 'fingerprint length', { max: Math.min(end, FINGERPRINT_BYTES) }),
    fingerprint: shape.bytes(fingerprint, 'fingerprint', { min: 32, max: 32 }),
  }
}

function numberText(value: CborValue | undefined, what: string): string {
  const text = shape.text(value, what)
  if (!NUMBER.test(text)) throw new TypeError(`${what} is not a decimal number`)
  return text
}

/** Position `offset` bytes into the file that begins with `head` (its first 1024 bytes, or all of fewer). */
export function positionAt(file: { device: string; inode: string }, head: Uint8Array, offset: number): FilePosition {
  const known = head.subarray(0, Math.min(offset, FINGERPRINT_BYTES))
  return {
    device: file.device,
    inode: file.inode,
    offset,
    fingerprintBytes: known.length,
    fingerprint: sha256(known),
  }
}

/** True when a file that begins with `head` is, as far as its beginning tells, the one of `position`. */
export function matchesHead(position: FilePosition, head: Uint8Array): boolean {
  return (
    head.length >= position.fingerprintBytes &&
    equalBytes(sha256(head.subarray(0, position.fingerprintBytes)), position.fingerprint)
  )
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
