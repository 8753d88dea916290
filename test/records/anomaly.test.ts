import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type CborValue, concatBytes, encodeCbor } from '../../core/index.ts'
import { SUITES } from '../../crypto/index.ts'
import {
  type AnomalySignature,
  decodeAnomalyBody,
  decodeRecord,
  encodeAnomalyBody,
  encodeRecord,
  MAX_ANOMALY_SIGNATURES,
  MAX_EVENT_COUNT,
  MAX_INDICATOR_CHARACTERS,
  MAX_KIND_CHARACTERS,
  MAX_LIFETIME_MS,
  MAX_PSEUDONYM_EPOCH,
  MAX_RECORD_BYTES,
  MAX_SCORE,
  MAX_TIME_MS,
  RECORDS_ERRORS,
} from '../../records/index.ts'
import { anomaly, NOW_MS } from './scene.ts'

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })

const arbitraryAnomaly: fc.Arbitrary<AnomalySignature> = fc
  .record(
    {
      indicator: fc.oneof(hash, fc.stringMatching(/^[!-~]{1,128}$/)),
      kind: fc.stringMatching(/^[a-z][a-z0-9]{0,10}(?:_[a-z0-9]{1,9}){0,2}$/),
      severity: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const, 5 as const),
      score: fc.nat(MAX_SCORE),
      firstSeenMs: fc.nat(2 ** 31),
      span: fc.nat(2 ** 31),
      count: fc.integer({ min: 1, max: MAX_EVENT_COUNT }),
      lifetime: fc.integer({ min: 0, max: MAX_LIFETIME_MS }),
      blockId: hash,
      epoch: fc.nat(MAX_PSEUDONYM_EPOCH),
      source: fc.option(hash, { nil: undefined }),
      destination: fc.option(hash, { nil: undefined }),
    },
    { noNullPrototype: true },
  )
  .map(({ span, lifetime, epoch, source, destination, ...rest }) => {
    const lastSeenMs = rest.firstSeenMs + span
    const seen = { ...rest, lastSeenMs, expiresAtMs: lastSeenMs + lifetime }
    if (source === undefined && destination === undefined) return seen
    return { ...seen, addresses: { epoch, ...(source && { source }), ...(destination && { destination }) } }
  })

t.test('what is encoded decodes to the same', async (t) => {
  let runs = 0
  fc.assert(
    fc.property(fc.array(arbitraryAnomaly, { minLength: 1, maxLength: 64 }), (signatures) => {
      const body = encodeAnomalyBody(signatures)
      assert.deepEqual(decodeAnomalyBody(body), signatures)
      runs += 1
    }),
  )
  t.equal(runs, 100)
})

t.test('mutations of a body are refused with a code, or are bodies themselves', async (t) => {
  const body = encodeAnomalyBody([anomaly(), anomaly({ addresses: { epoch: 1, source: new Uint8Array(32) } })])
  const edit = fc.record({ at: fc.nat(body.length), remove: fc.nat(2), insert: fc.uint8Array({ maxLength: 3 }) })
  let refused = 0
  fc.assert(
    fc.property(edit, ({ at, remove, insert }) => {
      const mutant = concatBytes(body.subarray(0, at), insert, body.subarray(at + remove))
      try {
        assert.deepEqual(encodeAnomalyBody(decodeAnomalyBody(mutant)), mutant)
      } catch (error) {
        if (!RECORDS_ERRORS.matches(error, 'RECORDS_BODY_MALFORMED')) throw error
        refused += 1
      }
    }),
    { numRuns: 3_000 },
  )
  t.ok(refused > 1_000, `${refused} of 3,000 were refused`)
})

t.test('every field is bounded', async (t) => {
  const bytes = (length: number) => new Uint8Array(length)
  const cases: [name: string, changes: Partial<AnomalySignature>][] = [
    ['no indicator', { indicator: '' }],
    ['long indicator', { indicator: 'a'.repeat(MAX_INDICATOR_CHARACTERS + 1) }],
    ['indicator with a space', { indicator: 'GET /index.html' }],
    ['indicator with a control character', { indicator: 'a\u001b[2J' }],
    ['indicator beyond ASCII', { indicator: 'é' }],
    ['short hash', { indicator: bytes(31) }],
    ['long hash', { indicator: bytes(33) }],
    ['no kind', { kind: '' }],
    ['long kind', { kind: 'a'.repeat(MAX_KIND_CHARACTERS + 1) }],
    ['kind in capitals', { kind: 'IDS' }],
    ['kind ends in _', { kind: 'ids_' }],
    ['severity 0', { severity: 0 as never }],
    ['severity 6', { severity: 6 as never }],
    ['score', { score: MAX_SCORE + 1 }],
    ['negative score', { score: -1 }],
    [
      'first seen in year 10000',
      { firstSeenMs: MAX_TIME_MS + 1, lastSeenMs: MAX_TIME_MS + 1, expiresAtMs: MAX_TIME_MS + 1 },
    ],
    ['last seen in year 10000', { lastSeenMs: MAX_TIME_MS + 1, expiresAtMs: MAX_TIME_MS + 1 }],
    ['last before first', { lastSeenMs: NOW_MS - 1 }],
    ['no event', { count: 0 }],
    ['too many events', { count: MAX_EVENT_COUNT + 1 }],
    ['expires before last seen', { expiresAtMs: NOW_MS }],
    ['expires too late', { expiresAtMs: NOW_MS + 20 + MAX_LIFETIME_MS + 1 }],
    ['block id', { blockId: bytes(20) }],
    ['addresses without one', { addresses: { epoch: 1 } }],
    ['epoch', { addresses: { epoch: MAX_PSEUDONYM_EPOCH + 1, source: bytes(32) } }],
    ['raw IPv4 address', { addresses: { epoch: 1, source: bytes(4) } }],
    ['raw IPv6 address', { addresses: { epoch: 1, destination: bytes(16) } }],
    ['empty address', { addresses: { epoch: 1, source: bytes(32), destination: bytes(0) } }],
  ]
  for (const [name, changes] of cases) {
    t.throws(() => encodeAnomalyBody([anomaly(changes)]), { code: 'RECORDS_BODY_MALFORMED' }, name)
  }
})

t.test('shapes that the encoder does not write are refused', async (t) => {
  const fields: CborValue[] = ['a', 'b', 1, 0, 0, 0, 1, 0, new Uint8Array(32)]
  t.equal(decodeAnomalyBody(encodeCbor([fields])).length, 1)
  const cases: [name: string, body: CborValue][] = [
    ['a map', new Map()],
    ['8 fields', [fields.slice(0, 8)]],
    ['11 fields', [[...fields, [1, new Uint8Array(32), new Uint8Array()], 0]]],
    ['addresses of 2', [[...fields, [1, new Uint8Array(32)]]]],
    ['address of 31 bytes', [[...fields, [1, new Uint8Array(31), new Uint8Array(1)]]]],
    ['null', [[...fields, null]]],
  ]
  for (const [name, body] of cases) {
    t.throws(() => decodeAnomalyBody(encodeCbor(body)), { code: 'RECORDS_BODY_MALFORMED', action: 'reject' }, name)
  }
  t.throws(() => decodeAnomalyBody(concatBytes(encodeCbor([fields]), Uint8Array.of(0))), {
    code: 'RECORDS_BODY_MALFORMED',
  })
})

t.test('1 to 64 signatures, and the largest body there is fits in a record', async (t) => {
  const largest = anomaly({
    indicator: '~'.repeat(MAX_INDICATOR_CHARACTERS),
    kind: 'z'.repeat(MAX_KIND_CHARACTERS),
    severity: 5,
    score: MAX_SCORE,
    firstSeenMs: 2 ** 40,
    lastSeenMs: MAX_TIME_MS,
    count: MAX_EVENT_COUNT,
    expiresAtMs: MAX_TIME_MS + MAX_LIFETIME_MS,
    addresses: { epoch: MAX_PSEUDONYM_EPOCH, source: new Uint8Array(32), destination: new Uint8Array(32) },
  })
  const many = (count: number) => Array.from({ length: count }, () => largest)
  t.throws(() => encodeAnomalyBody([]), { code: 'RECORDS_BODY_MALFORMED' })
  t.throws(() => encodeAnomalyBody(many(MAX_ANOMALY_SIGNATURES + 1)), { code: 'RECORDS_BODY_MALFORMED' })
  const body = encodeAnomalyBody(many(MAX_ANOMALY_SIGNATURES))
  const signatures = (['ecdsa-p384', 'ml-dsa-87'] as const).map((name) => ({
    coseAlgorithm: SUITES[name].coseAlgorithm,
    keyId: new Uint8Array(32),
    signature: new Uint8Array(SUITES[name].signatureBytes),
  }))
  const content = {
    type: 'anomaly' as const,
    origin: 'a'.repeat(63),
    issuerKeyId: new Uint8Array(32),
    serialNumber: new Uint8Array(20).fill(1),
    sequence: Number.MAX_SAFE_INTEGER,
    createdAtMs: MAX_TIME_MS,
    lifetimeMs: MAX_LIFETIME_MS,
    body,
  }
  const bytes = encodeRecord(content, signatures)
  t.ok(bytes.length < MAX_RECORD_BYTES / 2, `${bytes.length} bytes`)
  t.equal(decodeAnomalyBody(decodeRecord(bytes).body).length, MAX_ANOMALY_SIGNATURES)
})
