import fc from 'fast-check'
import t from 'tap'
import {
  BUNDLES_ERRORS,
  type Bundle,
  type BundleRules,
  BundleStreamReader,
  decodeBundle,
  encodeBundle,
  encodeBundleAge,
  encodeBundleHead,
  encodeBundleTail,
  passPayload,
  payloadOf,
} from '../../bundles/index.ts'
import { MAX_BLOCKS, MAX_BUNDLE_HEAD_BYTES, MAX_PAYLOAD_BYTES } from '../../bundles/limits.ts'
import { concatBytes, fromHex, toHex, utf8 } from '../../core/index.ts'
import { unchecked } from './raw.ts'
import { block, bundle } from './support.ts'

/** The pieces of `bytes` between `cuts`. */
function piecesOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, at) => bytes.subarray(edges[at], end))
}

/** What a stream reader makes of pieces: the bundle, or the code it fails with. */
function streamed(pieces: readonly Uint8Array[], rules?: BundleRules): Bundle | string {
  const reader = new BundleStreamReader(rules)
  try {
    const data = concatBytes(...pieces.map((piece) => Uint8Array.from(reader.push(piece))))
    reader.end()
    if (reader.found === undefined) return 'NOT FOUND'
    const { primary, extensions, payload } = reader.found.head
    return {
      primary,
      blocks: [...extensions, { type: 1, number: 1, flags: payload.flags, crcType: payload.crcType, data }],
    }
  } catch (error) {
    return BUNDLES_ERRORS.matches(error) ? error.code : String(error)
  }
}

const extensions = [
  block(7, 2, encodeBundleAge(5), 1),
  block(200, 3, utf8('something')),
  block(201, 9, new Uint8Array(70), 2),
]
const crcOf = (value: Bundle, crcType: 0 | 1 | 2): Bundle => ({
  ...value,
  blocks: value.blocks.map((part) => (part.type === 1 ? { ...part, crcType } : part)),
})

t.test('bytes that come in any pieces are the bundle that they are at once', async (t) => {
  let seen = 0
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.constantFrom(0 as const, 1 as const, 2 as const),
      fc.nat({ max: 400 }),
      (cuts, crcType, length) => {
        const value = crcOf(bundle({ extensions, payload: 'p'.repeat(length) }), crcType)
        const bytes = encodeBundle(value)
        seen += 1
        const came = streamed(piecesOf(bytes, cuts))
        return typeof came !== 'string' && toHex(encodeBundle(came)) === toHex(bytes)
      },
    ),
    { seed: 41 },
  )
  t.ok(seen >= 100)
  const bytes = encodeBundle(bundle({ extensions }))
  t.strictSame(streamed([...bytes].map((byte) => Uint8Array.of(byte))), decodeBundle(bytes), 'one by one')
})

t.test('it says where the payload lies as soon as it can', async (t) => {
  const bytes = encodeBundle(bundle({ extensions, payload: 'x'.repeat(5000) }))
  const reader = new BundleStreamReader()
  const start = Buffer.from(bytes).indexOf('xxx')
  t.equal(reader.push(bytes.subarray(0, start - 1)).length, 0)
  t.equal(reader.found, undefined)
  reader.push(bytes.subarray(start - 1, start))
  t.match(reader.found, { payloadStart: start, payloadEnd: start + 5000, bundleEnd: bytes.length })
  t.equal(reader.found?.head.payload.length, 5000)
  t.equal(reader.push(bytes.subarray(start, start + 10)).length, 10)
  t.notOk(reader.done)
  t.throws(() => reader.end(), { code: 'BUNDLES_MALFORMED' })
  reader.push(bytes.subarray(start + 10))
  t.ok(reader.done)
  t.throws(() => reader.push(Uint8Array.of(0)), { code: 'BUNDLES_MALFORMED' }, 'bytes behind')
})

t.test('changed bytes fail as they do at once, or give the same bundle', async (t) => {
  let kept = 0
  let refused = 0
  const value = bundle({ extensions })
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.array(fc.nat(), { maxLength: 5 }), (at, byte, cuts) => {
      const bytes = unchecked({ ...value, primary: { ...value.primary, crcType: 0 } })
      bytes[at % bytes.length] = byte
      const came = streamed(piecesOf(bytes, cuts), { relaxed: true })
      try {
        const whole = decodeBundle(bytes, { relaxed: true })
        kept += 1
        return (
          typeof came !== 'string' &&
          toHex(encodeBundle(came, { relaxed: true })) === toHex(encodeBundle(whole, { relaxed: true }))
        )
      } catch {
        refused += 1
        return typeof came === 'string' && came.startsWith('BUNDLES_')
      }
    }),
    { numRuns: 2000, seed: 41 },
  )
  t.ok(kept > 200 && refused > 200, `kept ${kept}, refused ${refused}`)
})

t.test('what is wrong is refused with its code', async (t) => {
  const good = encodeBundle(bundle({ extensions, payload: 'x'.repeat(50) }))
  const start = Buffer.from(good).indexOf('xxx')
  const changed = (at: number) => good.with(at, (good[at] ?? 0) ^ 1)
  t.equal(streamed([changed(start)]), 'BUNDLES_CRC')
  t.equal(streamed([changed(good.length - 2)]), 'BUNDLES_CRC')
  t.equal(streamed([good.with(good.length - 1, 0x85)]), 'BUNDLES_PAYLOAD_BLOCK', 'another block behind the payload')
  t.equal(streamed([Uint8Array.of(0x82)]), 'BUNDLES_MALFORMED')
  t.equal(streamed([]), 'BUNDLES_MALFORMED')
  t.equal(streamed([good.subarray(0, -1)]), 'BUNDLES_MALFORMED')
  t.equal(streamed([unchecked({ ...bundle(), blocks: [block(1, 2, utf8('x'))] })]), 'BUNDLES_PAYLOAD_NUMBER')
  const fragment = { flags: 1, fragment: { offset: 1, totalLength: 7 } }
  const beyond = unchecked(bundle({ primary: fragment }))
  t.equal(streamed([beyond]), 'BUNDLES_FRAGMENT_RANGE')
  t.not(typeof streamed([beyond], { relaxed: true }), 'string')
  t.equal(streamed([unchecked(bundle({ primary: { crcType: 0 } }))]), 'BUNDLES_PRIMARY_UNPROTECTED')
})

t.test(
  'lengths that nobody could keep are refused before a byte of it comes, and nothing is set aside for them',
  async (t) => {
    const head = encodeBundle(bundle()).subarray(0, -18)
    const primary = head.subarray(0, Buffer.from(head).lastIndexOf(Buffer.from('860101', 'hex')))
    const allocated = () => process.memoryUsage().arrayBuffers
    const refusedAtOnce = (code: string, ...bytes: Uint8Array[]) => {
      const before = allocated()
      t.equal(streamed(bytes), code)
      t.ok(allocated() - before < 8 * 1024 * 1024, 'no memory for it')
    }
    refusedAtOnce('BUNDLES_HEAD_TOO_LARGE', primary, fromHex('8518c80200005a3fffffff'))
    refusedAtOnce('BUNDLES_BLOCK', primary, fromHex('8518c80200005bffffffffffffffff'))
    refusedAtOnce('BUNDLES_PAYLOAD_TOO_LARGE', primary, fromHex('85010100005a40000001'))
    refusedAtOnce('BUNDLES_BLOCK', primary, fromHex('85010100005bffffffffffffffff'))
    refusedAtOnce('BUNDLES_PRIMARY_BLOCK', fromHex('9f9bffffffffffffffff'))
    refusedAtOnce('BUNDLES_ENDPOINT', fromHex('9f88070000827b7fffffffffffffff'))
    refusedAtOnce('BUNDLES_ENDPOINT', fromHex('9f8807000082017b7fffffffffffffff'))
    const whole = concatBytes(primary, fromHex('85010100005bffffffffffffffff'), Uint8Array.of(0xff))
    const before = allocated()
    t.throws(() => decodeBundle(whole), { code: 'BUNDLES_MALFORMED' })
    t.throws(() => decodeBundle(concatBytes(primary, fromHex('85010100005a3fffffff'), Uint8Array.of(0xff))), {
      code: 'BUNDLES_MALFORMED',
    })
    t.ok(allocated() - before < 8 * 1024 * 1024)
  },
)

t.test('caps of the head', async (t) => {
  const many = Array.from({ length: MAX_BLOCKS - 1 }, (_, at) => block(200, at + 2, new Uint8Array()))
  t.equal(streamed([unchecked(bundle({ extensions: many }))]), 'BUNDLES_TOO_MANY_BLOCKS')
  t.not(typeof streamed([unchecked(bundle({ extensions: many.slice(1) }))]), 'string')
  const big = [
    block(200, 2, new Uint8Array(MAX_BUNDLE_HEAD_BYTES / 2)),
    block(200, 3, new Uint8Array(MAX_BUNDLE_HEAD_BYTES / 2)),
  ]
  const bytes = unchecked(bundle({ extensions: big }))
  const pieces = Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, at) =>
    bytes.subarray(at * 4096, at * 4096 + 4096),
  )
  t.equal(streamed(pieces), 'BUNDLES_HEAD_TOO_LARGE')
  const { primary } = bundle()
  const payload = { flags: 0, crcType: 2 as const, length: 1 }
  t.throws(() => encodeBundleHead({ primary, extensions: big, payload }), { code: 'BUNDLES_HEAD_TOO_LARGE' })
  t.throws(() => encodeBundleHead({ primary, extensions: many, payload }), { code: 'BUNDLES_TOO_MANY_BLOCKS' })
  t.throws(
    () => encodeBundleHead({ primary, extensions: [], payload: { ...payload, length: MAX_PAYLOAD_BYTES + 1 } }),
    {
      code: 'BUNDLES_PAYLOAD_TOO_LARGE',
    },
  )
})

t.test('a bundle is written in pieces as it is at once', async (t) => {
  for (const crcType of [0, 1, 2] as const) {
    for (const length of [0, 23, 24, 700]) {
      const value = crcOf(bundle({ extensions, payload: 'y'.repeat(length) }), crcType)
      const { primary, blocks } = value
      const { bytes, progress } = encodeBundleHead({
        primary,
        extensions: blocks.slice(0, -1),
        payload: { flags: 0, crcType, length },
      })
      let state = progress
      for (const piece of piecesOf(payloadOf(value), [1, 20, 300])) state = passPayload(state, piece)
      const whole = concatBytes(bytes, payloadOf(value), encodeBundleTail(state))
      t.equal(toHex(whole), toHex(encodeBundle(value)), `CRC type ${crcType}, ${length} bytes`)
      t.throws(() => passPayload(state, Uint8Array.of(1)), { code: 'BUNDLES_PAYLOAD_LENGTH' })
      if (length > 0) t.throws(() => encodeBundleTail(progress), { code: 'BUNDLES_PAYLOAD_LENGTH' })
    }
  }
})

t.test('a payload of 64 MiB passes through without being kept', async (t) => {
  const length = 64 * 1024 * 1024
  const { primary } = bundle()
  const chunk = new Uint8Array(256 * 1024).fill(7)
  const { bytes, progress } = encodeBundleHead({ primary, extensions: [], payload: { flags: 0, crcType: 2, length } })
  const reader = new BundleStreamReader()
  const before = process.memoryUsage().arrayBuffers
  reader.push(bytes)
  let state = progress
  let most = 0
  for (let sent = 0; sent < length; sent += chunk.length) {
    state = passPayload(state, chunk)
    reader.push(chunk)
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }
  reader.push(encodeBundleTail(state))
  t.ok(reader.done)
  t.ok(most < 8 * 1024 * 1024, `${most} bytes more`)
})
