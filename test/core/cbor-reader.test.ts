import fc from 'fast-check'
import t from 'tap'
import { type CborFlaw, CborReader, concatBytes, encodeCbor, fromHex, isGapmeshError, utf8 } from '../../core/index.ts'

/** A reader whose errors say what was asked for and what was wrong. */
function reader(bytes: Uint8Array): CborReader {
  return new CborReader(bytes, (what, flaw) => new Error(`${what}: ${flaw}`))
}

t.test('an item after the other, each within its bounds', async (t) => {
  const items = [[-49, 'kid'], new Map([[4, Uint8Array.of(7, 8)]]), 'ünï', null]
  const inside = concatBytes(utf8('..'), ...items.map(encodeCbor), utf8('..'))
  const read = reader(inside.subarray(2, -2))
  t.equal(read.next, 'array')
  t.equal(read.array('list', { min: 2, max: 2 }), 2)
  t.equal(read.int('algorithm'), -49)
  t.equal(read.ascii('name', { min: 3, max: 3 }), 'kid')
  const start = read.at
  t.equal(read.map('map', { max: 1 }), 1)
  read.key('label', 4)
  const bytes = read.bytes('bytes', { min: 2, max: 2 })
  t.strictSame(bytes, Uint8Array.of(7, 8))
  t.equal(bytes.buffer, inside.buffer, 'a view')
  t.strictSame(read.since(start), fromHex('a104420708'))
  t.equal(read.text('text', { max: 5 }), 'ünï')
  t.equal(read.simple('simple'), null)
  t.equal(read.next, undefined)
  read.end('end')
  for (const number of [
    0,
    23,
    24,
    2 ** 53 - 1,
    2n ** 53n,
    2n ** 64n - 1n,
    -1,
    1 - 2 ** 53,
    -(2n ** 53n),
    -(2n ** 64n),
  ]) {
    t.equal(reader(encodeCbor(number)).int('number'), number)
  }
})

t.test('whatever is not as asked for fails with its role and its flaw', async (t) => {
  const wrong: [hex: string, read: (from: CborReader) => unknown, flaw: CborFlaw][] = [
    ['', (from) => from.uint('x', {}), 'cut short'],
    ['19ff', (from) => from.uint('x', {}), 'cut short'],
    ['4201', (from) => from.bytes('x', {}), 'cut short'],
    ['6261', (from) => from.text('x', {}), 'cut short'],
    ['20', (from) => from.uint('x', {}), 'another type'],
    ['60', (from) => from.bytes('x', {}), 'another type'],
    ['40', (from) => from.ascii('x', {}), 'another type'],
    ['a0', (from) => from.array('x', {}), 'another type'],
    ['80', (from) => from.map('x', {}), 'another type'],
    ['f6', (from) => from.int('x'), 'another type'],
    ['c001', (from) => from.int('x'), 'another type'],
    ['00', (from) => from.simple('x'), 'another type'],
    ['1817', (from) => from.uint('x', {}), 'not in shortest form'],
    ['5800', (from) => from.bytes('x', {}), 'not in shortest form'],
    ['1b00000000ffffffff', (from) => from.int('x'), 'not in shortest form'],
    ['5f4100ff', (from) => from.bytes('x', {}), 'indefinite length'],
    ['9fff', (from) => from.array('x', {}), 'indefinite length'],
    ['1f', (from) => from.uint('x', {}), 'break or reserved'],
    ['5c', (from) => from.bytes('x', {}), 'break or reserved'],
    ['ff', (from) => from.simple('x'), 'break or reserved'],
    ['f90000', (from) => from.simple('x'), 'float'],
    ['f7', (from) => from.simple('x'), 'simple value'],
    ['01', (from) => from.uint('x', { min: 2 }), 'out of bounds'],
    ['03', (from) => from.uint('x', { max: 2 }), 'out of bounds'],
    ['1b0020000000000000', (from) => from.uint('x', {}), 'out of bounds'],
    ['02', (from) => from.key('x', 1), 'out of bounds'],
    ['4101', (from) => from.bytes('x', { min: 2 }), 'out of bounds'],
    ['81', (from) => from.array('x', { max: 0 }), 'out of bounds'],
    ['6120', (from) => from.ascii('x', {}), 'out of bounds'],
    ['617f', (from) => from.ascii('x', {}), 'out of bounds'],
    ['62c3bc', (from) => from.ascii('x', {}), 'out of bounds'],
    ['62c080', (from) => from.text('x', {}), 'text is not UTF-8'],
    ['63eda080', (from) => from.text('x', {}), 'text is not UTF-8'],
    ['00', (from) => from.end('x'), 'bytes after the item'],
  ]
  for (const [hex, read, flaw] of wrong) t.throws(() => read(reader(fromHex(hex))), { message: `x: ${flaw}` }, hex)
  t.throws(() => new CborReader(fromHex('1817')).uint('x', {}), { code: 'CORE_CBOR_NOT_CANONICAL', action: 'reject' })
})

t.test('an item is passed over by its heads', async (t) => {
  const items = [
    '00',
    '3903e7',
    '4401020304',
    '63616263',
    '820102',
    'a2010203f6',
    'c11a514b67b0',
    'f97e00',
    'f820',
    'f5',
  ]
  for (const hex of [...items, '1800', '58020102', '990001f4', '81818100']) {
    const read = reader(fromHex(`${hex}00`))
    read.skip('x', 3)
    t.equal(read.at, hex.length / 2, hex)
  }
  const wrong: [hex: string, flaw: CborFlaw][] = [
    ['', 'cut short'],
    ['4201', 'cut short'],
    ['8201', 'cut short'],
    ['c0', 'cut short'],
    ['9bffffffffffffffff00', 'cut short'],
    ['bbffffffffffffffff00', 'cut short'],
    ['9f00ff', 'indefinite length'],
    ['ff', 'indefinite length'],
    ['1c', 'break or reserved'],
    ['8181818100', 'nested too deeply'],
    ['c0c0c0c000', 'nested too deeply'],
  ]
  for (const [hex, flaw] of wrong) t.throws(() => reader(fromHex(hex)).skip('x', 3), { message: `x: ${flaw}` }, hex)
})

t.test('any bytes are passed over within their end, or fail with a code', async (t) => {
  let passed = 0
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      const read = new CborReader(bytes)
      try {
        read.skip('item', 4)
        passed += 1
        return read.at > 0 && read.at <= bytes.length
      } catch (error) {
        return isGapmeshError(error)
      }
    }),
    { numRuns: 3_000, seed: 8949 },
  )
  t.ok(passed > 500, `${passed} passed`)
})
