import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { crc16, crc32c, decodeSecurityBlock } from '../../bundles/codec/index.ts'
import {
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
  payloadOf,
  previousNodeOf,
} from '../../bundles/index.ts'
import { MAX_BLOCKS, MAX_EXTENSION_BYTES, MAX_PRIMARY_BLOCK_BYTES, MAX_SECURITY_TARGETS } from '../../bundles/limits.ts'
import { concatBytes, encodeCbor, fromHex, toHex, utf8 } from '../../core/index.ts'
import { plainBlock, securityData, unchecked, wrap } from './raw.ts'
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

const age = block(BLOCK_TYPES.bundleAge, 2, encodeBundleAge(1))

t.test('bytes that are no bundle', async (t) => {
  const good = encodeBundle(bundle())
  const wrong: [string, string, Uint8Array][] = [
    ['BUNDLES_MALFORMED', 'nothing', new Uint8Array()],
    ['BUNDLES_MALFORMED', 'no block', Uint8Array.of(0x9f, 0xff)],
    [
      'BUNDLES_MALFORMED',
      'a primary block alone',
      concatBytes(good.subarray(0, good.indexOf(0x86)), Uint8Array.of(0xff)),
    ],
    ['BUNDLES_MALFORMED', 'a definite array', concatBytes(Uint8Array.of(0x82), good.subarray(1, -1))],
    ['BUNDLES_MALFORMED', 'no end', good.subarray(0, -1)],
    ['BUNDLES_MALFORMED', 'bytes behind', concatBytes(good, Uint8Array.of(0))],
    ['BUNDLES_MALFORMED', 'a primary block of indefinite length', Uint8Array.of(0x9f, 0x9f, 0xff, 0xff)],
    ['BUNDLES_PRIMARY_BLOCK', 'a length beyond the end', fromHex('9f5bffffffffffffffff00ff')],
    ['BUNDLES_PRIMARY_BLOCK', 'a count beyond the end', fromHex('9f9bffffffffffffffff00ff')],
    [
      'BUNDLES_MALFORMED',
      'data beyond the end',
      concatBytes(good.subarray(0, good.indexOf(0x86)), fromHex('85010100005bffffffffffffffffff')),
    ],
    [
      'BUNDLES_NOT_CANONICAL',
      'a long version',
      concatBytes(good.subarray(0, 2), Uint8Array.of(0x18), good.subarray(2)),
    ],
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
  t.throws(() => decodeSecurityBlock(securityData(targets)), { code: 'BUNDLES_SECURITY_BLOCK' })
  t.doesNotThrow(() => decodeSecurityBlock(securityData(targets.slice(1))))
  t.throws(() => decodeSecurityBlock(new Uint8Array(MAX_EXTENSION_BYTES + 1)), { code: 'BUNDLES_SECURITY_BLOCK' })
  const deep = concatBytes(Uint8Array.of(0x9f), new Uint8Array(40).fill(0x81), Uint8Array.of(0, 0xff))
  t.throws(() => decodeBundle(deep), { code: 'BUNDLES_PRIMARY_BLOCK' })
})

const endpoint = fc.oneof(
  fc.constant('dtn:none'),
  fc.stringMatching(/^[a-z]{1,9}\/[a-z0-9~]{0,9}$/).map((path) => `dtn://${path}`),
  fc
    .tuple(fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map(([node, service]) => `ipn:${node}.${service}`),
  fc.tuple(fc.nat(), fc.nat(), fc.nat()).map((numbers) => `ipn:${numbers.join('.')}`),
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

t.test('vectors with some bytes changed decode to the same bytes or fail with a code', async (t) => {
  const vectors: Uint8Array[] = accepted.map(({ hex }: { hex: string }) => fromHex(hex))
  t.ok(vectors.length >= 3)
  let kept = 0
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(
      fc.constantFrom(...vectors),
      fc.array(change, { maxLength: 2 }),
      fc.boolean(),
      (vector, changes, relaxed) => {
        const bytes = Uint8Array.from(vector)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        try {
          const same = toHex(encodeBundle(decodeBundle(bytes, { relaxed }), { relaxed })) === toHex(bytes)
          kept += 1
          return same
        } catch (error) {
          return BUNDLES_ERRORS.matches(error)
        }
      },
    ),
    { numRuns: 2000, seed: 9171 },
  )
  t.ok(kept > 100, `kept ${kept}`)
})
