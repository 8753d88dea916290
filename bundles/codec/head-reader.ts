import { concatBytes } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_BLOCKS, MAX_BUNDLE_HEAD_BYTES } from '../limits.ts'
import { BLOCK_TYPES, type CanonicalBlock, readBlockHeader, readCanonical } from './canonical.ts'
import { BEGIN } from './frame.ts'
import {
  type BundleHead,
  beginPayload,
  checkHead,
  encodeBundleTail,
  type PayloadProgress,
  passPayload,
  tailLength,
} from './head.ts'
import type { BundleRules } from './policy.ts'
import { type PrimaryBlock, readPrimary } from './primary.ts'
import { BlockReader } from './reader.ts'

/** What is known once the bytes up to the payload are there. */
export interface HeadFound {
  readonly head: BundleHead
  /** Where the payload begins, in bytes from the start of the bundle. */
  readonly payloadStart: number
  /** Where it ends. */
  readonly payloadEnd: number
  /** Length of the whole bundle in bytes. */
  readonly bundleEnd: number
}

/**
 * Decodes a bundle as its bytes come, in pieces of any size, and holds no more of it than its head: the payload is passed
 * on piece by piece. A bundle is whole when {@link done}; before that its payload's CRC is not checked, and nothing of it
 * may be acted upon.
 */
export class BundleStreamReader {
  readonly #rules: BundleRules
  /** Bytes of the head that were not understood yet. */
  #held = new Uint8Array()
  #heldLength = 0
  /** Bytes of the head that were. */
  #taken = 0
  #primary: PrimaryBlock | undefined
  readonly #extensions: CanonicalBlock[] = []
  #found: HeadFound | undefined
  #progress: PayloadProgress | undefined
  #tail: Uint8Array = new Uint8Array()

  constructor(rules: BundleRules = {}) {
    this.#rules = rules
  }

  /** Undefined while bytes of the head are missing. */
  get found(): HeadFound | undefined {
    return this.#found
  }

  /** True when the last byte of the bundle was there and every CRC is right. */
  get done(): boolean {
    return this.#found !== undefined && this.#tail.length === tailLength(this.#found.head.payload.crcType)
  }

  /**
   * Takes the next bytes and answers those of the payload among them, as a view.
   * @throws the codes of decodeBundle, BUNDLES_HEAD_TOO_LARGE, BUNDLES_PAYLOAD_TOO_LARGE; BUNDLES_MALFORMED for bytes
   *   behind the bundle
   */
  push(bytes: Uint8Array): Uint8Array {
    const rest = this.#found === undefined ? this.#takeHead(bytes) : bytes
    if (this.#progress === undefined || this.#found === undefined) return new Uint8Array()
    const payload = rest.subarray(0, this.#progress.left)
    this.#progress = passPayload(this.#progress, payload)
    this.#takeTail(this.#progress, rest.subarray(payload.length))
    return payload
  }

  /** Checks that nothing is missing. @throws BUNDLES_MALFORMED */
  end(): void {
    if (!this.done) throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED', { detail: 'cut short' })
  }

  /** Takes blocks while they are whole; answers what came behind the head. */
  #takeHead(bytes: Uint8Array): Uint8Array {
    this.#hold(bytes)
    let at = 0
    if (this.#taken === 0 && this.#heldLength > 0) {
      if (this.#held[0] !== BEGIN) throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED')
      at = 1
    }
    const held = this.#held.subarray(0, this.#heldLength)
    while (this.#found === undefined) {
      const length = this.#takeBlock(held.subarray(at), this.#taken + at)
      if (length === undefined) break
      at += length
      if (this.#extensions.length > MAX_BLOCKS - 2) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_BLOCKS')
    }
    const headBytes = this.#found === undefined ? this.#heldLength : at
    if (this.#taken + headBytes > MAX_BUNDLE_HEAD_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_HEAD_TOO_LARGE')
    this.#taken += at
    if (this.#found !== undefined) {
      this.#held = new Uint8Array()
      return held.subarray(at)
    }
    this.#held.copyWithin(0, at, this.#heldLength)
    this.#heldLength -= at
    return new Uint8Array()
  }

  /** Room is doubled as bytes come, whatever they announce. */
  #hold(bytes: Uint8Array): void {
    const length = this.#heldLength + bytes.length
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#held.length))
      larger.set(this.#held.subarray(0, this.#heldLength))
      this.#held = larger
    }
    this.#held.set(bytes, this.#heldLength)
    this.#heldLength = length
  }

  /** Length of the block, or of the payload block's head, that begins here; undefined when it is not whole yet. */
  #takeBlock(bytes: Uint8Array, start: number): number | undefined {
    const source = new BlockReader(bytes, 'BUNDLES_BLOCK')
    try {
      if (this.#primary === undefined) this.#primary = readPrimary(source)
      else if (isPayloadNext(bytes)) this.#begin(this.#primary, source, { bytes, start })
      else this.#extensions.push(readCanonical(source))
      return source.cbor.at
    } catch (error) {
      if (source.cutShort) return undefined
      throw error
    }
  }

  /** The payload is next: everything before it is judged now. */
  #begin(primary: PrimaryBlock, source: BlockReader, from: { bytes: Uint8Array; start: number }): void {
    const { number, flags, crcType } = readBlockHeader(source)
    const length = source.cbor.bytesHead('data', {})
    if (number !== 1) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_NUMBER')
    const head = { primary, extensions: this.#extensions, payload: { flags, crcType, length } }
    checkHead(head, this.#rules)
    const payloadStart = from.start + source.cbor.at
    const payloadEnd = payloadStart + length
    this.#progress = beginPayload(head.payload, from.bytes.subarray(0, source.cbor.at))
    this.#found = { head, payloadStart, payloadEnd, bundleEnd: payloadEnd + tailLength(crcType) }
  }

  #takeTail(progress: PayloadProgress, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const expected = encodeBundleTail(progress)
    this.#tail = concatBytes(this.#tail, bytes)
    if (this.#tail.length > expected.length)
      throw BUNDLES_ERRORS.create('BUNDLES_MALFORMED', { detail: 'bytes behind the bundle' })
    const wrong = this.#tail.findIndex((byte, at) => byte !== expected[at])
    if (wrong === expected.length - 1) throw BUNDLES_ERRORS.create('BUNDLES_PAYLOAD_BLOCK')
    if (wrong !== -1) throw BUNDLES_ERRORS.create('BUNDLES_CRC')
  }
}

/**
 * True when the next block is the payload block: its data is not waited for. An extension block that could never fit is
 * refused before its data comes.
 * @throws BUNDLES_HEAD_TOO_LARGE, and the codes of the block's header
 */
function isPayloadNext(bytes: Uint8Array): boolean {
  const source = new BlockReader(bytes, 'BUNDLES_BLOCK')
  try {
    const { type } = readBlockHeader(source)
    const length = source.cbor.bytesHead('data', {})
    if (type === BLOCK_TYPES.payload) return true
    if (length > MAX_BUNDLE_HEAD_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_HEAD_TOO_LARGE')
    return false
  } catch (error) {
    if (source.cutShort) return false
    throw error
  }
}
