import fc from 'fast-check'
import t from 'tap'
import { encodeCbor, equalBytes, isGapmeshError } from '../../../core/index.ts'
import {
  MAX_ANNOUNCED_LISTS,
  MAX_CERTIFICATE_BYTES,
  MAX_CHAIN_CERTIFICATES,
  MAX_LIST_BYTES,
  MAX_LIST_CHUNK_BYTES,
  MAX_LIST_NUMBER_BYTES,
  MAX_TRUST_FRAME_BYTES,
} from '../../../overlay/limits.ts'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  PUSHED_TYPES,
  type TrustAnswer,
  type TrustKind,
  type TrustRequest,
} from '../../../overlay/trust/codec.ts'
import { MAX_RECORD_BYTES } from '../../../records/index.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 })
const list = fc.record({
  authorityKeyId: digest,
  kind: fc.constantFrom('full' as const, 'delta' as const),
  number: fc.bigInt({ min: 0n, max: 2n ** 160n - 1n }),
  sizeBytes: fc.integer({ min: 1, max: MAX_LIST_BYTES }),
  hash: digest,
})

const request: fc.Arbitrary<TrustRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('announce' as const),
    lists: fc.uniqueArray(list, { maxLength: MAX_ANNOUNCED_LISTS, selector: ({ number }) => number }),
  }),
  fc.record({
    kind: fc.constant('chunk' as const),
    hash: digest,
    offset: fc.nat(MAX_LIST_BYTES - 1),
    maxBytes: fc.integer({ min: 1, max: MAX_LIST_CHUNK_BYTES }),
  }),
  fc.record({
    kind: fc.constant('record' as const),
    type: fc.constantFrom(...PUSHED_TYPES),
    record: bytes,
    chain: fc.array(bytes, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('key' as const), epoch: fc.maxSafeNat() }),
)

const answer: fc.Arbitrary<TrustAnswer> = fc.oneof(
  fc.record({ kind: fc.constantFrom('announce' as const, 'record' as const) }),
  fc.record({ kind: fc.constant('chunk' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('key' as const), key: fc.option(digest, { nil: undefined }) }),
)

t.test('requests and answers survive the round trip', async () => {
  fc.assert(
    fc.property(request, (message) => {
      const encoded = encodeRequest(message)
      return equalBytes(encodeRequest(decodeRequest(encoded)), encoded)
    }),
  )
  fc.assert(
    fc.property(answer, (message) => {
      const encoded = encodeAnswer(message)
      return equalBytes(encodeAnswer(decodeAnswer(encoded, message.kind)), encoded)
    }),
  )
})

t.test('what a message says is read back', async (t) => {
  const head = {
    authorityKeyId: new Uint8Array(32),
    kind: 'delta',
    sizeBytes: 5,
    hash: new Uint8Array(32).fill(1),
  } as const
  for (const number of [0n, 1n, 255n, 256n, 2n ** 159n]) {
    const lists = [{ ...head, number }]
    t.same(decodeRequest(encodeRequest({ kind: 'announce', lists })), { kind: 'announce', lists })
  }
  for (const reason of ['busy', 'malformed', 'failed'] as const) {
    const refusal = { kind: 'refusal', reason } as const
    t.same(decodeAnswer(encodeAnswer(refusal), 'key'), refusal)
  }
})

t.test('mutated messages decode to the same bytes or fail with a code', async (t) => {
  let decoded = 0
  const change = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat(3) })
  const mutate = (encoded: Uint8Array, { at, value, cut }: { at: number; value: number; cut: number }) => {
    const mutated = encoded.slice(0, encoded.length - cut)
    if (mutated.length > 0) mutated[at % mutated.length] = value
    return mutated
  }
  const holds = (mutated: Uint8Array, again: () => Uint8Array) => {
    try {
      const encoded = again()
      decoded += 1
      return equalBytes(encoded, mutated)
    } catch (error) {
      return isGapmeshError(error, 'OVERLAY_TRUST_MALFORMED') || isGapmeshError(error, 'OVERLAY_TRUST_UNEXPECTED')
    }
  }
  fc.assert(
    fc.property(request, change, (message, mutation) => {
      const mutated = mutate(encodeRequest(message), mutation)
      return holds(mutated, () => encodeRequest(decodeRequest(mutated)))
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(answer, change, (message, mutation) => {
      const mutated = mutate(encodeAnswer(message), mutation)
      return holds(mutated, () => encodeAnswer(decodeAnswer(mutated, message.kind)))
    }),
    { numRuns: 500 },
  )
  t.ok(decoded > 20, 'some mutations are valid messages')
})

const of = (length: number) => new Uint8Array(length)
const item = (changes: { size?: number; number?: Uint8Array; kind?: number; id?: Uint8Array } = {}) => {
  const { size = 1, number = of(1), kind = 1, id = of(32) } = changes
  return [id, kind, number, size, of(32)]
}

t.test('every cap of a request holds', async (t) => {
  const refuses = (fields: Parameters<typeof encodeCbor>[0], what: string) =>
    t.throws(() => decodeRequest(encodeCbor(fields)), { code: 'OVERLAY_TRUST_MALFORMED' }, what)
  const ids = Array.from({ length: MAX_ANNOUNCED_LISTS + 1 }, (_, at) => of(32).fill(at))
  refuses([1, ids.map((id) => item({ id }))], 'lists')
  t.equal(decodeRequest(encodeCbor([1, ids.slice(1).map((id) => item({ id }))])).kind, 'announce')
  refuses([1, [item({ size: MAX_LIST_BYTES + 1 })]], 'size')
  refuses([1, [item({ size: 0 })]], 'an empty list')
  refuses([1, [item({ number: of(MAX_LIST_NUMBER_BYTES + 1).fill(1) })]], 'number')
  refuses([1, [item({ number: Uint8Array.of(0, 1) })]], 'a leading zero')
  refuses([1, [item({ number: of(0) })]], 'no number')
  refuses([1, [item({ kind: 3 })]], 'kind')
  refuses([1, [item(), item()]], 'the same list twice')
  refuses([1, [item({ kind: 2 }), item()]], 'order')
  refuses([2, of(32), MAX_LIST_BYTES, 1], 'offset')
  refuses([2, of(32), 0, MAX_LIST_CHUNK_BYTES + 1], 'chunk')
  refuses([2, of(32), 0, 0], 'no bytes')
  refuses([3, 9, of(MAX_RECORD_BYTES + 1), []], 'record')
  refuses([3, 9, of(0), []], 'no record')
  refuses([3, 1, of(1), []], 'an anomaly record')
  refuses([3, 9, of(1), Array.from({ length: MAX_CHAIN_CERTIFICATES + 1 }, () => of(1))], 'chain')
  refuses([3, 9, of(1), [of(MAX_CERTIFICATE_BYTES + 1)]], 'certificate')
  refuses([4, -1], 'epoch')
  refuses([5, 1], 'an unknown number')
  refuses([4, 1, 1], 'a field too many')
  t.throws(() => decodeRequest(of(MAX_TRUST_FRAME_BYTES + 1)), { code: 'OVERLAY_TRUST_MALFORMED' }, 'frame')
})

t.test('every cap of an answer holds', async (t) => {
  const refuses = (fields: Parameters<typeof encodeCbor>[0], kind: TrustKind, code = 'OVERLAY_TRUST_MALFORMED') =>
    t.throws(() => decodeAnswer(encodeCbor(fields), kind), { code })
  refuses([2, of(MAX_LIST_CHUNK_BYTES + 1)], 'chunk')
  refuses([4, of(31)], 'key')
  refuses([4, true], 'key')
  refuses([1, 1], 'announce')
  refuses([0, 4], 'key')
  refuses([1], 'record', 'OVERLAY_TRUST_UNEXPECTED')
})

t.test('the largest messages fit a frame', async (t) => {
  const chain = Array.from({ length: MAX_CHAIN_CERTIFICATES }, () => of(MAX_CERTIFICATE_BYTES))
  const record = encodeRequest({ kind: 'record', type: 'directive', record: of(MAX_RECORD_BYTES), chain })
  t.ok(record.length <= MAX_TRUST_FRAME_BYTES)
  t.ok(encodeAnswer({ kind: 'chunk', bytes: of(MAX_LIST_CHUNK_BYTES) }).length <= MAX_TRUST_FRAME_BYTES)
})
