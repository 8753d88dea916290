import fc from 'fast-check'
import t from 'tap'
import {
  BLOCK_FLAGS,
  BUNDLE_FLAGS,
  type CanonicalBlock,
  decodeBundle,
  decodeSecurityBlock,
  encodeBundle,
  planUnprocessable,
  withoutBlocks,
} from '../../bundles/index.ts'
import { toHex } from '../../core/index.ts'
import { securityData } from './raw.ts'
import { block, bundle } from './support.ts'

const { deleteBundleIfUnprocessable, discardIfUnprocessable, reportIfUnprocessable } = BLOCK_FLAGS
const unknown = (number: number, flags: number): CanonicalBlock => ({
  ...block(200, number, Uint8Array.of(number)),
  flags,
})
const known = ({ type }: CanonicalBlock) => type !== 200
const reportTo = { reportTo: 'dtn://home/' }

t.test('what the flags of an unknown block demand (RFC 9171 §5.6)', async (t) => {
  const plan = (...flags: number[]) =>
    planUnprocessable(bundle({ primary: reportTo, extensions: flags.map((flag, at) => unknown(at + 2, flag)) }), known)
  t.strictSame(plan(), { deleteBundle: false, discard: [], report: [] })
  t.strictSame(plan(0, 1), { deleteBundle: false, discard: [], report: [] }, 'it stays')
  t.strictSame(plan(discardIfUnprocessable, 0), { deleteBundle: false, discard: [2], report: [] })
  t.strictSame(plan(0, reportIfUnprocessable), { deleteBundle: false, discard: [], report: [3] })
  t.strictSame(plan(0x12, 0x10, 0x02), { deleteBundle: false, discard: [2, 3], report: [2, 4] })
  t.match(plan(deleteBundleIfUnprocessable), { deleteBundle: true })
  t.match(plan(0x16), { deleteBundle: true, report: [2] })
  const anonymous = bundle({ primary: { source: 'dtn:none', ...reportTo }, extensions: [unknown(2, 0x10)] })
  t.match(planUnprocessable(anonymous, known), { discard: [2], report: [] })
  const record = bundle({
    primary: { flags: BUNDLE_FLAGS.administrativeRecord, ...reportTo },
    extensions: [unknown(2, 2)],
  })
  t.match(planUnprocessable(record, known), { report: [] }, 'no report about a report')
  const demanding = bundle({ extensions: [{ ...unknown(2, 0x16), type: 7 }] })
  t.match(planUnprocessable(demanding, known), { deleteBundle: false, discard: [], report: [] }, 'a known one')
  t.match(
    planUnprocessable(bundle(), () => false),
    { deleteBundle: false, discard: [] },
    'the payload is not asked about',
  )
})

t.test('an unknown block that stays is forwarded byte for byte', async (t) => {
  let kept = 0
  const any = fc.record({
    type: fc.integer({ min: 13, max: 2 ** 40 }),
    flags: fc.maxSafeNat().map((flags) => flags - (flags % 32)),
    crcType: fc.constantFrom(0 as const, 1 as const, 2 as const),
    data: fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
  })
  fc.assert(
    fc.property(any, (odd) => {
      const bytes = encodeBundle(bundle({ extensions: [unknown(2, discardIfUnprocessable), { ...odd, number: 3 }] }))
      const came = decodeBundle(bytes)
      const { discard } = planUnprocessable(came, () => false)
      const sent = encodeBundle(withoutBlocks(came, discard))
      const whole = encodeBundle(bundle({ extensions: [{ ...odd, number: 3 }] }))
      kept += 1
      return discard.length === 1 && toHex(sent) === toHex(whole)
    }),
    { seed: 56 },
  )
  t.ok(kept >= 100)
})

t.test('a security block forgets a target that is gone, and goes with its last one', async (t) => {
  const bib = (number: number, targets: number[]) => block(11, number, securityData(targets))
  const bcb = (number: number, targets: number[]) => block(12, number, securityData(targets))
  const numbersOf = (extensions: CanonicalBlock[], gone: number[]) => {
    const left = decodeBundle(encodeBundle(withoutBlocks(bundle({ extensions }), gone)))
    return left.blocks.map(({ number, type, data }) => [
      number,
      ...(type === 11 || type === 12 ? decodeSecurityBlock(data).targets : []),
    ])
  }
  t.strictSame(numbersOf([unknown(2, 0), bib(3, [0, 2, 1])], [2]), [[3, 0, 1], [1]])
  t.strictSame(numbersOf([unknown(2, 0), bib(3, [2])], [2]), [[1]])
  t.strictSame(numbersOf([unknown(2, 0), bcb(4, [2]), bib(3, [1])], [2]), [[3, 1], [1]])
  t.strictSame(numbersOf([unknown(2, 0), bib(3, [1])], [2]), [[3, 1], [1]], 'another target')
  t.strictSame(numbersOf([unknown(2, 0), unknown(3, 0), bib(4, [2, 3])], [2, 3]), [[1]])
  const encrypted = bundle({ extensions: [unknown(2, 0), block(11, 3, Uint8Array.of(9, 9)), bcb(4, [2, 3])] })
  const left = withoutBlocks(encrypted, [2]).blocks
  t.strictSame(left[0]?.data, Uint8Array.of(9, 9), 'one that is encrypted stays as it is')
  t.strictSame(decodeSecurityBlock(left[1]?.data ?? new Uint8Array()).targets, [3])
  t.equal(withoutBlocks(bundle(), [1, 0]).blocks.length, 1, 'neither primary block nor payload can go')
})
