import { type CborValue, decodeCbor, encodeCbor, shape } from '../../core/index.ts'
import { MAX_RECORD_BYTES } from '../../records/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import {
  MAX_BLOCK_BYTES,
  MAX_BLOCKS_PER_ANSWER,
  MAX_CERTIFICATE_BYTES,
  MAX_CHAIN_CERTIFICATES,
  MAX_ERAS_PER_REQUEST,
  MAX_HEADS_PER_ANSWER,
  MAX_IDS_PER_ANSWER,
  MAX_IDS_PER_REQUEST,
  MAX_SYNC_ERAS,
  MAX_SYNC_FRAME_BYTES,
} from '../limits.ts'
import type { BucketDigest, ChainHead, PrefixDigest } from '../ports.ts'
import { REFUSAL, REFUSAL_REASON, type Refusal, type RefusalAnswer, reasonOf } from '../streams/index.ts'
import { BUCKETS_PER_ERA, type EraDigest } from './digests.ts'
import {
  joinIds,
  only,
  optional,
  readBoolean,
  readDigest,
  reading,
  readList,
  readOrigin,
  rising,
  splitIds,
} from './fields.ts'

/*
 * Messages of /dadm-mesh/sync/1: deterministic CBOR arrays in frames (see frames.ts). The asking side sends a request
 * and reads one answer with the same number, or a refusal, before it sends the next. Numbers are append-only. `ids` is
 * one byte string of n × 32 bytes, in rising order.
 *
 *      request                                     answer
 *   1  [1, root: bstr 32]                          [1, null] when equal, else [1, [[era, digest], ...]]
 *   2  [2, [era, ...]]                             [2, [[bucket, count, digest], ...]]
 *   3  [3, bucket]                                 [3, [[prefix, count, digest], ...]]
 *   4  [4, bucket, prefix / null, after / null]    [4, ids, more: bool]
 *   5  [5, ids]                                    [5, covered, [[der, ...], ...]]
 *   6  [6, ids]                                    [6, covered, [record, ...]]
 *   7  [7, after: tstr / null]                     [7, [[id, origin, seq], ...], more: bool]
 *   8  [8, origin, from seq, most]                 [8, [block, ...]]
 *   9  [9]                                         [9]        "I have news: compare with me soon"
 *   0                                              [0, reason: 1 busy, 2 malformed, 3 failed]
 *
 * `covered` says how many of the asked ids, from the first on, the answer deals with; the rest is asked for again.
 */

export type SyncRequest =
  | { kind: 'summary'; root: Uint8Array }
  | { kind: 'buckets'; eras: readonly number[] }
  | { kind: 'prefixes'; bucket: number }
  | { kind: 'ids'; bucket: number; prefix: number | undefined; after: Uint8Array | undefined }
  | { kind: 'chains'; ids: readonly Uint8Array[] }
  | { kind: 'records'; ids: readonly Uint8Array[] }
  | { kind: 'heads'; after: string | undefined }
  | { kind: 'blocks'; origin: string; fromSeq: number; maxCount: number }
  | { kind: 'hint' }

export type SyncAnswer =
  | { kind: 'summary'; eras: readonly EraDigest[] | undefined }
  | { kind: 'buckets'; buckets: readonly BucketDigest[] }
  | { kind: 'prefixes'; prefixes: readonly PrefixDigest[] }
  | { kind: 'ids'; ids: readonly Uint8Array[]; more: boolean }
  | { kind: 'chains'; covered: number; chains: readonly (readonly Uint8Array[])[] }
  | { kind: 'records'; covered: number; records: readonly Uint8Array[] }
  | { kind: 'heads'; heads: readonly ChainHead[]; more: boolean }
  | { kind: 'blocks'; blocks: readonly Uint8Array[] }
  | { kind: 'hint' }
  | RefusalAnswer

export type SyncKind = SyncRequest['kind']

const NUMBER = {
  refusal: REFUSAL,
  summary: 1,
  buckets: 2,
  prefixes: 3,
  ids: 4,
  chains: 5,
  records: 6,
  heads: 7,
  blocks: 8,
  hint: 9,
} as const

const MAX_BUCKETS = MAX_ERAS_PER_REQUEST * BUCKETS_PER_ERA
const LIMITS = { maxBytes: MAX_SYNC_FRAME_BYTES, maxDepth: 4, maxItems: 4 * MAX_BUCKETS + 16 }

/** Bytes of a request. */
export function encodeRequest(request: SyncRequest): Uint8Array {
  return encodeCbor([NUMBER[request.kind], ...requestFields(request)])
}

function requestFields(request: SyncRequest): CborValue[] {
  switch (request.kind) {
    case 'summary':
      return [request.root]
    case 'buckets':
      return [[...request.eras]]
    case 'prefixes':
      return [request.bucket]
    case 'ids':
      return [request.bucket, request.prefix ?? null, request.after ?? null]
    case 'chains':
    case 'records':
      return [joinIds(request.ids)]
    case 'heads':
      return [request.after ?? null]
    case 'blocks':
      return [request.origin, request.fromSeq, request.maxCount]
    case 'hint':
      return []
  }
}

/** Bytes of an answer. */
export function encodeAnswer(answer: SyncAnswer): Uint8Array {
  return encodeCbor([NUMBER[answer.kind], ...answerFields(answer)])
}

function answerFields(answer: SyncAnswer): CborValue[] {
  switch (answer.kind) {
    case 'summary':
      return [answer.eras?.map((era) => [era.era, era.digest]) ?? null]
    case 'buckets':
      return [answer.buckets.map((bucket) => [bucket.bucket, bucket.count, bucket.digest])]
    case 'prefixes':
      return [answer.prefixes.map((prefix) => [prefix.prefix, prefix.count, prefix.digest])]
    case 'ids':
      return [joinIds(answer.ids), answer.more]
    case 'chains':
      return [answer.covered, answer.chains.map((chain) => [...chain])]
    case 'records':
      return [answer.covered, [...answer.records]]
    case 'heads':
      return [answer.heads.map((head) => [head.id, head.origin, head.seq]), answer.more]
    case 'blocks':
      return [[...answer.blocks]]
    case 'hint':
      return []
    case 'refusal':
      return [REFUSAL_REASON[answer.reason]]
  }
}

/** @throws OVERLAY_SYNC_MALFORMED */
export function decodeRequest(bytes: Uint8Array): SyncRequest {
  return reading(() => {
    const [number, ...fields] = shape.array(decodeCbor(bytes, LIMITS), 'request', { min: 1, max: 4 })
    switch (number) {
      case NUMBER.summary:
        return { kind: 'summary', root: readDigest(only(fields, 1)[0]) }
      case NUMBER.buckets:
        return { kind: 'buckets', eras: readEras(only(fields, 1)[0]) }
      case NUMBER.prefixes:
        return { kind: 'prefixes', bucket: shape.uint(only(fields, 1)[0], 'bucket') }
      case NUMBER.ids:
        return readIdsRequest(only(fields, 3))
      case NUMBER.chains:
        return { kind: 'chains', ids: splitIds(only(fields, 1)[0], { min: 1, max: MAX_IDS_PER_REQUEST }) }
      case NUMBER.records:
        return { kind: 'records', ids: splitIds(only(fields, 1)[0], { min: 1, max: MAX_IDS_PER_REQUEST }) }
      case NUMBER.heads:
        return { kind: 'heads', after: optional(only(fields, 1)[0], readOrigin) }
      case NUMBER.blocks:
        return readBlocksRequest(only(fields, 3))
      case NUMBER.hint:
        only(fields, 0)
        return { kind: 'hint' }
      default:
        throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
    }
  })
}

function readIdsRequest([bucket, prefix, after]: readonly CborValue[]): SyncRequest {
  return {
    kind: 'ids',
    bucket: shape.uint(bucket, 'bucket'),
    prefix: optional(prefix, (value) => shape.uint(value, 'prefix', { max: 255 })),
    after: optional(after, readDigest),
  }
}

function readBlocksRequest([origin, fromSeq, maxCount]: readonly CborValue[]): SyncRequest {
  return {
    kind: 'blocks',
    origin: readOrigin(origin),
    fromSeq: shape.uint(fromSeq, 'from seq'),
    maxCount: shape.uint(maxCount, 'most', { min: 1, max: MAX_BLOCKS_PER_ANSWER }),
  }
}

/**
 * The answer to a request of `kind`.
 * @throws OVERLAY_SYNC_MALFORMED; OVERLAY_SYNC_UNEXPECTED when it answers another kind of request
 */
export function decodeAnswer(bytes: Uint8Array, kind: SyncKind): SyncAnswer {
  return reading(() => {
    const [number, ...fields] = shape.array(decodeCbor(bytes, LIMITS), 'answer', { min: 1, max: 3 })
    if (number === NUMBER.refusal) return { kind: 'refusal', reason: readReason(only(fields, 1)[0]) }
    if (number !== NUMBER[kind]) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
    return readAnswer(kind, fields)
  })
}

function readAnswer(kind: SyncKind, fields: readonly CborValue[]): SyncAnswer {
  switch (kind) {
    case 'summary':
      return { kind, eras: optional(only(fields, 1)[0], readEraDigests) }
    case 'buckets':
      return { kind, buckets: readList(only(fields, 1)[0], MAX_BUCKETS, readBucket, (a, b) => a.bucket - b.bucket) }
    case 'prefixes':
      return { kind, prefixes: readList(only(fields, 1)[0], 256, readPrefix, (a, b) => a.prefix - b.prefix) }
    case 'ids': {
      const [ids, more] = only(fields, 2)
      return { kind, ids: splitIds(ids, { min: 0, max: MAX_IDS_PER_ANSWER }), more: readBoolean(more) }
    }
    case 'chains': {
      const [covered, chains] = only(fields, 2)
      return { kind, covered: readCovered(covered), chains: readList(chains, MAX_IDS_PER_REQUEST, readChain) }
    }
    case 'records': {
      const [covered, records] = only(fields, 2)
      return { kind, covered: readCovered(covered), records: readList(records, MAX_IDS_PER_REQUEST, readRecord) }
    }
    case 'heads': {
      const [heads, more] = only(fields, 2)
      const list = readList(heads, MAX_HEADS_PER_ANSWER, readHead, (a, b) => (a.origin < b.origin ? -1 : 1))
      return { kind, heads: list, more: readBoolean(more) }
    }
    case 'blocks':
      return { kind, blocks: readList(only(fields, 1)[0], MAX_BLOCKS_PER_ANSWER, readBlock) }
    case 'hint':
      only(fields, 0)
      return { kind }
  }
}

function readEras(value: CborValue | undefined): number[] {
  const eras = shape.array(value, 'eras', { min: 1, max: MAX_ERAS_PER_REQUEST })
  return rising(
    eras.map((era) => shape.uint(era, 'era')),
    (a, b) => a - b,
  )
}

function readEraDigests(value: CborValue): EraDigest[] {
  return readList(value, MAX_SYNC_ERAS, readEra, (a, b) => a.era - b.era)
}

function readEra(value: CborValue): EraDigest {
  const [era, digest] = shape.array(value, 'era', { min: 2, max: 2 })
  return { era: shape.uint(era, 'era'), digest: readDigest(digest) }
}

function readBucket(value: CborValue): BucketDigest {
  const [bucket, count, digest] = shape.array(value, 'bucket', { min: 3, max: 3 })
  return {
    bucket: shape.uint(bucket, 'bucket'),
    count: shape.uint(count, 'count', { min: 1 }),
    digest: readDigest(digest),
  }
}

function readPrefix(value: CborValue): PrefixDigest {
  const [prefix, count, digest] = shape.array(value, 'prefix', { min: 3, max: 3 })
  return {
    prefix: shape.uint(prefix, 'prefix', { max: 255 }),
    count: shape.uint(count, 'count', { min: 1 }),
    digest: readDigest(digest),
  }
}

function readHead(value: CborValue): ChainHead {
  const [id, origin, seq] = shape.array(value, 'head', { min: 3, max: 3 })
  return { id: readDigest(id), origin: readOrigin(origin), seq: shape.uint(seq, 'seq') }
}

function readChain(value: CborValue): Uint8Array[] {
  const chain = shape.array(value, 'chain', { min: 1, max: MAX_CHAIN_CERTIFICATES })
  return chain.map((der) => shape.bytes(der, 'certificate', { min: 1, max: MAX_CERTIFICATE_BYTES }))
}

function readRecord(value: CborValue): Uint8Array {
  return shape.bytes(value, 'record', { min: 1, max: MAX_RECORD_BYTES })
}

function readBlock(value: CborValue): Uint8Array {
  return shape.bytes(value, 'block', { min: 1, max: MAX_BLOCK_BYTES })
}

/** At least 1: an answer that covers nothing would be asked for again for ever. */
function readCovered(value: CborValue | undefined): number {
  return shape.uint(value, 'covered', { min: 1, max: MAX_IDS_PER_REQUEST })
}

function readReason(value: CborValue | undefined): Refusal {
  const reason = reasonOf(value)
  if (reason === undefined) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
  return reason
}
