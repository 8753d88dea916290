import fc from 'fast-check'
import t from 'tap'
import { compareBytes, encodeCbor, isGapmeshError, toHex } from '../../../core/index.ts'
import {
  MAX_BLOCKS_PER_ANSWER,
  MAX_CHAIN_CERTIFICATES,
  MAX_ERAS_PER_REQUEST,
  MAX_HEADS_PER_ANSWER,
  MAX_IDS_PER_ANSWER,
  MAX_IDS_PER_REQUEST,
  MAX_SYNC_ERAS,
  MAX_SYNC_FRAME_BYTES,
} from '../../../overlay/limits.ts'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type SyncAnswer,
  type SyncKind,
  type SyncRequest,
} from '../../../overlay/sync/codec.ts'
import { MAX_RECORD_BYTES } from '../../../records/index.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const ids = fc
  .uniqueArray(digest, { minLength: 1, maxLength: 20, selector: toHex })
  .map((list) => list.sort(compareBytes))
const origin = fc.stringMatching(/^[a-z0-9]{1,20}$/)
const rising = (max: number) =>
  fc.uniqueArray(fc.nat(max), { minLength: 1, maxLength: 16 }).map((list) => list.sort((a, b) => a - b))
const bytesList = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 })

const request: fc.Arbitrary<SyncRequest> = fc.oneof(
  fc.record({ kind: fc.constant('summary' as const), root: digest }),
  fc.record({ kind: fc.constant('buckets' as const), eras: rising(5_000) }),
  fc.record({ kind: fc.constant('prefixes' as const), bucket: fc.nat() }),
  fc.record({
    kind: fc.constant('ids' as const),
    bucket: fc.nat(),
    prefix: fc.option(fc.nat(255), { nil: undefined }),
    after: fc.option(digest, { nil: undefined }),
  }),
  fc.record({ kind: fc.constantFrom('chains' as const, 'records' as const), ids }),
  fc.record({ kind: fc.constant('heads' as const), after: fc.option(origin, { nil: undefined }) }),
  fc.record({
    kind: fc.constant('blocks' as const),
    origin,
    fromSeq: fc.maxSafeNat(),
    maxCount: fc.integer({ min: 1, max: MAX_BLOCKS_PER_ANSWER }),
  }),
  fc.constant({ kind: 'hint' as const }),
)

const answer: fc.Arbitrary<SyncAnswer> = fc.oneof(
  fc.constant({ kind: 'summary' as const, eras: undefined }),
  fc.tuple(rising(5_000), digest).map(([eras, root]) => ({
    kind: 'summary' as const,
    eras: eras.map((era) => ({ era, digest: root })),
  })),
  fc.tuple(rising(1_000_000), digest).map(([buckets, root]) => ({
    kind: 'buckets' as const,
    buckets: buckets.map((bucket) => ({ bucket, count: bucket + 1, digest: root })),
  })),
  fc.tuple(rising(255), digest).map(([prefixes, root]) => ({
    kind: 'prefixes' as const,
    prefixes: prefixes.map((prefix) => ({ prefix, count: 1, digest: root })),
  })),
  fc.record({ kind: fc.constant('ids' as const), ids, more: fc.boolean() }),
  fc.record({
    kind: fc.constant('chains' as const),
    covered: fc.integer({ min: 1, max: 256 }),
    chains: fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 3 }), {
      maxLength: 4,
    }),
  }),
  fc.record({ kind: fc.constant('records' as const), covered: fc.integer({ min: 1, max: 256 }), records: bytesList }),
  fc.tuple(fc.uniqueArray(origin, { maxLength: 9 }), digest, fc.boolean()).map(([origins, id, more]) => ({
    kind: 'heads' as const,
    heads: origins.sort().map((name) => ({ origin: name, seq: 7, id })),
    more,
  })),
  fc.record({ kind: fc.constant('blocks' as const), blocks: bytesList }),
  fc.constant({ kind: 'hint' as const }),
)

t.test('requests and answers survive the round trip', async () => {
  fc.assert(
    fc.property(request, (message) =>
      sameBytes(encodeRequest(decodeRequest(encodeRequest(message))), encodeRequest(message)),
    ),
  )
  fc.assert(
    fc.property(answer, (message) =>
      sameBytes(encodeAnswer(decodeAnswer(encodeAnswer(message), kindOf(message))), encodeAnswer(message)),
    ),
  )
})

t.test('mutated messages decode to the same bytes or fail with a code', async (t) => {
  let decoded = 0
  const holds = (bytes: Uint8Array, again: () => Uint8Array) => {
    try {
      const encoded = again()
      decoded += 1
      return sameBytes(encoded, bytes)
    } catch (error) {
      return isGapmeshError(error, 'OVERLAY_SYNC_MALFORMED') || isGapmeshError(error, 'OVERLAY_SYNC_UNEXPECTED')
    }
  }
  const change = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat(3) })
  fc.assert(
    fc.property(request, change, (message, mutation) => {
      const bytes = mutate(encodeRequest(message), mutation)
      return holds(bytes, () => encodeRequest(decodeRequest(bytes)))
    }),
    { numRuns: 400 },
  )
  fc.assert(
    fc.property(answer, change, (message, mutation) => {
      const bytes = mutate(encodeAnswer(message), mutation)
      return holds(bytes, () => encodeAnswer(decodeAnswer(bytes, kindOf(message))))
    }),
    { numRuns: 400 },
  )
  t.ok(decoded > 20, `${decoded} mutations were messages`)
})

function mutate(bytes: Uint8Array, { at, value, cut }: { at: number; value: number; cut: number }): Uint8Array {
  const changed = bytes.slice(0, bytes.length - cut)
  if (changed.length > 0) changed[at % changed.length] = value
  return changed
}

function kindOf(message: SyncAnswer): SyncKind {
  return message.kind === 'refusal' ? 'hint' : message.kind
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0
}

const id = (at: number) => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, at)
  return bytes
}
const many = <Item>(count: number, make: (at: number) => Item) => Array.from({ length: count }, (_, at) => make(at))

t.test('every cap of a request holds', async (t) => {
  const refused = {
    'too many eras': encodeRequest({ kind: 'buckets', eras: many(MAX_ERAS_PER_REQUEST + 1, (at) => at) }),
    'no eras': encodeRequest({ kind: 'buckets', eras: [] }),
    'too many ids': encodeRequest({ kind: 'records', ids: many(MAX_IDS_PER_REQUEST + 1, id) }),
    'ids out of order': encodeRequest({ kind: 'records', ids: [id(2), id(1)] }),
    'an id twice': encodeRequest({ kind: 'chains', ids: [id(1), id(1)] }),
    'half an id': encodeCbor([6, new Uint8Array(33)]),
    'a prefix above one byte': encodeCbor([4, 1, 256, null]),
    'too many blocks': encodeRequest({ kind: 'blocks', origin: 'a', fromSeq: 1, maxCount: MAX_BLOCKS_PER_ANSWER + 1 }),
    'no such request': encodeCbor([10]),
    'a field too many': encodeCbor([9, 1]),
    'too large': new Uint8Array(MAX_SYNC_FRAME_BYTES + 1),
    'not an array': encodeCbor(9),
  }
  for (const [name, bytes] of Object.entries(refused)) {
    t.throws(() => decodeRequest(bytes), { code: 'OVERLAY_SYNC_MALFORMED', action: 'reject' }, name)
  }
})

t.test('every cap of an answer holds', async (t) => {
  const refused: Record<string, [SyncKind, Uint8Array]> = {
    'too many eras': [
      'summary',
      encodeAnswer({ kind: 'summary', eras: many(MAX_SYNC_ERAS + 1, (at) => ({ era: at, digest: id(at) })) }),
    ],
    'eras out of order': [
      'summary',
      encodeCbor([
        1,
        [
          [2, id(1)],
          [1, id(1)],
        ],
      ]),
    ],
    'too many ids': ['ids', encodeAnswer({ kind: 'ids', ids: many(MAX_IDS_PER_ANSWER + 1, id), more: false })],
    'a record too long': ['records', encodeCbor([6, 1, [new Uint8Array(MAX_RECORD_BYTES + 1)]])],
    'nothing covered': ['records', encodeCbor([6, 0, []])],
    'a chain too long': ['chains', encodeCbor([5, 1, [many(MAX_CHAIN_CERTIFICATES + 1, () => id(1))]])],
    'too many heads': [
      'heads',
      encodeAnswer({
        kind: 'heads',
        heads: many(MAX_HEADS_PER_ANSWER + 1, (at) => ({ origin: `n${10_000 + at}`, seq: 1, id: id(1) })),
        more: false,
      }),
    ],
    'too many blocks': ['blocks', encodeAnswer({ kind: 'blocks', blocks: many(MAX_BLOCKS_PER_ANSWER + 1, id) })],
    'an empty bucket': ['buckets', encodeCbor([2, [[1, 0, id(1)]]])],
    'an unknown reason': ['heads', encodeCbor([0, 9])],
  }
  for (const [name, [kind, bytes]] of Object.entries(refused)) {
    t.throws(() => decodeAnswer(bytes, kind), { code: 'OVERLAY_SYNC_MALFORMED' }, name)
  }
  t.throws(() => decodeAnswer(encodeAnswer({ kind: 'hint' }), 'heads'), { code: 'OVERLAY_SYNC_UNEXPECTED' })
  t.same(decodeAnswer(encodeAnswer({ kind: 'refusal', reason: 'busy' }), 'heads'), { kind: 'refusal', reason: 'busy' })
})

t.test('the largest answers fit a frame', async (t) => {
  const largest: SyncAnswer[] = [
    { kind: 'summary', eras: many(MAX_SYNC_ERAS, (at) => ({ era: at, digest: id(at) })) },
    { kind: 'ids', ids: many(MAX_IDS_PER_ANSWER, id), more: true },
    {
      kind: 'buckets',
      buckets: many(MAX_ERAS_PER_REQUEST * 256, (at) => ({ bucket: 2 ** 32 + at, count: 2 ** 40, digest: id(at) })),
    },
    {
      kind: 'heads',
      heads: many(MAX_HEADS_PER_ANSWER, (at) => ({ origin: `${at}`.padStart(63, '0'), seq: 2 ** 52, id: id(at) })),
      more: true,
    },
  ]
  for (const message of largest) {
    const bytes = encodeAnswer(message)
    t.ok(bytes.length <= MAX_SYNC_FRAME_BYTES, `${message.kind} ${bytes.length}`)
    t.ok(decodeAnswer(bytes, kindOf(message)))
  }
})
