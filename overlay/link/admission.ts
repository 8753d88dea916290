/**
 * The admission frames of `/dadm-mesh/1`: what the two sides of a TLS connection say before libp2p may use it.
 *
 * ```
 * frame     length 2, big-endian, at most MAX_ADMISSION_FRAME_BYTES (certificates: MAX_ADMISSION_CHAIN_BYTES) ·
 *           deterministic CBOR
 * hello     [1, nonce bstr 32]
 * statement [2, COSE_Sign]                  see statement.ts
 * admitted  [3]
 * refused   [4, code tstr]
 * certificates [5, [1* DER bstr]]           leaf first; only where the transport does not show them (QUIC)
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
import { CborReader, concatBytes, encodeCbor, type GapmeshError, uintBytes } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import {
  MAX_ADMISSION_CHAIN_BYTES,
  MAX_ADMISSION_FRAME_BYTES,
  MAX_CERTIFICATE_BYTES,
  MAX_CHAIN_CERTIFICATES,
  MAX_REFUSAL_CODE_CHARACTERS,
} from '../limits.ts'

/** Length of the prefix that says how long a frame is, in bytes. */
export const FRAME_PREFIX_BYTES = 2

/** Length of a nonce, in bytes. */
export const NONCE_BYTES = 32

/** Wire numbers. Append-only. */
const FRAME_TYPES = { hello: 1, statement: 2, admitted: 3, refused: 4, certificates: 5 } as const

/** One frame; the COSE_Sign of a statement is decoded apart. */
export type AdmissionFrame =
  | { readonly type: 'hello'; readonly nonce: Uint8Array }
  | { readonly type: 'statement'; readonly sign: Uint8Array }
  | { readonly type: 'admitted' }
  | { readonly type: 'refused'; readonly code: string }
  | { readonly type: 'certificates'; readonly chain: readonly Uint8Array[] }

const ARRAY_OF_2 = Uint8Array.of(0x82)

const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/

/**
 * Encodes a frame with its length in front.
 * @throws {TypeError} when the frame is longer than a receiver takes
 */
export function encodeFrame(frame: AdmissionFrame): Uint8Array {
  const body = encodeBody(frame)
  if (body.length > maxFrameBytes(frame.type)) throw new TypeError('the admission frame is longer than its cap')
  return concatBytes(uintBytes(body.length, FRAME_PREFIX_BYTES), body)
}

/** Longest body of a frame of `type`, in bytes. */
export function maxFrameBytes(type: AdmissionFrame['type']): number {
  return type === 'certificates' ? MAX_ADMISSION_CHAIN_BYTES : MAX_ADMISSION_FRAME_BYTES
}

function encodeBody(frame: AdmissionFrame): Uint8Array {
  const type = FRAME_TYPES[frame.type]
  if (frame.type === 'hello') return encodeCbor([type, frame.nonce])
  if (frame.type === 'statement') return concatBytes(ARRAY_OF_2, encodeCbor(type), frame.sign)
  if (frame.type === 'refused') return encodeCbor([type, frame.code])
  if (frame.type === 'certificates') return encodeCbor([type, [...frame.chain]])
  return encodeCbor([type])
}

/**
 * Decodes the body of a frame, the bytes after its length. The parts are views.
 * @throws OVERLAY_LINK_FRAME
 */
export function decodeFrame(body: Uint8Array): AdmissionFrame {
  if (body.length > MAX_ADMISSION_CHAIN_BYTES) throw malformedFrame('length')
  const reader = new CborReader(body, malformedFrame)
  const length = reader.array('frame', { min: 1, max: 2 })
  const type = reader.uint('type', {})
  if (length !== (type === FRAME_TYPES.admitted ? 1 : 2)) throw malformedFrame('frame')
  if (type === FRAME_TYPES.statement) return { type: 'statement', sign: readStatement(reader, body) }
  const frame = readShort(reader, type)
  reader.end('frame')
  if (body.length > maxFrameBytes(frame.type)) throw malformedFrame('length')
  return frame
}

function readShort(reader: CborReader, type: number): AdmissionFrame {
  switch (type) {
    case FRAME_TYPES.hello:
      return { type: 'hello', nonce: reader.bytes('nonce', { min: NONCE_BYTES, max: NONCE_BYTES }) }
    case FRAME_TYPES.admitted:
      return { type: 'admitted' }
    case FRAME_TYPES.refused:
      return { type: 'refused', code: readCode(reader) }
    case FRAME_TYPES.certificates:
      return { type: 'certificates', chain: readChain(reader) }
    default:
      throw malformedFrame('unknown type')
  }
}

function readStatement(reader: CborReader, body: Uint8Array): Uint8Array {
  if (reader.next !== 'array' || body.length > maxFrameBytes('statement')) throw malformedFrame('statement')
  return body.subarray(reader.at)
}

function readChain(reader: CborReader): Uint8Array[] {
  const length = reader.array('certificates', { min: 1, max: MAX_CHAIN_CERTIFICATES })
  return Array.from({ length }, () => reader.bytes('certificate', { min: 1, max: MAX_CERTIFICATE_BYTES }))
}

function readCode(reader: CborReader): string {
  const code = reader.ascii('code', { max: MAX_REFUSAL_CODE_CHARACTERS })
  if (!CODE.test(code)) throw malformedFrame('code')
  return code
}

/** The refusal of a frame whose part `what` is not as it must be. */
export function malformedFrame(what: string): GapmeshError {
  return OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { detail: what })
}
