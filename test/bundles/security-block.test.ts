import t from 'tap'
import { decodeSecurityBlock, encodeSecurityBlock, type SecurityBlock } from '../../bundles/index.ts'
import { concatBytes, encodeCbor, fromHex, toHex } from '../../core/index.ts'
import { securityData } from './raw.ts'

/** RFC 9173 appendix A.1.3.2: parameters of BIB-HMAC-SHA2 and one HMAC. */
const RFC_9173_A1 =
  '810101018202820201828201078203008181820158403bdc69b3a34a2b5d3a8554368bd1e808' +
  'f606219d2a10a846eae3886ae4ecc83c4ee550fdfb1cc636b904e2f1a73e303dcd4b6ccece003e95e8164dcc89a156e1'

t.test('a security block keeps every byte', async (t) => {
  const block = decodeSecurityBlock(fromHex(RFC_9173_A1))
  t.match(block, { targets: [1], contextId: 1, flags: 1, source: 'ipn:2.1' })
  t.strictSame(block.parameters, [
    { id: 1, value: Uint8Array.of(7) },
    { id: 3, value: Uint8Array.of(0) },
  ])
  t.equal(block.results.length, 1)
  t.equal(block.results[0]?.[0]?.id, 1)
  t.equal(toHex(encodeSecurityBlock(block)), RFC_9173_A1)

  const odd: SecurityBlock = {
    targets: [5, 0],
    contextId: -7,
    flags: 0x40,
    source: 'ipn:977000.100.1',
    results: [[], [{ id: 9, value: fromHex('d862f98000') }]],
  }
  t.strictSame(decodeSecurityBlock(encodeSecurityBlock(odd)), odd, 'tags and floats are the context’s')
  const empty = { ...odd, flags: 0x41, parameters: [] }
  t.strictSame(decodeSecurityBlock(encodeSecurityBlock(empty)), empty, 'no parameters are not none')
})

t.test('security blocks that are none', async (t) => {
  const item = (value: Parameters<typeof encodeCbor>[0]) => encodeCbor(value)
  const whole = [item([1]), item(1), item(0), item([2, [2, 1]]), item([[[1, 0]]])]
  const changed = (at: number, bytes: Uint8Array) => concatBytes(...whole.with(at, bytes))
  const wrong: [what: string, bytes: Uint8Array, code?: string][] = [
    ['nothing', new Uint8Array()],
    ['no targets', changed(0, item([]))],
    ['a target twice', securityData([1, 1]), 'BUNDLES_SECURITY_TARGET'],
    ['a target that is no number', changed(0, item(['1']))],
    ['a context that is no number', changed(1, item('1'))],
    ['no source', changed(3, item([2, [2]]))],
    ['parameters announced', changed(2, item(1))],
    ['a result too many', changed(4, item([[], []]))],
    ['a pair of three', changed(4, item([[[1, 0, 0]]]))],
    ['an id that is no number', changed(4, item([[['1', 0]]]))],
    ['bytes behind', concatBytes(...whole, item(0))],
    ['more results than bytes', changed(4, fromHex('819b00ffffffffffffff'))],
    [
      'a value that nests too deeply',
      changed(4, concatBytes(fromHex('81818201'), new Uint8Array(20).fill(0x81), item(0))),
    ],
  ]
  for (const [what, bytes, code = 'BUNDLES_SECURITY_BLOCK'] of wrong)
    t.throws(() => decodeSecurityBlock(bytes), { code }, what)
  const results = [[{ id: 1, value: Uint8Array.of(0x82, 1) }]]
  const made = { targets: [1], contextId: 1, flags: 0, source: 'ipn:2.1', results }
  t.throws(() => encodeSecurityBlock(made), { code: 'BUNDLES_SECURITY_BLOCK' }, 'a value that is half an item')
  t.throws(() => encodeSecurityBlock({ ...made, results: [] }), { code: 'BUNDLES_SECURITY_BLOCK' })
})
