import { readFileSync } from 'node:fs'
import { decode as cborgDecode } from 'cborg'
import fc from 'fast-check'
import t from 'tap'
import { type CborMap, type CborValue, CORE_ERRORS, decodeCbor, encodeCbor, fromHex, toHex } from '../../core/index.ts'

const limits = { maxBytes: 65_536 }

function vectors(name: string) {
  return JSON.parse(readFileSync(new URL(`../vectors/cbor/${name}`, import.meta.url), 'utf8'))
}

/** JSON cannot say bytes, big numbers and maps: they are objects with one key. */
function fromJson(value: unknown): CborValue {
  if (Array.isArray(value)) return value.map(fromJson)
  if (value === null || typeof value !== 'object') return value as CborValue
  if ('bytes' in value) return fromHex(String(value.bytes))
  if ('bigint' in value) return BigInt(String(value.bigint))
  const pairs = (value as { map: [string | number, unknown][] }).map
  return new Map(pairs.map(([key, item]) => [key, fromJson(item)]))
}

t.test('RFC 8949 appendix A: what the profile has, both ways', async (t) => {
  const { accepted, refused } = vectors('rfc8949-appendix-a.json')
  t.ok(accepted.length > 30 && refused.length > 40, 'the vectors are there')
  for (const { hex, value } of accepted) {
    t.strictSame(decodeCbor(fromHex(hex), limits), fromJson(value), hex)
    t.equal(toHex(encodeCbor(fromJson(value))), hex)
  }
  for (const { hex, code, means } of refused) t.throws(() => decodeCbor(fromHex(hex), limits), { code }, means)
})

t.test('every other way to be wrong has its code', async (t) => {
  const { refused } = vectors('refused.json')
  t.ok(refused.length > 30)
  for (const { hex, code, means } of refused) {
    t.throws(() => decodeCbor(fromHex(hex), limits), { code, action: 'reject' }, means)
  }
})

t.test('caps', async (t) => {
  t.throws(() => decodeCbor(new Uint8Array(11), { maxBytes: 10 }), { code: 'CORE_CBOR_TOO_LARGE' })
  t.strictSame(decodeCbor(fromHex('8180'), { maxBytes: 9, maxDepth: 2 }), [[]])
  t.throws(() => decodeCbor(fromHex('8180'), { maxBytes: 9, maxDepth: 1 }), { code: 'CORE_CBOR_TOO_DEEP' })
  t.strictSame(decodeCbor(fromHex('820102'), { maxBytes: 9, maxItems: 3 }), [1, 2])
  t.throws(() => decodeCbor(fromHex('820102'), { maxBytes: 9, maxItems: 2 }), { code: 'CORE_CBOR_TOO_MANY' })
  t.throws(() => decodeCbor(fromHex('a10102'), { maxBytes: 9, maxItems: 2 }), { code: 'CORE_CBOR_TOO_MANY' })
  t.throws(() => decodeCbor(fromHex('8281018102'), { maxBytes: 9, maxItems: 4 }), { code: 'CORE_CBOR_TOO_MANY' })
})

t.test('default caps: eight levels, 4,096 items', async (t) => {
  t.doesNotThrow(() => decodeCbor(fromHex('8181818181818180'), limits))
  t.throws(() => decodeCbor(fromHex('818181818181818180'), limits), { code: 'CORE_CBOR_TOO_DEEP' })
  t.doesNotThrow(() => decodeCbor(encodeCbor(new Array(4095).fill(0)), limits))
  t.throws(() => decodeCbor(encodeCbor(new Array(4096).fill(0)), limits), { code: 'CORE_CBOR_TOO_MANY' })
})

t.test('what is no CBOR value here is a programmer’s mistake', async (t) => {
  const wrong = [
    1.5,
    Number.NaN,
    2 ** 53,
    undefined,
    {},
    () => 1,
    Symbol('x'),
    new Date(0),
    2n ** 64n,
    -(2n ** 64n) - 1n,
  ]
  for (const value of wrong) t.throws(() => encodeCbor(value as CborValue), TypeError)
  t.throws(() => encodeCbor([[undefined]] as never), TypeError, 'also inside')
  t.throws(() => encodeCbor(new Map([[true, 1]]) as never), TypeError, 'keys too')
  t.throws(() => encodeCbor('\ud800'), TypeError, 'half a surrogate pair')
  t.throws(() => encodeCbor(new Map([['\udc00', 1]])), TypeError)
})

t.test('results have memory of their own', async (t) => {
  const source = fromHex('43010203')
  const value = decodeCbor(Buffer.from(source), limits) as Uint8Array
  const encoded = encodeCbor(value)
  t.equal(value.constructor, Uint8Array)
  t.equal(encoded.constructor, Uint8Array)
  t.equal(encoded.buffer.byteLength, encoded.length)
  const inside = Uint8Array.of(0xff, ...source, 0xff).subarray(1, 5)
  const kept = decodeCbor(inside, limits) as Uint8Array
  inside.fill(0)
  t.strictSame(kept, Uint8Array.of(1, 2, 3))
})

t.test('a leading byte order mark is text like any other', async (t) => {
  t.equal(decodeCbor(encodeCbor('\ufeffx'), limits), '\ufeffx')
})

const key = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'grapheme', maxLength: 12 }))
const { value: anyValue } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.maxSafeInteger().map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((pairs) => new Map(pairs) as CborMap),
  ),
}))

/** Maps come back sorted by their encoded keys; sameness does not look at order. */
function canonical(value: CborValue): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (!(value instanceof Map)) return value
  const pairs = [...value].map(([key, item]) => [toHex(encodeCbor(key)), canonical(item)])
  return pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}

t.test('decode(encode(x)) is x, and another decoder agrees', async (t) => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encodeCbor(value)
      const decoded = decodeCbor(bytes, { maxBytes: 1e6 })
      t.strictSame(canonical(decoded), canonical(value))
      const other = cborgDecode(bytes, { useMaps: true, allowBigInt: true }) as CborValue
      if (!JSON.stringify(canonical(value), (_, item) => String(item)).includes('\ufeff')) {
        t.strictSame(canonical(other), canonical(decoded))
      }
    }),
    { numRuns: 300, seed: 8949 },
  )
})

t.test('whatever decodes encodes to the same bytes; the rest fails with a code', async (t) => {
  let accepted = 0
  let refused = 0
  const mutated = fc
    .tuple(anyValue, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }), fc.nat())
    .map(([value, changes, cut]) => {
      const bytes = encodeCbor(value)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      return cut % 4 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        const value = decodeCbor(bytes, { maxBytes: 4096 })
        accepted += 1
        return toHex(encodeCbor(value)) === toHex(bytes)
      } catch (error) {
        refused += 1
        return CORE_ERRORS.matches(error)
      }
    }),
    { numRuns: 4000, seed: 8949 },
  )
  t.ok(accepted > 300 && refused > 300, `accepted ${accepted}, refused ${refused}`)
})
