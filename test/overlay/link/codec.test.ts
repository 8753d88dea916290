import { hash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { type CborValue, concatBytes, decodeCbor, encodeCbor } from '../../../core/index.ts'
import { createNativeProvider } from '../../../crypto/index.ts'
import { OVERLAY_ERRORS } from '../../../overlay/errors.ts'
import {
  MAX_ADMISSION_CHAIN_BYTES,
  MAX_ADMISSION_FRAME_BYTES,
  MAX_CERTIFICATE_BYTES,
  MAX_FEATURES,
} from '../../../overlay/limits.ts'
import { type AdmissionFrame, decodeFrame, encodeFrame } from '../../../overlay/link/admission.ts'
import {
  areFeatures,
  decodeStatement,
  type Statement,
  signStatement,
  statementHolds,
} from '../../../overlay/link/statement.ts'
import { externalAad } from '../../../records/index.ts'

const provider = createNativeProvider()
const identityKey = await provider.generate('ml-dsa-87')
const deviceKey = await provider.generate('ecdsa-p384')
const aadItem = externalAad('north-grid', new Uint8Array(32))
const by = { keys: { identityKey: identityKey.publicKey, deviceKey: deviceKey.publicKey }, aadItem, provider }

const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const statements: fc.Arbitrary<Statement> = fc.record({
  protocol: fc.constantFrom('/dadm-mesh/1', 'x', ''),
  role: fc.constantFrom('dialler', 'listener'),
  mesh: fc.constantFrom('north-grid', 'm'),
  diallerCertificate: hash32,
  listenerCertificate: hash32,
  diallerNonce: hash32,
  listenerNonce: hash32,
  channelBinding: hash32,
  policyVersion: fc.maxSafeNat(),
  features: fc.uniqueArray(fc.constantFrom('a', 'b', 'sync/1'), { maxLength: 3 }).map((names) => names.sort()),
})
const [example] = fc.sample(statements, { numRuns: 1, seed: 1 }) as [Statement]
const signed = await signStatement(example, { keys: [identityKey, deviceKey], aadItem })
const [body, empty, payload, signatures] = decodeCbor(signed, { maxBytes: MAX_ADMISSION_FRAME_BYTES }) as [
  Uint8Array,
  Map<number, never>,
  Uint8Array,
  [Uint8Array, Map<number, never>, Uint8Array][],
]

t.test('frames survive encoding and decoding', async (t) => {
  const frames: fc.Arbitrary<AdmissionFrame> = fc.oneof(
    hash32.map((nonce) => ({ type: 'hello' as const, nonce })),
    fc.constant({ type: 'statement' as const, sign: signed }),
    fc.constant({ type: 'admitted' as const }),
    fc.constantFrom('OVERLAY_LINK_ROLE', 'RECORDS_PATH_EXPIRED').map((code) => ({ type: 'refused' as const, code })),
    fc.array(hash32, { minLength: 1, maxLength: 6 }).map((chain) => ({ type: 'certificates' as const, chain })),
  )
  fc.assert(
    fc.property(frames, (frame) => {
      const bytes = encodeFrame(frame)
      t.equal(bytes[0]! * 256 + bytes[1]!, bytes.length - 2)
      t.same(decodeFrame(bytes.subarray(2)), frame)
    }),
    { numRuns: 40 },
  )
  t.ok(encodeFrame({ type: 'statement', sign: signed }).length < 5400, 'two signatures fit with room to spare')
})

t.test('frames outside the format are refused', async (t) => {
  const refused = (value: CborValue) => t.throws(() => decodeFrame(encodeCbor(value)), { code: 'OVERLAY_LINK_FRAME' })
  refused([1, new Uint8Array(31)])
  refused([1, new Uint8Array(32), 0])
  refused([2, 'statement'])
  refused([3, 0])
  refused([4, 'lower_case'])
  refused([4, 'A_'.repeat(40)])
  refused([4, 'OVERLAY_LINK: a message for a log\n'])
  refused([5])
  refused([5, []])
  refused([5, [new Uint8Array()]])
  refused([5, Array.from({ length: 7 }, () => new Uint8Array(1))])
  refused([5, [new Uint8Array(MAX_CERTIFICATE_BYTES + 1)]])
  refused([4, 'A', new Uint8Array(MAX_ADMISSION_CHAIN_BYTES)])
  refused([6])
  refused([])
  refused('hello')
  t.throws(() => decodeFrame(new Uint8Array(MAX_ADMISSION_FRAME_BYTES + 1)), { code: 'OVERLAY_LINK_FRAME' })
  t.throws(() => decodeFrame(Uint8Array.of(0x98, 1, 3)), { code: 'OVERLAY_LINK_FRAME' }, 'not the shortest length')
  t.throws(() => encodeFrame({ type: 'statement', sign: new Uint8Array(MAX_ADMISSION_FRAME_BYTES) }), TypeError)
})

t.test('statements survive signing and decoding', async (t) => {
  await fc.assert(
    fc.asyncProperty(statements, async (statement) => {
      const sign = await signStatement(statement, { keys: [identityKey, deviceKey], aadItem })
      const decoded = decodeStatement(sign)
      t.same(decoded.statement, statement)
      t.ok(await statementHolds(decoded, by))
    }),
    { numRuns: 10 },
  )
})

t.test('the signed bytes are those of RFC 9052 §4.4', async (t) => {
  const [header, , signature] = signatures[0]!
  t.same(decodeCbor(body, { maxBytes: 64 }), new Map([[3, 'application/gapmesh-admission']]))
  t.same(
    decodeCbor(header, { maxBytes: 64 }),
    new Map<number, CborValue>([
      [1, -50],
      [4, new Uint8Array(hash('sha256', identityKey.publicKey.spki, 'buffer'))],
    ]),
  )
  const message = encodeCbor(['Signature', body, header, encodeCbor(['north-grid', new Uint8Array(32)]), payload])
  t.ok(await provider.verify(identityKey.publicKey, message, signature))
})

t.test('the identity key and the device key have both signed, or it does not hold', async (t) => {
  const [byIdentity, byDevice] = signatures as CborValue[] as [CborValue, CborValue]
  const sign = (...list: CborValue[]) => encodeCbor([body, empty, payload, list])
  const holds = (...list: CborValue[]) => statementHolds(decodeStatement(sign(...list)), by)
  t.notOk(await holds(byIdentity))
  t.ok(await holds(byDevice, byIdentity))
  t.throws(() => decodeStatement(sign(byIdentity, byIdentity)), { code: 'OVERLAY_LINK_FRAME' })
  t.notOk(await holds(byDevice))
})

t.test('statements outside the format are refused', async (t) => {
  const refused = (...value: CborValue[]) =>
    t.throws(() => decodeStatement(encodeCbor(value)), { code: 'OVERLAY_LINK_FRAME' })
  t.throws(() => decodeStatement(concatBytes(signed, Uint8Array.of(0))), { code: 'OVERLAY_LINK_FRAME' })
  refused(body, empty, payload)
  refused(encodeCbor(new Map([[3, 'application/gapmesh-record']])), empty, payload, signatures)
  refused(body, new Map([[1, -50]]), payload, signatures)
  refused(body, empty, payload, [])
  refused(body, empty, payload, [...signatures, ...signatures])
  refused(body, empty, encodeCbor([]), signatures)
  refused(body, empty, payload, [[encodeCbor(new Map([[1, -50]])), new Map(), new Uint8Array(4627)]])
  const items = decodeCbor(payload, { maxBytes: 4096 }) as CborValue[]
  const change = (at: number, value: CborValue) => refused(body, empty, encodeCbor(items.with(at, value)), signatures)
  change(1, 3)
  change(2, 'm'.repeat(64))
  change(7, new Uint8Array(31))
  change(8, -1)
  change(9, ['b', 'a'])
  change(9, ['a', 'a'])
  change(9, [''])
  change(9, ['x'.repeat(33)])
  change(
    9,
    Array.from({ length: MAX_FEATURES + 1 }, (_, at) => `f${at + 10}`),
  )
})

t.test('one flipped bit anywhere never crashes and never holds', async (t) => {
  const bytes = encodeFrame({ type: 'statement', sign: signed }).subarray(2)
  let decodedFrames = 0
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
      const changed = bytes.slice()
      changed[at]! ^= 1 << bit
      try {
        const frame = decodeFrame(changed)
        if (frame.type !== 'statement') return
        const decoded = decodeStatement(frame.sign)
        decodedFrames += 1
        t.notOk(await statementHolds(decoded, by))
      } catch (error) {
        t.ok(OVERLAY_ERRORS.matches(error, 'OVERLAY_LINK_FRAME'), 'catalogued')
      }
    }),
    { numRuns: 200 },
  )
  t.ok(decodedFrames > 20, 'some changes got as far as the signatures')
})

t.test('any bytes are refused with the one code', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeFrame(bytes)
      } catch (error) {
        t.ok(OVERLAY_ERRORS.matches(error, 'OVERLAY_LINK_FRAME'))
      }
    }),
    { numRuns: 200 },
  )
})

t.test('features are few, short, sorted, each once', async (t) => {
  t.ok(areFeatures([]))
  t.ok(areFeatures(['a', 'b/2']))
  t.notOk(areFeatures(['b', 'a']))
  t.notOk(areFeatures(['a', 'a']))
  t.notOk(areFeatures(Array.from({ length: MAX_FEATURES + 1 }, (_, at) => `f${at + 10}`)))
})
