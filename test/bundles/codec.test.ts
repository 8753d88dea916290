import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { crc16, crc32c, decodeSecurityFrame, endpointFromCbor, endpointToCbor } from '../../bundles/codec/index.ts'
import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  BUNDLES_ERRORS,
  type Bundle,
  bundleAgeMs,
  bundleId,
  type CrcType,
  decodeBundle,
  encodeBundle,
  encodeBundleAge,
  encodeHopCount,
  encodePreviousNode,
  hopCountOf,
  MAX_BUNDLE_BYTES,
  nodeOf,
  payloadOf,
  previousNodeOf,
} from '../../bundles/index.ts'
import {
  MAX_BLOCKS,
  MAX_ENDPOINT_BYTES,
  MAX_EXTENSION_BYTES,
  MAX_PRIMARY_BLOCK_BYTES,
  MAX_SECURITY_TARGETS,
} from '../../bundles/limits.ts'
import { type CborValue, concatBytes, encodeCbor, fromHex, toHex, utf8 } from '../../core/index.ts'
import { block, bundle } from './support.ts'

const { accepted } = JSON.parse(readFileSync(new URL('../vectors/bundles/bundles.json', import.meta.url), 'utf8'))

t.test('CRCs of the usual check string', async (t) => {
  t.equal(crc16(utf8('123456789')), 0x906e)
  t.equal(crc32c(utf8('123456789')), 0xe3069283)
})

t.test('bundles of which every byte is known', async (t) => {
  t.ok(accepted.length >= 3)
  for (const { hex, name, expect } of accepted) {
    const decoded = decodeBundle(fromHex(hex))
    t.match(decoded.primary, expect.primary, name)
    t.equal(toHex(payloadOf(decoded)), expect.payload)
    t.equal(toHex(encodeBundle(decoded)), hex, name)
  }
})

t.test('extension blocks', async (t) => {
  const extensions = [
    block(BLOCK_TYPES.previousNode, 2, encodePreviousNode('ipn:7.0'), 1),
    block(BLOCK_TYPES.bundleAge, 3, encodeBundleAge(1234), 2),
    block(BLOCK_TYPES.hopCount, 4, encodeHopCount({ limit: 30, count: 2 })),
    block(200, 5, Uint8Array.of(1, 2, 3)),
  ]
  const decoded = decodeBundle(encodeBundle(bundle({ extensions })))
  t.equal(previousNodeOf(decoded), 'ipn:7.0')
  t.equal(bundleAgeMs(decoded), 1234)
  t.strictSame(hopCountOf(decoded), { limit: 30, count: 2 })
  t.strictSame(decoded.blocks[3], extensions[3], 'unknown types are carried')
  t.equal(bundleAgeMs(bundle()), undefined)
})

t.test('endpoint ids', async (t) => {
  const good = [
    'dtn:none',
    'dtn://a.north-grid/',
    'dtn://north-grid/~records',
    'dtn:GS2',
    'ipn:0.0',
    'ipn:1.2',
    `ipn:${2n ** 64n - 1n}.1`,
  ]
  for (const endpoint of good) t.equal(endpointFromCbor(endpointToCbor(endpoint)), endpoint)
  for (const bad of [
    '',
    'dtn:',
    'http://a',
    'ipn:1',
    'ipn:01.2',
    'ipn:1.2.3',
    'ipn:-1.2',
    `ipn:${2n ** 64n}.1`,
    'dtn://a b/',
    'dtn://ä/',
  ])
    t.throws(() => endpointToCbor(bad), { code: 'BUNDLES_ENDPOINT' }, bad)
  const wrong: CborValue[] = [
    0,
    [1],
    [1, 0, 0],
    [1, 1],
    [1, 'none'],
    [1, ''],
    [2, [1]],
    [2, [0, 1, 2]],
    [2, [-1, 2]],
    [3, 0],
  ]
  for (const value of wrong) t.throws(() => endpointFromCbor(value), { code: 'BUNDLES_ENDPOINT' })
  t.throws(() => endpointFromCbor([1, `//${'a'.repeat(MAX_ENDPOINT_BYTES)}`]), { code: 'BUNDLES_ENDPOINT' })
  t.equal(nodeOf('dtn://a.north-grid/records/x'), 'dtn://a.north-grid/')
  t.equal(nodeOf('dtn://a'), 'dtn://a')
  t.equal(nodeOf('ipn:7.3'), 'ipn:7.0')
  t.equal(nodeOf('dtn:none'), 'dtn:none')
})

t.test('an id is the source, the timestamp and the place of a fragment', async (t) => {
  const id = (change: Partial<Bundle['primary']> = {}, payload = 'payload') =>
    toHex(bundleId(bundle({ primary: change, payload })))
  t.equal(id(), id({ destination: 'ipn:1.1', lifetimeMs: 5, flags: 0 }))
  t.equal(id(), id({}, 'other payload'))
  t.not(id(), id({ source: 'ipn:1.1' }))
  t.not(id(), id({ creation: { timeMs: 1, sequence: 0 } }))
  t.not(id({ fragment: { offset: 0, totalLength: 9 } }), id())
  t.not(id({ fragment: { offset: 0, totalLength: 9 } }), id({ fragment: { offset: 1, totalLength: 9 } }))
  t.not(id({ fragment: { offset: 0, totalLength: 9 } }), id({ fragment: { offset: 0, totalLength: 9 } }, 'longer..'))
})

const fragmentFlags = BUNDLE_FLAGS.isFragment
const age = block(BLOCK_TYPES.bundleAge, 2, encodeBundleAge(1))

t.test('bundles that contradict themselves are refused, made here or come from outside', async (t) => {
  const anonymous = { source: 'dtn:none' }
  const wrong: [string, string, Bundle][] = [
    ['BUNDLES_CONTROL_FLAGS', 'anonymous, may be fragmented', bundle({ primary: { ...anonymous, flags: 0 } })],
    ['BUNDLES_CONTROL_FLAGS', 'anonymous, wants reports', bundle({ primary: { ...anonymous, flags: 0x4 | 0x40000 } })],
    ['BUNDLES_CONTROL_FLAGS', 'a report about a report', bundle({ primary: { flags: 0x2 | 0x4000 } })],
    [
      'BUNDLES_CONTROL_FLAGS',
      'a fragment that must not be one',
      bundle({ primary: { flags: 0x5, fragment: { offset: 0, totalLength: 50 } } }),
    ],
    ['BUNDLES_PRIMARY_BLOCK', 'no fragment fields', bundle({ primary: { flags: fragmentFlags } })],
    [
      'BUNDLES_PRIMARY_BLOCK',
      'a fragment beyond the whole',
      bundle({ primary: { flags: fragmentFlags, fragment: { offset: 1, totalLength: 7 } } }),
    ],
    [
      'BUNDLES_BLOCK_FLAGS',
      'anonymous, a block wants reports',
      bundle({ primary: anonymous, extensions: [{ ...age, flags: BLOCK_FLAGS.reportIfUnprocessable }] }),
    ],
    ['BUNDLES_BLOCK_NUMBER', 'number 0', bundle({ extensions: [{ ...age, number: 0 }] })],
    ['BUNDLES_BLOCK_NUMBER', 'the payload’s number', bundle({ extensions: [{ ...age, number: 1 }] })],
    ['BUNDLES_BLOCK_NUMBER', 'a number twice', bundle({ extensions: [age, block(200, 2, new Uint8Array())] })],
    ['BUNDLES_BLOCK_TWICE', 'two ages', bundle({ extensions: [age, { ...age, number: 3 }] })],
    ['BUNDLES_PAYLOAD_BLOCK', 'no payload', { ...bundle(), blocks: [age] }],
    ['BUNDLES_PAYLOAD_BLOCK', 'payload not last', { ...bundle(), blocks: [...bundle().blocks, age] }],
    ['BUNDLES_PAYLOAD_BLOCK', 'payload number 2', { ...bundle(), blocks: [block(1, 2, new Uint8Array())] }],
    ['BUNDLES_PAYLOAD_BLOCK', 'two payloads', bundle({ extensions: [block(1, 2, new Uint8Array())] })],
    ['BUNDLES_AGE_MISSING', 'no time, no age', bundle({ primary: { creation: { timeMs: 0, sequence: 1 } } })],
    ['BUNDLES_PRIMARY_UNPROTECTED', 'nothing protects', bundle({ primary: { crcType: 0 } })],
    ['BUNDLES_AGE', 'no age inside', bundle({ extensions: [{ ...age, data: encodeCbor('1') }] })],
    ['BUNDLES_AGE', 'two items inside', bundle({ extensions: [{ ...age, data: Uint8Array.of(1, 1) }] })],
    ['BUNDLES_HOP_COUNT', 'limit 0', bundle({ extensions: [block(10, 2, encodeCbor([0, 0]))] })],
    ['BUNDLES_HOP_COUNT', 'limit 256', bundle({ extensions: [block(10, 2, encodeCbor([256, 0]))] })],
    ['BUNDLES_PREVIOUS_NODE', 'no endpoint', bundle({ extensions: [block(6, 2, encodeCbor([1]))] })],
    ['BUNDLES_SECURITY_BLOCK', 'no frame', bundle({ extensions: [block(11, 2, Uint8Array.of(0))] })],
    ['BUNDLES_SECURITY_BLOCK', 'a target that is not there', bundle({ extensions: [block(11, 2, frame([9]))] })],
    ['BUNDLES_SECURITY_BLOCK', 'the primary block encrypted', bundle({ extensions: [block(12, 2, frame([0]))] })],
  ]
  for (const [code, what, value] of wrong) {
    t.throws(() => encodeBundle(value), { code }, `${what}, made`)
    t.throws(
      () => decodeBundle(unchecked(value)),
      { code, action: code.endsWith('UNPROTECTED') ? 'ignore' : 'reject' },
      what,
    )
  }
})

/** Data of a security block over `targets`. */
function frame(targets: number[]): Uint8Array {
  const results = targets.map(() => [[1, new Uint8Array(32)]])
  return concatBytes(...[targets, 1, 0, [2, [3, 0]], results].map((item) => encodeCbor(item as CborValue)))
}

/** Bytes of a bundle that {@link encodeBundle} would not make. CRCs left out, so that they are not what fails. */
function unchecked({ primary, blocks }: Bundle): Uint8Array {
  const { flags, destination, source, reportTo, creation, lifetimeMs, fragment } = primary
  const crcType = primary.crcType === 0 ? 0 : 2
  const items: CborValue[] = [
    7,
    flags,
    crcType,
    endpointToCbor(destination),
    endpointToCbor(source),
    endpointToCbor(reportTo),
  ]
  items.push(
    [creation.timeMs, creation.sequence],
    lifetimeMs,
    ...(fragment ? [fragment.offset, fragment.totalLength] : []),
  )
  if (crcType === 0) return wrap([encodeCbor(items), ...blocks.map(plainBlock)])
  const head = encodeCbor([...items, new Uint8Array(4)])
  new DataView(head.buffer).setUint32(head.length - 4, crc32c(head))
  return wrap([head, ...blocks.map(plainBlock)])
}

function plainBlock({ type, number, flags, data }: Bundle['blocks'][number]): Uint8Array {
  return encodeCbor([type, number, flags, 0, data])
}

function wrap(blocks: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(0x9f), ...blocks, Uint8Array.of(0xff))
}

t.test('an integrity block over the primary block stands in for its CRC', async (t) => {
  const covered = bundle({ primary: { crcType: 0 }, extensions: [block(11, 2, frame([0, 1]))] })
  t.doesNotThrow(() => decodeBundle(encodeBundle(covered)))
  const notCovered = bundle({ primary: { crcType: 0 }, extensions: [block(11, 2, frame([1]))] })
  t.throws(() => encodeBundle(notCovered), { code: 'BUNDLES_PRIMARY_UNPROTECTED' })
  t.doesNotThrow(() => decodeBundle(encodeBundle(notCovered, { relaxed: true }), { relaxed: true }))
  const encrypted = bundle({
    extensions: [block(12, 2, frame([3])), block(BLOCK_TYPES.bundleAge, 3, utf8('ciphertext'))],
  })
  t.doesNotThrow(() => decodeBundle(encodeBundle(encrypted)), 'an encrypted age is not looked into')
  t.match(decodeSecurityFrame(frame([0, 1])), { targets: [0, 1], contextId: 1, source: 'ipn:3.0' })
})

t.test('bytes that are no bundle', async (t) => {
  const good = encodeBundle(bundle())
  const wrong: [string, string, Uint8Array][] = [
    ['BUNDLES_MALFORMED', 'nothing', new Uint8Array()],
    ['BUNDLES_MALFORMED', 'no block', Uint8Array.of(0x9f, 0xff)],
    ['BUNDLES_MALFORMED', 'a definite array', concatBytes(Uint8Array.of(0x82), good.subarray(1, -1))],
    ['BUNDLES_MALFORMED', 'no end', good.subarray(0, -1)],
    ['BUNDLES_MALFORMED', 'bytes behind', concatBytes(good, Uint8Array.of(0))],
    ['BUNDLES_MALFORMED', 'an indefinite block', Uint8Array.of(0x9f, 0x9f, 0xff, 0xff)],
    ['BUNDLES_MALFORMED', 'a length beyond the end', fromHex('9f5bffffffffffffffff00ff')],
    ['BUNDLES_MALFORMED', 'a count beyond the end', fromHex('9f9bffffffffffffffff00ff')],
    ['BUNDLES_VERSION', 'version 6', good.with(good.indexOf(7), 6)],
    ['BUNDLES_PRIMARY_BLOCK', 'a number first', fromHex('9f0000ff')],
    ['BUNDLES_CRC', 'a changed primary block', flip(good, good.indexOf(0x2f))],
    ['BUNDLES_CRC', 'a changed payload', flip(good, Buffer.from(good).indexOf('payload'))],
  ]
  for (const [code, what, bytes] of wrong) t.throws(() => decodeBundle(bytes), { code, action: 'reject' }, what)
  const unknownCrc = wrap([
    encodeCbor([7, 0, 3, [1, 0], [1, 0], [1, 0], [1, 0], 1, new Uint8Array(4)]),
    plainBlock(age),
  ])
  t.throws(() => decodeBundle(unknownCrc), { code: 'BUNDLES_CRC_TYPE' })
  const shortCrc = wrap([encodeCbor([7, 0, 2, [1, 0], [1, 0], [1, 0], [1, 0], 1, new Uint8Array(2)]), plainBlock(age)])
  t.throws(() => decodeBundle(shortCrc), { code: 'BUNDLES_CRC' })
  const sixth = wrap([
    encodeCbor([7, 4, 0, [1, 0], [1, 0], [1, 0], [1, 0], 1]),
    encodeCbor([1, 1, 0, 0, new Uint8Array(), 0]),
  ])
  t.throws(() => decodeBundle(sixth), { code: 'BUNDLES_BLOCK' })
})

function flip(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1)
}

t.test('caps', async (t) => {
  t.throws(() => decodeBundle(new Uint8Array(MAX_BUNDLE_BYTES + 1)), { code: 'BUNDLES_TOO_LARGE' })
  const extensions = (count: number) =>
    Array.from({ length: count }, (_, index) => block(200, index + 2, new Uint8Array()))
  t.doesNotThrow(() => decodeBundle(encodeBundle(bundle({ extensions: extensions(MAX_BLOCKS - 2) }))))
  t.throws(() => encodeBundle(bundle({ extensions: extensions(MAX_BLOCKS - 1) })), { code: 'BUNDLES_TOO_MANY_BLOCKS' })
  t.throws(() => decodeBundle(unchecked(bundle({ extensions: extensions(MAX_BLOCKS - 1) }))), {
    code: 'BUNDLES_TOO_MANY_BLOCKS',
  })
  const long = wrap([encodeCbor('a'.repeat(MAX_PRIMARY_BLOCK_BYTES)), plainBlock(age)])
  t.throws(() => decodeBundle(long), { code: 'BUNDLES_PRIMARY_BLOCK' })
  const targets = Array.from({ length: MAX_SECURITY_TARGETS + 1 }, (_, index) => index)
  t.throws(() => decodeSecurityFrame(frame(targets)), { code: 'BUNDLES_SECURITY_BLOCK' })
  t.doesNotThrow(() => decodeSecurityFrame(frame(targets.slice(1))))
  t.throws(() => decodeSecurityFrame(new Uint8Array(MAX_EXTENSION_BYTES + 1)), { code: 'BUNDLES_SECURITY_BLOCK' })
  const deep = concatBytes(Uint8Array.of(0x9f), new Uint8Array(40).fill(0x81), Uint8Array.of(0, 0xff))
  t.throws(() => decodeBundle(deep), { code: 'BUNDLES_MALFORMED' })
})

const endpoint = fc.oneof(
  fc.constant('dtn:none'),
  fc.stringMatching(/^[a-z]{1,9}\/[a-z0-9~]{0,9}$/).map((path) => `dtn://${path}`),
  fc
    .tuple(fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map(([node, service]) => `ipn:${node}.${service}`),
)
const crc = fc.constantFrom<CrcType>(0, 1, 2)
const data = fc.uint8Array({ maxLength: 80 }).map((bytes) => new Uint8Array(bytes))
const anyBundle: fc.Arbitrary<Bundle> = fc
  .record({
    flags: fc.constantFrom(0, 0x4, 0x24, 0x4044, 2 ** 40),
    crcType: fc.constantFrom<CrcType>(1, 2),
    destination: endpoint,
    source: fc.constantFrom('ipn:9.1', 'dtn://s/'),
    reportTo: endpoint,
    timeMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    sequence: fc.maxSafeNat(),
    lifetimeMs: fc.maxSafeNat(),
    fragment: fc.option(fc.nat({ max: 5000 }), { nil: undefined }),
    blocks: fc.array(fc.tuple(fc.integer({ min: 13, max: 255 }), fc.nat({ max: 0xff }), crc, data), { maxLength: 5 }),
    payload: fc.tuple(crc, data),
  })
  .map(({ timeMs, sequence, fragment, blocks, payload: [payloadCrc, bytes], ...primary }) => ({
    primary: {
      ...primary,
      creation: { timeMs, sequence },
      ...(fragment === undefined
        ? {}
        : { flags: BUNDLE_FLAGS.isFragment, fragment: { offset: fragment, totalLength: fragment + bytes.length } }),
    },
    blocks: [
      ...blocks.map(([type, flags, crcType, data], index) => ({ type, number: index + 2, flags, crcType, data })),
      { type: 1, number: 1, flags: 0, crcType: payloadCrc, data: bytes },
    ],
  }))

t.test('round trip', async (t) => {
  fc.assert(
    fc.property(anyBundle, (value) => {
      const bytes = encodeBundle(value)
      t.strictSame(decodeBundle(bytes), value)
      return toHex(encodeBundle(decodeBundle(bytes))) === toHex(bytes)
    }),
    { numRuns: 200, seed: 9171 },
  )
})

t.test('changed bytes decode to the same bytes or fail with a code', async (t) => {
  let kept = 0
  let refused = 0
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(anyBundle, fc.array(change, { maxLength: 3 }), fc.nat(), (value, changes, cut) => {
      // Without CRCs, so that changes get past them.
      let bytes = unchecked({ primary: { ...value.primary, crcType: 0 }, blocks: value.blocks })
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      if (cut % 5 === 0) bytes = bytes.subarray(0, cut % (bytes.length + 1))
      try {
        const decoded = decodeBundle(bytes, { relaxed: true })
        kept += 1
        return toHex(encodeBundle(decoded, { relaxed: true })) === toHex(bytes)
      } catch (error) {
        refused += 1
        return BUNDLES_ERRORS.matches(error)
      }
    }),
    { numRuns: 2000, seed: 9171 },
  )
  t.ok(kept > 200 && refused > 200, `kept ${kept}, refused ${refused}`)
})
