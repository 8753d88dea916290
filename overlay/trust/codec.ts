/**
 * Messages of /dadm-mesh/trust/1: deterministic CBOR arrays in frames (see streams/frames.ts). The asking side sends a
 * request and reads one answer with the same number, or a refusal, before it sends the next. Numbers are append-only.
 *
 *      request                                     answer
 *   1  [1, [list, ...]]                            [1]            "these lists I have applied": all of them, at most 16
 *   2  [2, hash: bstr 32, offset, most]            [2, bytes]     empty when the list is not held
 *   3  [3, type, record: bstr, [der, ...]]         [3]            a record to be passed on at once, and its author's chain
 *   4  [4, epoch]                                  [4, key: bstr 32 / null]
 *   0                                              [0, reason: 1 busy, 2 malformed, 3 failed]
 *
 *   list = [authority key id: bstr 32, kind: 1 full / 2 delta, number: bstr 1..20, size, hash: bstr 32]
 *
 * Lists come in rising order of (authority key id, kind, number), each once. The number is big-endian without leading
 * zeros, one zero byte for zero. An offset is below 16 MiB, `most` is 1 to 256 Ki, a type is 7, 8 or 9 (revocation,
 * certificate, directive) and a chain, leaf first, may be empty.
 */
import { CborReader, type CborValue, compareBytes, encodeCbor, fromHex, toHex } from '../../core/index.ts'
import { MAX_RECORD_BYTES, RECORD_TYPES, type RecordType } from '../../records/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import {
  MAX_ANNOUNCED_LISTS,
  MAX_CERTIFICATE_BYTES,
  MAX_CHAIN_CERTIFICATES,
  MAX_LIST_BYTES,
  MAX_LIST_CHUNK_BYTES,
  MAX_LIST_NUMBER_BYTES,
  MAX_TRUST_FRAME_BYTES,
} from '../limits.ts'
import type { ListAnnouncement } from '../ports.ts'
import { REFUSAL, REFUSAL_REASON, type RefusalAnswer, reasonOf } from '../streams/index.ts'

/** Types of records that travel on the trust stream. */
export const PUSHED_TYPES = ['revocation', 'certificate', 'directive'] as const satisfies readonly RecordType[]

export type PushedType = (typeof PUSHED_TYPES)[number]

/** A record on its way, with the chain (leaf first, DER) of its author where the sender has it. */
export interface PushedRecord {
  readonly type: PushedType
  readonly record: Uint8Array
  readonly chain: readonly Uint8Array[]
}

export type TrustRequest =
  | { readonly kind: 'announce'; readonly lists: readonly ListAnnouncement[] }
  | { readonly kind: 'chunk'; readonly hash: Uint8Array; readonly offset: number; readonly maxBytes: number }
  | ({ readonly kind: 'record' } & PushedRecord)
  | { readonly kind: 'key'; readonly epoch: number }

export type TrustAnswer =
  | { readonly kind: 'announce' }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'record' }
  | { readonly kind: 'key'; readonly key: Uint8Array | undefined }

export type TrustKind = TrustRequest['kind']

const NUMBER = { announce: 1, chunk: 2, record: 3, key: 4 } as const
const LIST_KIND = { full: 1, delta: 2 } as const
const DIGEST = { min: 32, max: 32 }

/** Bytes of a request. */
export function encodeRequest(request: TrustRequest): Uint8Array {
  return encodeCbor([NUMBER[request.kind], ...requestFields(request)])
}

function requestFields(request: TrustRequest): CborValue[] {
  switch (request.kind) {
    case 'announce':
      return [[...request.lists].sort(byRank).map(listItem)]
    case 'chunk':
      return [request.hash, request.offset, request.maxBytes]
    case 'record':
      return [RECORD_TYPES[request.type], request.record, [...request.chain]]
    case 'key':
      return [request.epoch]
  }
}

/** Bytes of an answer. */
export function encodeAnswer(answer: TrustAnswer | RefusalAnswer): Uint8Array {
  switch (answer.kind) {
    case 'refusal':
      return encodeCbor([REFUSAL, REFUSAL_REASON[answer.reason]])
    case 'chunk':
      return encodeCbor([NUMBER.chunk, answer.bytes])
    case 'key':
      return encodeCbor([NUMBER.key, answer.key ?? null])
    default:
      return encodeCbor([NUMBER[answer.kind]])
  }
}

/** @throws OVERLAY_TRUST_MALFORMED */
export function decodeRequest(frame: Uint8Array): TrustRequest {
  const reader = readerOf(frame)
  const length = reader.array('request', { min: 2, max: 4 })
  const request = readRequest(reader, reader.uint('number', {}), length - 1)
  reader.end('request')
  return request
}

function readRequest(reader: CborReader, number: number, fields: number): TrustRequest {
  switch (`${number}/${fields}`) {
    case `${NUMBER.announce}/1`:
      return { kind: 'announce', lists: readLists(reader) }
    case `${NUMBER.chunk}/3`:
      return {
        kind: 'chunk',
        hash: reader.bytes('hash', DIGEST),
        offset: reader.uint('offset', { max: MAX_LIST_BYTES - 1 }),
        maxBytes: reader.uint('most', { min: 1, max: MAX_LIST_CHUNK_BYTES }),
      }
    case `${NUMBER.record}/3`:
      return {
        kind: 'record',
        type: readType(reader),
        record: reader.bytes('record', { min: 1, max: MAX_RECORD_BYTES }),
        chain: readChain(reader),
      }
    case `${NUMBER.key}/1`:
      return { kind: 'key', epoch: reader.uint('epoch', {}) }
    default:
      throw malformed('number')
  }
}

/**
 * The answer to a request of `kind`.
 * @throws OVERLAY_TRUST_MALFORMED; OVERLAY_TRUST_UNEXPECTED when it answers another kind of request
 */
export function decodeAnswer(frame: Uint8Array, kind: TrustKind): TrustAnswer | RefusalAnswer {
  const reader = readerOf(frame)
  const length = reader.array('answer', { min: 1, max: 2 })
  const number = reader.uint('number', {})
  if (number !== REFUSAL && number !== NUMBER[kind]) throw OVERLAY_ERRORS.create('OVERLAY_TRUST_UNEXPECTED')
  const isBare = number === NUMBER.announce || number === NUMBER.record
  if (length !== (isBare ? 1 : 2)) throw malformed('answer')
  const answer = number === REFUSAL ? readRefusal(reader) : readAnswer(reader, kind)
  reader.end('answer')
  return answer
}

function readAnswer(reader: CborReader, kind: TrustKind): TrustAnswer {
  switch (kind) {
    case 'chunk':
      return { kind, bytes: reader.bytes('chunk', { max: MAX_LIST_CHUNK_BYTES }) }
    case 'key':
      return { kind, key: readKey(reader) }
    default:
      return { kind }
  }
}

function readRefusal(reader: CborReader): RefusalAnswer {
  const reason = reasonOf(reader.uint('reason', {}))
  if (reason === undefined) throw malformed('reason')
  return { kind: 'refusal', reason }
}

function readKey(reader: CborReader): Uint8Array | undefined {
  if (reader.next === 'bytes') return reader.bytes('key', DIGEST)
  if (reader.simple('key') !== null) throw malformed('key')
  return undefined
}

function readType(reader: CborReader): PushedType {
  const number = reader.uint('type', {})
  const type = PUSHED_TYPES.find((name) => RECORD_TYPES[name] === number)
  if (type === undefined) throw malformed('type')
  return type
}

function readChain(reader: CborReader): Uint8Array[] {
  const length = reader.array('chain', { max: MAX_CHAIN_CERTIFICATES })
  return Array.from({ length }, () => reader.bytes('certificate', { min: 1, max: MAX_CERTIFICATE_BYTES }))
}

function readLists(reader: CborReader): ListAnnouncement[] {
  const length = reader.array('lists', { max: MAX_ANNOUNCED_LISTS })
  const lists = Array.from({ length }, () => readList(reader))
  const isRising = lists.every((list, at) => at === 0 || byRank(lists[at - 1] as ListAnnouncement, list) < 0)
  if (!isRising) throw malformed('order')
  return lists
}

function readList(reader: CborReader): ListAnnouncement {
  reader.array('list', { min: 5, max: 5 })
  return {
    authorityKeyId: reader.bytes('authority key id', DIGEST),
    kind: reader.uint('kind', { min: LIST_KIND.full, max: LIST_KIND.delta }) === LIST_KIND.full ? 'full' : 'delta',
    number: readNumber(reader),
    sizeBytes: reader.uint('size', { min: 1, max: MAX_LIST_BYTES }),
    hash: reader.bytes('hash', DIGEST),
  }
}

function listItem({ authorityKeyId, kind, number, sizeBytes, hash }: ListAnnouncement): CborValue {
  return [authorityKeyId, LIST_KIND[kind], numberBytes(number), sizeBytes, hash]
}

function readNumber(reader: CborReader): bigint {
  const bytes = reader.bytes('list number', { min: 1, max: MAX_LIST_NUMBER_BYTES })
  if (bytes[0] === 0 && bytes.length > 1) throw malformed('list number')
  return BigInt(`0x${toHex(bytes)}`)
}

function numberBytes(number: bigint): Uint8Array {
  const digits = number.toString(16)
  return fromHex(digits.length % 2 === 0 ? digits : `0${digits}`)
}

function byRank(a: ListAnnouncement, b: ListAnnouncement): number {
  const byAuthority = compareBytes(a.authorityKeyId, b.authorityKeyId) || LIST_KIND[a.kind] - LIST_KIND[b.kind]
  return byAuthority || (a.number < b.number ? -1 : a.number > b.number ? 1 : 0)
}

function readerOf(frame: Uint8Array): CborReader {
  if (frame.length > MAX_TRUST_FRAME_BYTES) throw malformed('frame')
  return new CborReader(frame, malformed)
}

function malformed(what: string): Error {
  return OVERLAY_ERRORS.create('OVERLAY_TRUST_MALFORMED', { metadata: { what } })
}
