/*
 * A bundle whose payload does not lie in memory (RFC 9171 §4.1): what comes before it, and what ends it
 *
 *   head  9f  primary block  extension block …  and of the payload block: 85|86 01 01 flags crc_type, head of its bytes
 *         payload bytes
 *   tail  crc, unless crc_type is 0  ff
 */
import { CborWriter, uintBytes } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_BLOCKS, MAX_BUNDLE_HEAD_BYTES, MAX_PAYLOAD_BYTES } from '../limits.ts'
import {
  BLOCK_ROOM,
  BLOCK_TYPES,
  type BlockHeader,
  type CanonicalBlock,
  writeBlockHead,
  writeCanonical,
} from './canonical.ts'
import { CRC_BYTES, type CrcType, crcOverField, crcStart, crcUpdate } from './crc.ts'
import { BEGIN, BREAK } from './frame.ts'
import { type BundleRules, checkFragment, checkPolicy } from './policy.ts'
import { type PrimaryBlock, primaryRoom, writePrimary } from './primary.ts'
import { checkRules } from './rules.ts'

/** Everything of a bundle but the bytes of its payload. */
export interface BundleHead {
  readonly primary: PrimaryBlock
  /** Blocks before the payload block. */
  readonly extensions: readonly CanonicalBlock[]
  readonly payload: PayloadHeader
}

/** The payload block without its data. */
export interface PayloadHeader {
  readonly flags: number
  readonly crcType: CrcType
  /** Length of the payload in bytes. */
  readonly length: number
}

/** How far a payload has come, and the CRC up to there. A value: each step makes a new one. */
export interface PayloadProgress {
  readonly crcType: CrcType
  readonly crc: number
  /** Bytes yet to come. */
  readonly left: number
}

/**
 * Checks a head as a whole bundle is checked.
 * @throws the codes of decodeBundle, BUNDLES_PAYLOAD_TOO_LARGE
 */
export function checkHead({ primary, extensions, payload }: BundleHead, rules?: BundleRules): void {
  if (payload.length > MAX_PAYLOAD_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_TOO_LARGE')
  const bundle = { primary, blocks: [...extensions, { ...headerOf(payload), data: new Uint8Array() }] }
  checkPolicy(bundle, checkRules(bundle), rules)
  if (rules?.relaxed !== true) checkFragment(primary, payload.length)
}

function headerOf({ flags, crcType }: PayloadHeader): BlockHeader {
  return { type: BLOCK_TYPES.payload, number: 1, flags, crcType }
}

/**
 * Bytes up to the payload, and the state to take the payload through with {@link passPayload}.
 * @throws the codes of encodeBundle, BUNDLES_PAYLOAD_TOO_LARGE
 */
export function encodeBundleHead(
  head: BundleHead,
  rules?: BundleRules,
): { bytes: Uint8Array; progress: PayloadProgress } {
  const { primary, extensions, payload } = head
  checkHead(head, rules)
  if (extensions.length >= MAX_BLOCKS - 1) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_BLOCKS')
  const room = extensions.reduce(
    (sum, { data }) => sum + BLOCK_ROOM + data.length,
    BLOCK_ROOM + 1 + primaryRoom(primary),
  )
  if (room > MAX_BUNDLE_HEAD_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_HEAD_TOO_LARGE')
  const writer = new CborWriter(room).encoded(Uint8Array.of(BEGIN))
  writePrimary(writer, primary)
  for (const block of extensions) writeCanonical(writer, block)
  const start = writer.length
  writeBlockHead(writer, headerOf(payload), payload.length)
  return { bytes: writer.written.slice(), progress: beginPayload(payload, writer.written.subarray(start)) }
}

/** The state before the first byte of a payload; `header`: the bytes of its block up to there, which its CRC covers. */
export function beginPayload({ crcType, length }: PayloadHeader, header: Uint8Array): PayloadProgress {
  return { crcType, crc: crcUpdate(crcType, crcStart(crcType), header), left: length }
}

/**
 * The state behind some more bytes of the payload.
 * @throws BUNDLES_PAYLOAD_LENGTH when they are more than the head says
 */
export function passPayload({ crcType, crc, left }: PayloadProgress, bytes: Uint8Array): PayloadProgress {
  if (bytes.length > left) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_LENGTH')
  return { crcType, crc: crcUpdate(crcType, crc, bytes), left: left - bytes.length }
}

/**
 * Bytes behind the payload.
 * @throws BUNDLES_PAYLOAD_LENGTH when bytes of it are missing
 */
export function encodeBundleTail({ crcType, crc, left }: PayloadProgress): Uint8Array {
  if (left > 0) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_LENGTH')
  if (crcType === 0) return Uint8Array.of(BREAK)
  const head = Uint8Array.of(0x40 | CRC_BYTES[crcType])
  const field = uintBytes(crcOverField(crcType, crcUpdate(crcType, crc, head)), CRC_BYTES[crcType])
  return Uint8Array.of(...head, ...field, BREAK)
}

/** Length of the bytes behind a payload. */
export function tailLength(crcType: CrcType): number {
  return crcType === 0 ? 1 : 2 + CRC_BYTES[crcType]
}
