/**
 * The admission frames of `/dadm-mesh/1`: what the two sides of a TLS connection say before libp2p may use it.
 *
 * ```
 * frame     length 2, big-endian, at most MAX_ADMISSION_FRAME_BYTES · deterministic CBOR
 * hello     [1, nonce bstr 32]
 * statement [2, COSE_Sign]                  see statement.ts
 * admitted  [3]
 * refused   [4, code tstr]
 *
 *    dialler                          listener
 *      hello        ───────────────▶
 *                   ◀───────────────    hello
 *      statement    ───────────────▶
 *                   ◀───────────────    statement
 *      admitted     ───────────────▶
 * ```
 *
 * Either side may send `refused` instead of its next frame; it is the last one.
 */
import { type CborValue, CORE_ERRORS, decodeCbor, encodeCbor, shape, uintBytes } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_ADMISSION_FRAME_BYTES, MAX_REFUSAL_CODE_CHARACTERS } from '../limits.ts'

/** Length of the prefix that says how long a frame is, in bytes. */
export const FRAME_PREFIX_BYTES = 2

/** Length of a nonce, in bytes. */
export const NONCE_BYTES = 32

/** Wire numbers. Append-only. */
const FRAME_TYPES = { hello: 1, statement: 2, admitted: 3, refused: 4 } as const

/** One frame; a statement is decoded apart. */
export type AdmissionFrame =
  | { readonly type: 'hello'; readonly nonce: Uint8Array }
  | { readonly type: 'statement'; readonly sign: CborValue }
  | { readonly type: 'admitted' }
  | { readonly type: 'refused'; readonly code: string }

const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/

/**
 * Encodes a frame with its length in front.
 * @throws {TypeError} when the frame is longer than a receiver takes
 */
export function encodeFrame(frame: AdmissionFrame): Uint8Array {
  const body = encodeCbor(frameItems(frame))
  if (body.length > MAX_ADMISSION_FRAME_BYTES) throw new TypeError('the admission frame is longer than its cap')
  return new Uint8Array([...uintBytes(body.length, FRAME_PREFIX_BYTES), ...body])
}

function frameItems(frame: AdmissionFrame): CborValue[] {
  const type = FRAME_TYPES[frame.type]
  if (frame.type === 'hello') return [type, frame.nonce]
  if (frame.type === 'statement') return [type, frame.sign]
  if (frame.type === 'refused') return [type, frame.code]
  return [type]
}

/**
 * Decodes the body of a frame, the bytes after its length.
 * @throws OVERLAY_LINK_FRAME
 */
export function decodeFrame(body: Uint8Array): AdmissionFrame {
  return readingFrame(() => {
    const items = shape.array(decodeCbor(body, { maxBytes: MAX_ADMISSION_FRAME_BYTES, maxItems: 64 }), 'frame')
    const length = (count: number) => shape.array(items, 'frame', { min: count, max: count })
    switch (items[0]) {
      case FRAME_TYPES.hello:
        length(2)
        return { type: 'hello', nonce: shape.bytes(items[1], 'nonce', { min: NONCE_BYTES, max: NONCE_BYTES }) }
      case FRAME_TYPES.statement:
        length(2)
        return { type: 'statement', sign: shape.array(items[1], 'statement') }
      case FRAME_TYPES.admitted:
        length(1)
        return { type: 'admitted' }
      case FRAME_TYPES.refused:
        length(2)
        return { type: 'refused', code: readCode(items[1]) }
      default:
        throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { detail: 'unknown type' })
    }
  })
}

function readCode(value: CborValue | undefined): string {
  const code = shape.text(value, 'code', { max: MAX_REFUSAL_CODE_CHARACTERS })
  if (!CODE.test(code)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { detail: 'code' })
  return code
}

/**
 * Runs `read` and turns what strict CBOR says about the bytes into the link's own refusal.
 * @throws OVERLAY_LINK_FRAME
 */
export function readingFrame<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (cause) {
    if (CORE_ERRORS.matches(cause)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { cause })
    throw cause
  }
}
