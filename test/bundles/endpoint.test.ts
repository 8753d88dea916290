import fc from 'fast-check'
import t from 'tap'
import {
  decodeEndpoint,
  encodeEndpoint,
  endpointKey,
  ipnNumbers,
  isDtnUri,
  isNullEndpoint,
  isSingleton,
  nodeOf,
  sameEndpoint,
} from '../../bundles/codec/index.ts'
import { BUNDLES_ERRORS, bundleId } from '../../bundles/index.ts'
import { MAX_ENDPOINT_BYTES } from '../../bundles/limits.ts'
import { type CborValue, encodeCbor, toHex } from '../../core/index.ts'
import { bundle } from './support.ts'

t.test('endpoint ids by their bytes (RFC 9171 §4.2.5.1, RFC 9758 §6.1)', async (t) => {
  const known: [endpoint: string, cbor: CborValue][] = [
    ['dtn:none', [1, 0]],
    ['dtn://a.north-grid/', [1, '//a.north-grid/']],
    ['dtn://north-grid/~records', [1, '//north-grid/~records']],
    ['dtn:GS2', [1, 'GS2']],
    ['ipn:0.0', [2, [0, 0]]],
    ['ipn:1.2', [2, [1, 2]]],
    [`ipn:${2n ** 64n - 1n}.1`, [2, [2n ** 64n - 1n, 1]]],
    [`ipn:1.${2n ** 64n - 1n}`, [2, [1, 2n ** 64n - 1n]]],
    ['ipn:!.7', [2, [2 ** 32 - 1, 7]]],
    ['ipn:977000.100.1', [2, [977000, 100, 1]]],
    [`ipn:${977000n * 2n ** 32n + 100n}.1`, [2, [977000n * 2n ** 32n + 100n, 1]]],
    ['ipn:0.1.2', [2, [0, 1, 2]]],
    ['ipn:0.0.0', [2, [0, 0, 0]]],
    [`ipn:${2 ** 32 - 1}.${2 ** 32 - 1}.0`, [2, [2 ** 32 - 1, 2 ** 32 - 1, 0]]],
  ]
  for (const [endpoint, cbor] of known) {
    t.equal(toHex(encodeEndpoint(endpoint)), toHex(encodeCbor(cbor)), endpoint)
    t.equal(decodeEndpoint(encodeCbor(cbor)), endpoint)
  }
  t.equal(toHex(encodeEndpoint(`ipn:${2 ** 32 - 1}.7`)), toHex(encodeEndpoint('ipn:!.7')))
})

t.test('texts that are no endpoint id', async (t) => {
  for (const bad of ['', 'http://a', 'ipn', 'IPN:1.2'])
    t.throws(() => encodeEndpoint(bad), { code: 'BUNDLES_ENDPOINT_SCHEME' }, bad)
  for (const bad of ['dtn:', 'dtn://a b/', 'dtn://ä/', `dtn:${'a'.repeat(MAX_ENDPOINT_BYTES + 1)}`])
    t.throws(() => encodeEndpoint(bad), { code: 'BUNDLES_ENDPOINT' }, bad)
  for (const bad of ['1', '01.2', '-1.2', '1.2.3.4', '!', '!.1.2', '1.!', `${2n ** 64n}.1`, `1.${2n ** 64n}`])
    t.throws(() => encodeEndpoint(`ipn:${bad}`), { code: 'BUNDLES_ENDPOINT_IPN' }, bad)
  for (const bad of [`${2 ** 32}.1.1`, `1.${2 ** 32}.1`])
    t.throws(() => encodeEndpoint(`ipn:${bad}`), { code: 'BUNDLES_ENDPOINT_IPN' }, bad)
})

t.test('bytes that are no endpoint id', async (t) => {
  const wrong: [code: string, cbor: CborValue][] = [
    ['BUNDLES_ENDPOINT', 0],
    ['BUNDLES_ENDPOINT', [1]],
    ['BUNDLES_ENDPOINT', [1, 0, 0]],
    ['BUNDLES_ENDPOINT', [1, 1]],
    ['BUNDLES_ENDPOINT', [1, 'none']],
    ['BUNDLES_ENDPOINT', [1, '']],
    ['BUNDLES_ENDPOINT', [1, 'a\n']],
    ['BUNDLES_ENDPOINT', [1, new Uint8Array(3)]],
    ['BUNDLES_ENDPOINT', [1, `//${'a'.repeat(MAX_ENDPOINT_BYTES)}`]],
    ['BUNDLES_ENDPOINT_SCHEME', [3, 0]],
    ['BUNDLES_ENDPOINT_IPN', [2, 0]],
    ['BUNDLES_ENDPOINT_IPN', [2, [1]]],
    ['BUNDLES_ENDPOINT_IPN', [2, [-1, 2]]],
    ['BUNDLES_ENDPOINT_IPN', [2, ['1', 2]]],
    ['BUNDLES_ENDPOINT_IPN', [2, [1, 2, 3, 4]]],
    ['BUNDLES_ENDPOINT_IPN', [2, [2 ** 32, 1, 1]]],
    ['BUNDLES_ENDPOINT_IPN', [2, [1, 2 ** 32, 1]]],
  ]
  for (const [code, cbor] of wrong) t.throws(() => decodeEndpoint(encodeCbor(cbor)), { code }, JSON.stringify(cbor))
  t.throws(() => decodeEndpoint(Uint8Array.of(0x82, 0x18, 1, 0)), { code: 'BUNDLES_NOT_CANONICAL' })
  t.throws(() => decodeEndpoint(Uint8Array.of(0x82, 1, 0, 0)), { code: 'BUNDLES_ENDPOINT' }, 'bytes behind')
  t.throws(() => decodeEndpoint(Uint8Array.of(0x82, 1, 0x61, 0xff)), { code: 'BUNDLES_ENDPOINT' }, 'no UTF-8')
})

t.test('both encodings of an ipn endpoint mean the same, and each comes back as it was (RFC 9758 §6.1)', async (t) => {
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  let seen = 0
  fc.assert(
    fc.property(uint32, uint32, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (allocator, node, service) => {
      const three = `ipn:${allocator}.${node}.${service}`
      const two = `ipn:${(BigInt(allocator) << 32n) | BigInt(node)}.${service}`
      seen += 1
      return (
        sameEndpoint(two, three) &&
        endpointKey(two) === endpointKey(three) &&
        nodeOf(two) === nodeOf(three) &&
        ipnNumbers(two)?.fqnn === ipnNumbers(three)?.fqnn &&
        decodeEndpoint(encodeEndpoint(three)) === three &&
        encodeEndpoint(three)[2] === 0x83 &&
        encodeEndpoint(two)[2] === 0x82
      )
    }),
    { seed: 9758 },
  )
  t.ok(seen >= 100)
  t.notOk(sameEndpoint('ipn:1.2', 'ipn:1.3'))
  t.ok(sameEndpoint('ipn:!.3', `ipn:${2 ** 32 - 1}.3`))
  const id = (source: string) => toHex(bundleId(bundle({ primary: { source } })))
  t.equal(id('ipn:0.7.3'), id('ipn:7.3'), 'the same bundle')
  t.not(id('ipn:1.7.3'), id('ipn:7.3'))
})

t.test('the null endpoint has several names', async (t) => {
  const nobody = ['dtn:none', 'ipn:0.0', 'ipn:0.1', 'ipn:0.0.0', 'ipn:0.0.9']
  for (const endpoint of nobody) {
    t.ok(isNullEndpoint(endpoint), endpoint)
    t.ok(sameEndpoint(endpoint, 'dtn:none'))
    t.notOk(isSingleton(endpoint))
  }
  for (const endpoint of ['ipn:1.0', 'ipn:1.0.0', 'ipn:0.1.0', 'dtn://none/', 'ipn:0.x'])
    t.notOk(isNullEndpoint(endpoint), endpoint)
})

t.test('nodes and groups', async (t) => {
  t.equal(nodeOf('dtn://a.north-grid/records/x'), 'dtn://a.north-grid/')
  t.equal(nodeOf('dtn://a'), 'dtn://a')
  t.equal(nodeOf('ipn:7.3'), 'ipn:7.0')
  t.equal(nodeOf('ipn:0.7.3'), 'ipn:7.0')
  t.equal(nodeOf('dtn:none'), 'dtn:none')
  for (const one of ['dtn://a/', 'dtn://a/records', 'dtn://a/x~', 'dtn://a', 'ipn:7.3', 'ipn:1.7.3', 'ipn:!.1'])
    t.ok(isSingleton(one), one)
  for (const many of ['dtn://mesh/~records', 'dtn://mesh/~']) t.notOk(isSingleton(many), many)
})

t.test('the grammar of dtn URIs (RFC 9171 §4.2.5.1.1)', async (t) => {
  const good = ['none', '//a/', '//a.b-c_d~e/x/y?z#!', '//%41/', "//!$&'()*+,;=/", '//mesh/~records', '//a']
  for (const name of good) t.ok(isDtnUri(`dtn:${name}`), name)
  const bad = ['', 'a', '/a/', '///', '///x', '//a b/', '//a"/', '//%4/', '//%zz/', '//[::1]/', '//a:1/', '//a@b/']
  for (const name of bad) t.notOk(isDtnUri(`dtn:${name}`), name)
})

t.test('any bytes are an endpoint id that encodes to them, or fail with a code', async (t) => {
  let kept = 0
  const part = fc.oneof(fc.nat(), fc.string({ maxLength: 6 }), fc.array(fc.nat(), { maxLength: 4 }))
  const cbor = fc.tuple(fc.integer({ min: 0, max: 3 }), part).map((value) => encodeCbor(value as CborValue))
  fc.assert(
    fc.property(fc.oneof(cbor, fc.uint8Array({ maxLength: 12 })), (bytes) => {
      try {
        const same = toHex(encodeEndpoint(decodeEndpoint(bytes))) === toHex(bytes)
        kept += 1
        return same
      } catch (error) {
        return BUNDLES_ERRORS.matches(error)
      }
    }),
    { numRuns: 2000, seed: 9758 },
  )
  t.ok(kept > 100, `kept ${kept}`)
})
