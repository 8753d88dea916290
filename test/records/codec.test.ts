import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type CborValue, concatBytes, decodeCbor, encodeCbor, isGapmeshError } from '../../core/index.ts'
import { SUITES, type SuiteName } from '../../crypto/index.ts'
import {
  decodeRecord,
  encodeRecord,
  expiryOf,
  isLedgerType,
  MAX_LIFETIME_MS,
  MAX_RECORD_BYTES,
  MAX_TIME_MS,
  RECORD_TYPES,
  RECORDS_ERRORS,
  type RecordContent,
  type RecordSignature,
  type RecordType,
} from '../../records/index.ts'

const fill = (length: number, byte = 1) => new Uint8Array(length).fill(byte)

const CONTENT: RecordContent = {
  type: 'anomaly',
  origin: 'sensor-01',
  issuerKeyId: fill(32),
  serialNumber: fill(16, 2),
  sequence: 7,
  createdAtMs: Date.UTC(2026, 0, 1),
  lifetimeMs: 86_400_000,
  body: Uint8Array.of(0x80),
}

function signatureOf(name: SuiteName): RecordSignature {
  const { coseAlgorithm, signatureBytes } = SUITES[name]
  return { coseAlgorithm, keyId: fill(32, 3), signature: fill(signatureBytes, 4) }
}

const HYBRID = [signatureOf('ed25519'), signatureOf('ml-dsa-65')]

/** A COSE_Sign from loose parts, to write what the encoder does not. */
function frame(parts: {
  header?: CborValue
  unprotected?: CborValue
  payload?: CborValue
  signatures?: CborValue
}): Uint8Array {
  const header = parts.header ?? new Map([[3, 'application/vnd.gapmesh.anomaly+cbor']])
  const payload = parts.payload ?? payloadMap()
  const bytes = (value: CborValue) => (value instanceof Uint8Array ? value : encodeCbor(value))
  return encodeCbor([
    bytes(header),
    parts.unprotected ?? new Map(),
    bytes(payload),
    parts.signatures ?? [coseSignature()],
  ])
}

function payloadMap(changes: Record<number, CborValue | undefined> = {}): Map<number, CborValue> {
  const fields = { 1: 'sensor-01', 2: fill(32), 3: fill(16, 2), 4: 7, 5: CONTENT.createdAtMs, 6: 1000, 7: fill(1) }
  const entries = Object.entries({ ...fields, ...changes }).map(([key, value]) => [Number(key), value] as const)
  return new Map(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])))
}

function coseSignature(header: CborValue = signatureHeader(), signature = fill(64)): CborValue {
  return [header instanceof Uint8Array ? header : encodeCbor(header), new Map(), signature]
}

function signatureHeader(changes: Record<number, CborValue> = {}): CborValue {
  return new Map(Object.entries({ 1: -19, 4: fill(32), ...changes }).map(([key, value]) => [Number(key), value]))
}

const arbitraryContent: fc.Arbitrary<RecordContent> = fc
  .record(
    {
      type: fc.constantFrom(...(Object.keys(RECORD_TYPES) as RecordType[])),
      origin: fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
      issuerKeyId: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      serialNumber: fc.uint8Array({ minLength: 1, maxLength: 20 }).filter((bytes) => bytes[0] !== 0),
      sequence: fc.maxSafeNat(),
      createdAtMs: fc.integer({ min: 0, max: MAX_TIME_MS }),
      lifetimeMs: fc.integer({ min: 1, max: MAX_LIFETIME_MS }),
      body: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    },
    { noNullPrototype: true },
  )
  .map((content) => (isLedgerType(content.type) ? { ...content, lifetimeMs: 0 } : content))

const arbitrarySignatures = fc
  .tuple(
    fc.option(fc.constantFrom<SuiteName>('ed25519', 'ecdsa-p256', 'ecdsa-p384'), { nil: undefined }),
    fc.option(fc.constantFrom<SuiteName>('ml-dsa-65', 'ml-dsa-87'), { nil: undefined }),
  )
  .map((names) => names.filter((name) => name !== undefined).map(signatureOf))
  .filter((signatures) => signatures.length > 0)

t.test('what is encoded decodes to the same, and encodes to the same bytes', async (t) => {
  let runs = 0
  fc.assert(
    fc.property(arbitraryContent, arbitrarySignatures, (content, signatures) => {
      const bytes = encodeRecord(content, signatures)
      const { id, bytes: kept, signatures: found, ...decoded } = decodeRecord(bytes)
      assert.deepEqual(decoded, content)
      assert.deepEqual(found, signatures)
      assert.deepEqual(kept, bytes)
      assert.equal(id.length, 32)
      assert.deepEqual(encodeRecord(decodeRecord(bytes), found), bytes)
      runs += 1
    }),
    { numRuns: 200 },
  )
  t.equal(runs, 200)
})

t.test('records are deterministic CBOR, as the general decoder reads it', async (t) => {
  const value = decodeCbor(encodeRecord(CONTENT, HYBRID), { maxBytes: MAX_RECORD_BYTES })
  t.ok(Array.isArray(value) && value.length === 4)
})

t.test('mutations of a record are refused with a code, or are records themselves', async (t) => {
  const bytes = encodeRecord(CONTENT, HYBRID)
  const edit = fc.record({
    at: fc.nat(300),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 4 }),
  })
  let refused = 0
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const mutant = edits.reduce(
        (so, { at, remove, insert }) => concatBytes(so.subarray(0, at), insert, so.subarray(at + remove)),
        bytes,
      )
      try {
        const record = decodeRecord(mutant)
        assert.deepEqual(encodeRecord(record, record.signatures), mutant)
      } catch (error) {
        if (!RECORDS_ERRORS.matches(error)) throw error
        refused += 1
      }
    }),
    { numRuns: 2_000 },
  )
  t.ok(refused > 1_000, `${refused} of 2,000 were refused`)
})

t.test('arbitrary bytes are refused with a code', async (t) => {
  let refused = 0
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      try {
        decodeRecord(bytes)
        return false
      } catch (error) {
        refused += 1
        return RECORDS_ERRORS.matches(error)
      }
    }),
    { numRuns: 500 },
  )
  t.equal(refused, 500)
})

t.test('strict decoding: what is not in its one form is refused', async (t) => {
  const type = (text: string) => ({ header: new Map([[3, text]]) })
  const cases: [name: string, bytes: Uint8Array, code: string][] = [
    ['nothing', new Uint8Array(), 'RECORDS_MALFORMED'],
    ['trailing byte', concatBytes(frame({}), fill(1)), 'RECORDS_MALFORMED'],
    ['truncated', frame({}).subarray(0, -1), 'RECORDS_MALFORMED'],
    ['tagged COSE_Sign', concatBytes(Uint8Array.of(0xd8, 98), frame({})), 'RECORDS_MALFORMED'],
    ['array of 5', encodeCbor([fill(1), new Map(), fill(1), [], 0]), 'RECORDS_MALFORMED'],
    ['unprotected header', frame({ unprotected: new Map([[4, fill(32)]]) }), 'RECORDS_MALFORMED'],
    ['empty protected header', frame({ header: new Uint8Array() }), 'RECORDS_MALFORMED'],
    [
      'unknown header',
      frame({
        header: new Map<number, CborValue>([
          [3, 'x'],
          [5, 1],
        ]),
      }),
      'RECORDS_MALFORMED',
    ],
    ['content type as number', frame({ header: new Map([[3, 60]]) }), 'RECORDS_MALFORMED'],
    ['foreign content type', frame(type('application/cbor')), 'RECORDS_MALFORMED'],
    ['content type in capitals', frame(type('application/vnd.gapmesh.ANOMALY+cbor')), 'RECORDS_MALFORMED'],
    ['unknown type', frame(type('application/vnd.gapmesh.weather+cbor')), 'RECORDS_TYPE_UNKNOWN'],
    ['type by a property name', frame(type('application/vnd.gapmesh.constructor+cbor')), 'RECORDS_TYPE_UNKNOWN'],
    [
      'unknown type, malformed payload',
      frame({ ...type('application/vnd.gapmesh.weather+cbor'), payload: fill(1) }),
      'RECORDS_MALFORMED',
    ],
    ['field missing', frame({ payload: payloadMap({ 4: undefined }) }), 'RECORDS_MALFORMED'],
    ['field too many', frame({ payload: payloadMap({ 8: 1 }) }), 'RECORDS_MALFORMED'],
    ['origin not a label', frame({ payload: payloadMap({ 1: 'Sensor_1' }) }), 'RECORDS_MALFORMED'],
    ['origin empty', frame({ payload: payloadMap({ 1: '' }) }), 'RECORDS_MALFORMED'],
    ['origin too long', frame({ payload: payloadMap({ 1: 'a'.repeat(64) }) }), 'RECORDS_MALFORMED'],
    ['issuer key id short', frame({ payload: payloadMap({ 2: fill(31) }) }), 'RECORDS_MALFORMED'],
    ['serial empty', frame({ payload: payloadMap({ 3: new Uint8Array() }) }), 'RECORDS_MALFORMED'],
    ['serial too long', frame({ payload: payloadMap({ 3: fill(21) }) }), 'RECORDS_MALFORMED'],
    ['serial with leading zero', frame({ payload: payloadMap({ 3: Uint8Array.of(0, 1) }) }), 'RECORDS_MALFORMED'],
    ['sequence negative', frame({ payload: payloadMap({ 4: -1 }) }), 'RECORDS_MALFORMED'],
    ['sequence 2^53', frame({ payload: payloadMap({ 4: 2n ** 53n }) }), 'RECORDS_MALFORMED'],
    ['year 10000', frame({ payload: payloadMap({ 5: MAX_TIME_MS + 1 }) }), 'RECORDS_MALFORMED'],
    ['no lifetime', frame({ payload: payloadMap({ 6: 0 }) }), 'RECORDS_LIFETIME'],
    ['lifetime above its cap', frame({ payload: payloadMap({ 6: MAX_LIFETIME_MS + 1 }) }), 'RECORDS_LIFETIME'],
    ['ledger type with a lifetime', frame(type('application/vnd.gapmesh.seal+cbor')), 'RECORDS_LIFETIME'],
    ['body empty', frame({ payload: payloadMap({ 7: new Uint8Array() }) }), 'RECORDS_MALFORMED'],
    ['body not bytes', frame({ payload: payloadMap({ 7: 'text' }) }), 'RECORDS_MALFORMED'],
    ['signature too short', frame({ signatures: [coseSignature(signatureHeader(), fill(63))] }), 'RECORDS_MALFORMED'],
    ['key id short', frame({ signatures: [coseSignature(signatureHeader({ 4: fill(31) }))] }), 'RECORDS_MALFORMED'],
    [
      'unknown signature header',
      frame({ signatures: [coseSignature(signatureHeader({ 5: 1 }))] }),
      'RECORDS_MALFORMED',
    ],
    [
      'unknown algorithm',
      frame({ signatures: [coseSignature(signatureHeader({ 1: -8 }))] }),
      'RECORDS_ALGORITHM_UNKNOWN',
    ],
    ['no signature', frame({ signatures: [] }), 'RECORDS_SIGNATURE_SET'],
  ]
  for (const [name, bytes, code] of cases) t.throws(() => decodeRecord(bytes), { code }, name)
  t.ok(decodeRecord(frame({})), 'the frame that the cases change is right')
})

t.test('heads that are not in their shortest form are refused', async (t) => {
  const bytes = encodeRecord({ ...CONTENT, sequence: 7 }, HYBRID)
  const payload = Buffer.from(bytes).indexOf(Uint8Array.of(0x04, 0x07))
  t.ok(payload > 0)
  const length = 0x58
  const at = Buffer.from(bytes).indexOf(Uint8Array.of(0xa0, length)) + 2
  const longer = concatBytes(
    bytes.subarray(0, at),
    Uint8Array.of((bytes[at] ?? 0) + 1),
    bytes.subarray(at + 1, payload + 1),
    Uint8Array.of(0x18, 0x07),
    bytes.subarray(payload + 2),
  )
  t.throws(() => decodeRecord(longer), { code: 'RECORDS_MALFORMED', metadata: { what: 'sequence' } })
})

t.test('one signature per half, the classical one first', async (t) => {
  const [classical, quantum] = HYBRID as [RecordSignature, RecordSignature]
  const sets = [
    [],
    [quantum, classical],
    [classical, signatureOf('ecdsa-p256')],
    [quantum, quantum],
    [...HYBRID, quantum],
  ]
  for (const set of sets) t.throws(() => decodeRecord(encodeRecord(CONTENT, set)), { code: 'RECORDS_SIGNATURE_SET' })
})

t.test('a critical header that is not known has a code of its own', async (t) => {
  const contentType = 'application/vnd.gapmesh.anomaly+cbor'
  const inBody = (critical: CborValue, extra: [number | string, CborValue][] = []) =>
    frame({ header: new Map<number | string, CborValue>([[2, critical], [3, contentType], ...extra]) })
  const code = (bytes: Uint8Array) => {
    try {
      return decodeRecord(bytes)
    } catch (error) {
      return isGapmeshError(error) ? `${error.code} ${error.action}` : error
    }
  }
  t.equal(code(inBody([99], [[99, 1]])), 'RECORDS_CRITICAL_HEADER reject')
  t.equal(code(inBody(['later'], [['later', 1]])), 'RECORDS_CRITICAL_HEADER reject')
  t.equal(code(inBody([3])), 'RECORDS_MALFORMED reject', 'a known header needs no mention')
  t.equal(code(inBody([])), 'RECORDS_MALFORMED reject')
  const header = signatureHeader({ 2: [99], 99: 1 })
  t.equal(code(frame({ signatures: [coseSignature(header)] })), 'RECORDS_CRITICAL_HEADER reject')
})

t.test('a record above its cap is refused before a byte of it is read', async (t) => {
  const untouchable = new Proxy(new Uint8Array(MAX_RECORD_BYTES + 1), {
    get(bytes, key) {
      if (key !== 'length') throw new TypeError(`${String(key)} was read`)
      return bytes.length
    },
  })
  t.throws(() => decodeRecord(untouchable), { code: 'RECORDS_TOO_LARGE', action: 'reject' })
  const room = MAX_RECORD_BYTES - encodeRecord({ ...CONTENT, body: fill(40_000) }, HYBRID).length
  const largest = encodeRecord({ ...CONTENT, body: fill(40_000 + room) }, HYBRID)
  t.equal(largest.length, MAX_RECORD_BYTES)
  t.equal(decodeRecord(largest).body.length, 40_000 + room)
})

t.test('a decoded record stands on bytes of its own, also when it came in a Buffer', async (t) => {
  const input = Buffer.from(encodeRecord(CONTENT, HYBRID))
  const record = decodeRecord(input)
  input.fill(0)
  t.strictSame(record.bytes, encodeRecord(CONTENT, HYBRID))
  t.equal(record.origin, 'sensor-01')
  t.notOk(Buffer.isBuffer(record.body))
})

t.test('the id covers the content and not the signatures', async (t) => {
  const id = (content: RecordContent, signatures = HYBRID) => decodeRecord(encodeRecord(content, signatures)).id
  t.strictSame(id(CONTENT), id(CONTENT, [signatureOf('ecdsa-p384')]))
  for (const change of [
    { origin: 'sensor-02' },
    { sequence: 8 },
    { body: Uint8Array.of(0) },
    { type: 'vote' },
  ] as const) {
    t.notSame(id({ ...CONTENT, ...change }), id(CONTENT))
  }
})

t.test('ledger types have no end', async (t) => {
  t.equal(expiryOf(CONTENT), CONTENT.createdAtMs + CONTENT.lifetimeMs)
  t.equal(expiryOf({ ...CONTENT, type: 'seal', lifetimeMs: 0 }), undefined)
})
