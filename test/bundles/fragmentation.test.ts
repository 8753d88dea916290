import fc from 'fast-check'
import t from 'tap'
import {
  BLOCK_FLAGS,
  BUNDLE_FLAGS,
  BUNDLES_ERRORS,
  type Bundle,
  decodeBundle,
  encodeBundle,
  encodeBundleAge,
  encodeHopCount,
  fragmentAt,
  fragmentBundle,
  mayAddSecurity,
  payloadOf,
  ReassemblyPlan,
  reassembleBundle,
  sizeOfBundle,
} from '../../bundles/index.ts'
import { MAX_BUNDLE_BYTES, MAX_FRAGMENTS, MAX_PAYLOAD_BYTES } from '../../bundles/limits.ts'
import { toHex, utf8 } from '../../core/index.ts'
import { securityData } from './raw.ts'
import { block, bundle } from './support.ts'

const fragmentable = { flags: 0 }
const replicate = BLOCK_FLAGS.replicateInFragments

/** A bundle with a block of every kind, `length` bytes of payload. */
function large(length: number, primary: Partial<Bundle['primary']> = {}): Bundle {
  const extensions = [
    block(7, 2, encodeBundleAge(5), 1),
    { ...block(200, 3, utf8('first fragment only')), flags: 0 },
    { ...block(201, 4, utf8('everywhere')), flags: replicate },
    block(10, 5, encodeHopCount({ limit: 9, count: 1 })),
    { ...block(11, 6, securityData([1, 7])), flags: replicate },
    block(202, 7, utf8('covered by it')),
    block(11, 8, securityData([3])),
  ]
  const payload = Array.from({ length }, (_, at) => String.fromCharCode(97 + (at % 26))).join('')
  return bundle({ primary: { ...fragmentable, ...primary }, extensions, payload })
}

t.test('the first fragment has all blocks, the others what must be replicated (RFC 9171 §5.8)', async (t) => {
  const [first, second, third, ...more] = fragmentAt(large(100), [40, 60])
  t.equal(more.length, 0)
  const numbers = (part?: Bundle) => part?.blocks.map(({ number }) => number)
  t.strictSame(numbers(first), [2, 3, 4, 5, 6, 7, 8, 1])
  t.strictSame(numbers(second), [2, 4, 5, 6, 7, 1], 'age, hop count, what says so, and the targets of what says so')
  t.strictSame(numbers(third), numbers(second))
  t.match(first?.primary, { flags: BUNDLE_FLAGS.isFragment, fragment: { offset: 0, totalLength: 100 } })
  t.match(second?.primary, { flags: BUNDLE_FLAGS.isFragment, fragment: { offset: 40, totalLength: 100 } })
  t.equal(second && payloadOf(second).length, 20)
  for (const part of [first, second, third]) if (part) t.strictSame(decodeBundle(encodeBundle(part)), part)
  t.notOk(first && mayAddSecurity(first), 'security blocks are for the whole (RFC 9172 §5.2)')
  t.ok(mayAddSecurity(large(1)))
})

t.test(
  'what covers a primary block without CRC, and what says that the payload is encrypted, go everywhere',
  async (t) => {
    const cover = [{ ...block(11, 2, securityData([0, 3])), flags: 0 }, block(200, 3, utf8('x'))]
    const parts = fragmentAt(bundle({ primary: { flags: 0, crcType: 0 }, extensions: cover }), [3])
    t.strictSame(
      parts.map(({ blocks }) => blocks.length),
      [3, 3],
    )
    for (const part of parts) t.doesNotThrow(() => decodeBundle(encodeBundle(part)))
    const withCrc = fragmentAt(bundle({ primary: { flags: 0 }, extensions: cover }), [3])
    t.strictSame(
      withCrc.map(({ blocks }) => blocks.length),
      [3, 1],
    )

    const secret = [
      block(12, 2, securityData([1])),
      { ...block(7, 3, utf8('secret')), flags: 0 },
      block(12, 4, securityData([3])),
    ]
    const encrypted = fragmentAt(bundle({ primary: { flags: 0 }, extensions: secret }), [3])
    for (const part of encrypted)
      t.doesNotThrow(() => decodeBundle(encodeBundle(part)), 'an encrypted age comes with its cipher')
    t.strictSame(
      encrypted.map(({ blocks }) => blocks.length),
      [4, 4],
    )

    const unread = [
      block(12, 2, securityData([1, 3])),
      block(11, 3, utf8('secret')),
      block(200, 4, utf8('perhaps covered')),
    ]
    const opaque = fragmentAt(bundle({ primary: { flags: 0 }, extensions: unread }), [3])
    t.strictSame(
      opaque.map(({ blocks }) => blocks.length),
      [4, 4],
    )
  },
)

t.test('fragments are as large as they may be, and no larger', async (t) => {
  const whole = large(3000)
  t.equal(sizeOfBundle(whole), encodeBundle(whole).length)
  t.strictSame(fragmentBundle(whole, sizeOfBundle(whole)), [whole], 'what fits is the bundle itself')
  const parts = fragmentBundle(whole, 700)
  t.ok(parts.length >= 5)
  for (const part of parts.slice(0, -1)) {
    const { length } = encodeBundle(part)
    t.ok(length <= 700 && length > 680, `${length}`)
  }
  t.ok(encodeBundle(parts.at(-1) as Bundle).length <= 700)
  t.strictSame(reassembleBundle(parts), whole)
  t.throws(() => fragmentBundle(whole, 100), { code: 'BUNDLES_FRAGMENT_TOO_SMALL' })
})

t.test('what must not be fragmented is not', async (t) => {
  const whole = large(100, { flags: BUNDLE_FLAGS.mustNotFragment })
  t.throws(() => fragmentAt(whole, [50]), { code: 'BUNDLES_MUST_NOT_FRAGMENT' })
  t.throws(() => fragmentBundle(whole, 200), { code: 'BUNDLES_MUST_NOT_FRAGMENT' })
  t.strictSame(fragmentBundle(whole, 10_000), [whole], 'unless it fits')
  for (const cuts of [[0], [100], [101], [50, 50], [60, 50], [1.5], [-1]])
    t.throws(() => fragmentAt(large(100), cuts), TypeError, `${cuts}`)
})

/** Cuts of `length` bytes. */
const cutsOf = (length: number, seeds: readonly number[]) =>
  [...new Set(seeds.map((seed) => 1 + (seed % (length - 1))))].sort((a, b) => a - b)

t.test('any fragments, fragmented again, in any order and some of them twice, are the same bytes', async (t) => {
  let parts = 0
  const seeds = fc.array(fc.nat(), { maxLength: 6 })
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 500 }),
      seeds,
      seeds,
      fc.array(fc.nat(), { maxLength: 12 }),
      (length, one, two, order) => {
        const whole = large(length)
        const pieces = fragmentAt(whole, cutsOf(length, one)).flatMap((piece) => {
          const size = payloadOf(piece).length
          return size < 2 ? [piece] : fragmentAt(piece, cutsOf(size, two))
        })
        const sent = [...pieces, ...order.map((at) => pieces[at % pieces.length] as Bundle)]
        const shuffled = sent
          .map((piece, at) => ({
            piece,
            key: ((order[at % Math.max(1, order.length)] ?? 0) * 7919 + at * 104729) % 1009,
          }))
          .sort((a, b) => a.key - b.key)
          .map(({ piece }) => decodeBundle(encodeBundle(piece)))
        parts += pieces.length
        return toHex(encodeBundle(reassembleBundle(shuffled))) === toHex(encodeBundle(whole))
      },
    ),
    { numRuns: 200, seed: 58 },
  )
  t.ok(parts > 400, `${parts} fragments`)
})

t.test('a plan knows what is missing, and any range that does not fit is refused and changes nothing', async (t) => {
  const plan = new ReassemblyPlan(100)
  const add = (offset: number, length: number, totalLength = 100) => plan.add({ offset, totalLength }, length)
  t.strictSame(plan.holes(), [{ offset: 0, length: 100 }])
  t.ok(add(10, 20))
  t.ok(add(50, 10))
  t.notOk(add(10, 20), 'a duplicate')
  const holes = [
    { offset: 0, length: 10 },
    { offset: 30, length: 20 },
    { offset: 60, length: 40 },
  ]
  t.strictSame(plan.holes(), holes)
  for (const [offset, length] of [
    [9, 2],
    [10, 19],
    [10, 21],
    [29, 1],
    [15, 5],
    [0, 100],
    [40, 11],
    [59, 2],
  ] as const)
    t.throws(() => add(offset, length), { code: 'BUNDLES_FRAGMENT_OVERLAP', action: 'ignore' }, `${offset} ${length}`)
  t.throws(() => add(95, 6), { code: 'BUNDLES_FRAGMENT_RANGE' })
  t.throws(() => add(40, 0), { code: 'BUNDLES_FRAGMENT_RANGE' })
  t.throws(() => add(0, 5, 101), { code: 'BUNDLES_FRAGMENT_MISMATCH' })
  t.strictSame(plan.holes(), holes)
  t.equal(plan.receivedBytes, 30)
  for (const { offset, length } of holes) add(offset, length)
  t.ok(plan.complete)
  t.strictSame(plan.holes(), [])
  t.ok(new ReassemblyPlan(0).complete)
})

t.test('random ranges: the plan agrees with a bitmap', async (t) => {
  let refused = 0
  const range = fc.record({ offset: fc.nat({ max: 40 }), length: fc.integer({ min: 1, max: 12 }) })
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
      const plan = new ReassemblyPlan(48)
      const have = new Array<string | undefined>(48)
      for (const { offset, length } of ranges) {
        const slots = have.slice(offset, offset + length)
        const fits = offset + length <= 48 && slots.every((slot) => slot === undefined)
        const twice = slots.every((slot) => slot === `${offset}+${length}`) && offset + length <= 48
        try {
          if (plan.add({ offset, totalLength: 48 }, length) !== fits || (!fits && !twice)) return false
          have.fill(`${offset}+${length}`, offset, offset + length)
        } catch (error) {
          refused += 1
          if (fits || twice || !BUNDLES_ERRORS.matches(error)) return false
        }
      }
      const missing = plan.holes().flatMap(({ offset, length }) => Array.from({ length }, (_, at) => offset + at))
      return missing.join() === [...have.keys()].filter((at) => have[at] === undefined).join()
    }),
    { numRuns: 300, seed: 59 },
  )
  t.ok(refused > 100, `${refused} refused`)
})

t.test('lies are refused', async (t) => {
  const [first, second] = fragmentAt(large(100), [40]) as [Bundle, Bundle]
  const changed = (change: Partial<Bundle['primary']>) => ({ ...second, primary: { ...second.primary, ...change } })
  const lies: [code: string, what: string, Bundle][] = [
    ['BUNDLES_FRAGMENT_MISMATCH', 'another total length', changed({ fragment: { offset: 40, totalLength: 101 } })],
    ['BUNDLES_FRAGMENT_MISMATCH', 'another destination', changed({ destination: 'dtn://thief/' })],
    ['BUNDLES_FRAGMENT_MISMATCH', 'another source', changed({ source: 'dtn://other/' })],
    ['BUNDLES_FRAGMENT_MISMATCH', 'another time', changed({ creation: { timeMs: 1, sequence: 0 } })],
    ['BUNDLES_FRAGMENT_MISMATCH', 'another lifetime', changed({ lifetimeMs: 1 })],
    ['BUNDLES_FRAGMENT_MISMATCH', 'no fragment', large(100)],
    ['BUNDLES_FRAGMENT_OVERLAP', 'another place', changed({ fragment: { offset: 39, totalLength: 100 } })],
    ['BUNDLES_FRAGMENT_RANGE', 'a place beyond', changed({ fragment: { offset: 41, totalLength: 100 } })],
  ]
  for (const [code, what, lie] of lies) t.throws(() => reassembleBundle([first, lie]), { code }, what)
  const forged = {
    ...second,
    blocks: second.blocks.map((part) => (part.type === 1 ? { ...part, data: new Uint8Array(60) } : part)),
  }
  t.throws(() => reassembleBundle([first, second, forged]), { code: 'BUNDLES_FRAGMENT_OVERLAP' }, 'other bytes')
  for (const some of [[first], [second], [], [large(100)]])
    t.throws(() => reassembleBundle(some), { code: 'BUNDLES_FRAGMENTS_MISSING' })
})

t.test('caps of reassembly', async (t) => {
  t.throws(() => new ReassemblyPlan(MAX_PAYLOAD_BYTES + 1), { code: 'BUNDLES_REASSEMBLY_TOO_LARGE', action: 'ignore' })
  const plan = new ReassemblyPlan(MAX_PAYLOAD_BYTES)
  const add = (at: number) => plan.add({ offset: at * 2, totalLength: MAX_PAYLOAD_BYTES }, 1)
  for (let at = 0; at < MAX_FRAGMENTS; at += 1) add(at)
  t.throws(() => add(MAX_FRAGMENTS), { code: 'BUNDLES_TOO_MANY_FRAGMENTS', action: 'ignore' })
  t.notOk(add(0), 'a duplicate is none too many')
  const [first] = fragmentAt(large(100), [40]) as [Bundle]
  const fragment = { offset: 0, totalLength: MAX_BUNDLE_BYTES + 1 }
  t.throws(() => reassembleBundle([{ ...first, primary: { ...first.primary, fragment } }]), {
    code: 'BUNDLES_REASSEMBLY_TOO_LARGE',
  })
})
