import t from 'tap'
import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  decodeBundle,
  encodeBundle,
  encodeBundleAge,
  encodePreviousNode,
} from '../../bundles/index.ts'
import { encodeCbor, utf8 } from '../../core/index.ts'
import { securityData, unchecked } from './raw.ts'
import { block, bundle } from './support.ts'

const fragmentFlags = BUNDLE_FLAGS.isFragment
const age = block(BLOCK_TYPES.bundleAge, 2, encodeBundleAge(1))

t.test('bundles that contradict themselves are refused, made here or come from outside', async (t) => {
  const anonymous = { source: 'dtn:none' }
  const wrong: [string, string, Bundle][] = [
    ['BUNDLES_ANONYMOUS_FRAGMENTABLE', 'anonymous, may be fragmented', bundle({ primary: { ...anonymous, flags: 0 } })],
    [
      'BUNDLES_ANONYMOUS_REPORTS',
      'anonymous, wants reports',
      bundle({ primary: { ...anonymous, flags: 0x4 | 0x40000 } }),
    ],
    ['BUNDLES_ADMINISTRATIVE_REPORTS', 'a report about a report', bundle({ primary: { flags: 0x2 | 0x4000 } })],
    ['BUNDLES_FRAGMENT_FIELDS', 'no fragment fields', bundle({ primary: { flags: fragmentFlags } })],
    [
      'BUNDLES_BLOCK_FLAGS',
      'anonymous, a block wants reports',
      bundle({ primary: anonymous, extensions: [{ ...age, flags: BLOCK_FLAGS.reportIfUnprocessable }] }),
    ],
    ['BUNDLES_BLOCK_NUMBER_RESERVED', 'number 0', bundle({ extensions: [{ ...age, number: 0 }] })],
    ['BUNDLES_BLOCK_NUMBER', 'the payload’s number', bundle({ extensions: [{ ...age, number: 1 }] })],
    ['BUNDLES_BLOCK_NUMBER', 'a number twice', bundle({ extensions: [age, block(200, 2, new Uint8Array())] })],
    ['BUNDLES_BLOCK_TWICE', 'two ages', bundle({ extensions: [age, { ...age, number: 3 }] })],
    ['BUNDLES_PAYLOAD_MISSING', 'no payload', { ...bundle(), blocks: [age] }],
    ['BUNDLES_PAYLOAD_BLOCK', 'payload not last', { ...bundle(), blocks: [...bundle().blocks, age] }],
    ['BUNDLES_PAYLOAD_NUMBER', 'payload number 2', { ...bundle(), blocks: [block(1, 2, new Uint8Array())] }],
    ['BUNDLES_PAYLOAD_TWICE', 'two payloads', bundle({ extensions: [block(1, 2, new Uint8Array())] })],
    ['BUNDLES_AGE', 'no age inside', bundle({ extensions: [{ ...age, data: encodeCbor('1') }] })],
    ['BUNDLES_AGE', 'two items inside', bundle({ extensions: [{ ...age, data: Uint8Array.of(1, 1) }] })],
    ['BUNDLES_HOP_COUNT', 'limit 0', bundle({ extensions: [block(10, 2, encodeCbor([0, 0]))] })],
    ['BUNDLES_HOP_COUNT', 'limit 256', bundle({ extensions: [block(10, 2, encodeCbor([256, 0]))] })],
    ['BUNDLES_PREVIOUS_NODE', 'no endpoint', bundle({ extensions: [block(6, 2, encodeCbor([1]))] })],
    ['BUNDLES_SECURITY_BLOCK', 'no frame', bundle({ extensions: [block(11, 2, Uint8Array.of(0))] })],
    [
      'BUNDLES_SECURITY_TARGET',
      'a target that is not there',
      bundle({ extensions: [block(11, 2, securityData([9]))] }),
    ],
    [
      'BUNDLES_SECURITY_PRIMARY',
      'the primary block encrypted',
      bundle({ extensions: [block(12, 2, securityData([0]))] }),
    ],
  ]
  for (const [code, what, value] of wrong) {
    t.throws(() => encodeBundle(value), { code }, `${what}, made`)
    for (const relaxed of [false, true])
      t.throws(() => decodeBundle(unchecked(value), { relaxed }), { code, action: 'reject' }, what)
  }
})

t.test(
  'what RFC 9171 and RFC 9172 forbid beyond that is refused by policy strict and taken by policy relaxed',
  async (t) => {
    const bib = (number: number, targets: number[]) => block(11, number, securityData(targets))
    const bcb = (number: number, targets: number[], flags = 1) => ({
      ...block(12, number, securityData(targets)),
      flags,
    })
    const wrong: [string, string, Bundle][] = [
      ['BUNDLES_AGE_MISSING', 'no time, no age', bundle({ primary: { creation: { timeMs: 0, sequence: 1 } } })],
      ['BUNDLES_PRIMARY_UNPROTECTED', 'nothing protects', bundle({ primary: { crcType: 0 } })],
      [
        'BUNDLES_CONTROL_FLAGS',
        'a fragment that must not be one',
        bundle({ primary: { flags: 0x5, fragment: { offset: 0, totalLength: 50 } } }),
      ],
      [
        'BUNDLES_FRAGMENT_RANGE',
        'a fragment beyond the whole',
        bundle({ primary: { flags: fragmentFlags, fragment: { offset: 1, totalLength: 7 } } }),
      ],
      ['BUNDLES_ENDPOINT_DTN', 'no node name', bundle({ primary: { destination: 'dtn:GS2' } })],
      ['BUNDLES_ENDPOINT_DTN', 'a source within quotes', bundle({ primary: { source: 'dtn://"a"/' } })],
      ['BUNDLES_ENDPOINT_DTN', 'reports to a name cut short', bundle({ primary: { reportTo: 'dtn:///reports' } })],
      [
        'BUNDLES_ENDPOINT_DTN',
        'from no node name',
        bundle({ extensions: [block(6, 2, encodePreviousNode('dtn:GS2'))] }),
      ],
      ['BUNDLES_SECURITY_NESTED', 'a signed signature', bundle({ extensions: [bib(2, [3]), bib(3, [1])] })],
      ['BUNDLES_SECURITY_NESTED', 'a signed cipher', bundle({ extensions: [bib(2, [3]), bcb(3, [1])] })],
      ['BUNDLES_SECURITY_NESTED', 'an encrypted cipher', bundle({ extensions: [bcb(2, [3]), bcb(3, [1])] })],
      ['BUNDLES_SECURITY_TWICE', 'two signatures', bundle({ extensions: [bib(2, [1]), bib(3, [1])] })],
      ['BUNDLES_SECURITY_TWICE', 'two ciphers', bundle({ extensions: [bcb(2, [1]), bcb(3, [1])] })],
      ['BUNDLES_SECURITY_FLAGS', 'a cipher that may be dropped', bundle({ extensions: [bcb(2, [1], 0x11)] })],
      ['BUNDLES_SECURITY_EXPOSED', 'a signature of a secret', bundle({ extensions: [bib(2, [1]), bcb(3, [1])] })],
    ]
    for (const [code, what, value] of wrong) {
      t.throws(() => encodeBundle(value), { code, action: 'ignore' }, `${what}, made`)
      t.throws(() => decodeBundle(unchecked(value)), { code }, what)
      const bytes = encodeBundle(value, { relaxed: true })
      t.strictSame(decodeBundle(bytes, { relaxed: true }), value, `${what}, relaxed`)
    }
    t.doesNotThrow(() => encodeBundle(bundle({ extensions: [bib(2, [1]), bcb(3, [1, 2])] })), 'both encrypted')
  },
)

t.test('an integrity block over the primary block stands in for its CRC', async (t) => {
  const covered = bundle({ primary: { crcType: 0 }, extensions: [block(11, 2, securityData([0, 1]))] })
  t.doesNotThrow(() => decodeBundle(encodeBundle(covered)))
  const notCovered = bundle({ primary: { crcType: 0 }, extensions: [block(11, 2, securityData([1]))] })
  t.throws(() => encodeBundle(notCovered), { code: 'BUNDLES_PRIMARY_UNPROTECTED' })
  t.doesNotThrow(() => decodeBundle(encodeBundle(notCovered, { relaxed: true }), { relaxed: true }))
  const encrypted = bundle({
    extensions: [{ ...block(12, 2, securityData([3])), flags: 0 }, block(BLOCK_TYPES.bundleAge, 3, utf8('ciphertext'))],
  })
  t.doesNotThrow(() => decodeBundle(encodeBundle(encrypted)), 'an encrypted age is not looked into')
})
