import fc from 'fast-check'
import t from 'tap'
import {
  checkSetOrder,
  DerReader,
  der,
  derBitString,
  derNamedBits,
  derOid,
  derSequence,
  derSetOf,
  derText,
  derTime,
  derTrue,
  derUnsigned,
  readDer,
  TAG,
} from '../../../records/path/index.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const reader = (hex: string) => new DerReader(bytes(hex))
const hexOf = (data: Uint8Array) => Buffer.from(data).toString('hex')

t.test('lengths are definite, minimal and within the bytes at hand', (t) => {
  t.equal(reader(`0481${'80'}${'00'.repeat(128)}`).octetString().length, 128)
  t.equal(reader(`04820100${'00'.repeat(256)}`).octetString().length, 256)
  const refused: [string, string][] = [
    ['0480', 'RECORDS_DER_LENGTH'],
    [`04817f${'00'.repeat(127)}`, 'RECORDS_DER_LENGTH'],
    [`048200ff${'00'.repeat(255)}`, 'RECORDS_DER_LENGTH'],
    ['048400000001ff', 'RECORDS_DER_LENGTH'],
    ['04ff', 'RECORDS_DER_LENGTH'],
    ['0402ff', 'RECORDS_DER_TRUNCATED'],
    ['0483ffffff00', 'RECORDS_DER_TRUNCATED'],
    ['04', 'RECORDS_DER_TRUNCATED'],
    ['0482ff', 'RECORDS_DER_TRUNCATED'],
    ['', 'RECORDS_DER_TRUNCATED'],
  ]
  for (const [hex, code] of refused) t.throws(() => reader(hex).octetString(), { code }, hex)
  t.throws(() => reader('1f8101ff').any(), { code: 'RECORDS_DER_TAG' }, 'a tag of several bytes')
  t.throws(() => reader('0500').octetString(), { code: 'RECORDS_DER_TAG' })
  t.end()
})

t.test('nothing may follow, the cap comes first', (t) => {
  const read = (hex: string, maxBytes = 100) => readDer(bytes(hex), { maxBytes }, (inner) => hexOf(inner.unsigned()))
  t.equal(read('3003020105'), '05')
  t.throws(() => read('300302010500'), { code: 'RECORDS_DER_TRAILING' })
  t.throws(() => read('3004020105ff'), { code: 'RECORDS_DER_TRAILING' })
  t.throws(() => read('3003020105', 4), { code: 'RECORDS_DER_TOO_LARGE' })
  t.throws(() => read('ff'.repeat(101)), { code: 'RECORDS_DER_TOO_LARGE' }, 'whatever the bytes are')
  t.end()
})

t.test('integers', (t) => {
  t.equal(hexOf(reader('020100').unsigned()), '00')
  t.equal(hexOf(reader('02020080').unsigned()), '80')
  for (const hex of ['0200', '0201ff', '02020001', '0203000001']) {
    t.throws(() => reader(hex).unsigned(), { code: 'RECORDS_DER_INTEGER' }, hex)
  }
  t.equal(reader('02017f').smallInteger(), 127)
  t.throws(() => reader('02020080').smallInteger(), { code: 'RECORDS_DER_INTEGER' })
  t.end()
})

t.test('booleans that default to false', (t) => {
  t.equal(reader('0101ff').defaultFalse(), true)
  t.equal(reader('0401ff').defaultFalse(), false)
  for (const hex of ['010100', '010101', '0102ffff', '0100']) {
    t.throws(() => reader(hex).defaultFalse(), { code: 'RECORDS_DER_BOOLEAN' }, hex)
  }
  t.end()
})

t.test('object identifiers', (t) => {
  const known: [string, string][] = [
    ['2.5.29.74', '0603551d4a'],
    ['1.3.6.1.4.1.53594.1.1', '060a2b0601040183a25a0101'],
    ['2.999.3', '0603883703'],
    ['2.25.181848288661410433137344228014607046421', hexOf(derOid('2.25.181848288661410433137344228014607046421'))],
  ]
  for (const [dotted, hex] of known) {
    t.equal(reader(hex).oid(), dotted)
    t.equal(hexOf(derOid(dotted)), hex)
  }
  for (const hex of ['0600', '06025580', '0603558001', `0621${'01'.repeat(33)}`]) {
    t.throws(() => reader(hex).oid(), { code: 'RECORDS_DER_OID' }, hex)
  }
  t.end()
})

t.test('bit strings', (t) => {
  t.equal(hexOf(reader('030300abcd').bitString()), 'abcd')
  t.throws(() => reader('030204f0').bitString(), { code: 'RECORDS_DER_BITS' })
  t.throws(() => reader('0300').bitString(), { code: 'RECORDS_DER_BITS' })
  t.same(reader('03020106').namedBits(), [5, 6])
  t.same(reader('0303070080').namedBits(), [8])
  for (const hex of ['03020006', '03020107', '030100', '0300', '03020806', '030400000001', '03030600ff']) {
    t.throws(() => reader(hex).namedBits(), { code: 'RECORDS_DER_BITS' }, hex)
  }
  t.end()
})

t.test('strings', (t) => {
  t.equal(reader('0c02c3a9').text(TAG.utf8String, 10), 'é')
  t.equal(reader('1602612d').text(TAG.ia5String, 10), 'a-')
  t.equal(reader('130a4120273f28292b2c2d2f').text(TAG.printableString, 10), "A '?()+,-/")
  const refused: [string, number][] = [
    ['0c01c3', TAG.utf8String],
    ['0c00', TAG.utf8String],
    ['1601c3', TAG.ia5String],
    ['160100', TAG.ia5String],
    ['160b6161616161616161616161', TAG.ia5String],
    ['13023a2a', TAG.printableString],
    ['130140', TAG.printableString],
  ]
  for (const [hex, tag] of refused) t.throws(() => reader(hex).text(tag, 10), { code: 'RECORDS_DER_STRING' }, hex)
  t.end()
})

t.test('times follow RFC 5280 §4.1.2.5', (t) => {
  const time = (tag: number, text: string) => new DerReader(derText(tag, text)).time()
  t.equal(time(TAG.utcTime, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59))
  t.equal(time(TAG.utcTime, '500101000000Z'), Date.UTC(1950, 0, 1))
  t.equal(time(TAG.generalizedTime, '20500101000000Z'), Date.UTC(2050, 0, 1))
  const refused: [number, string][] = [
    [TAG.utcTime, '2601010000Z'],
    [TAG.utcTime, '260101000000+0000'],
    [TAG.utcTime, '261301000000Z'],
    [TAG.utcTime, '260230000000Z'],
    [TAG.utcTime, '260101240000Z'],
    [TAG.utcTime, '260101000060Z'],
    [TAG.utcTime, '20500101000000Z'],
    [TAG.generalizedTime, '20490101000000Z'],
    [TAG.generalizedTime, '500101000000Z'],
    [TAG.generalizedTime, '20500101000000.5Z'],
  ]
  for (const [tag, text] of refused) {
    t.throws(() => time(tag, text), { code: /^RECORDS_DER_(?:TIME|STRING)$/ }, text)
  }
  t.throws(() => reader('020100').time(), { code: 'RECORDS_DER_TAG' })
  t.end()
})

t.test('only what a Time can say is written', (t) => {
  t.equal(new DerReader(derTime(Date.UTC(1950, 0))).time(), Date.UTC(1950, 0))
  t.equal(new DerReader(derTime(Date.UTC(9999, 11, 31))).time(), Date.UTC(9999, 11, 31))
  for (const timeMs of [Date.UTC(1949, 11, 31), Date.UTC(10_000, 0), Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => derTime(timeMs), TypeError, String(timeMs))
  }
  t.end()
})

t.test('sets are in order', (t) => {
  const [a, b] = [derUnsigned(Uint8Array.of(1)), derUnsigned(Uint8Array.of(2))]
  t.equal(hexOf(derSetOf([b, a])), '3106020101020102')
  t.doesNotThrow(() => checkSetOrder([a, b]))
  t.throws(() => checkSetOrder([b, a]), { code: 'RECORDS_DER_SET_ORDER' })
  t.throws(() => checkSetOrder([a, a]), { code: 'RECORDS_DER_SET_ORDER' })
  t.end()
})

t.test('a list has an end', (t) => {
  const list = derSequence(...[1, 2, 3].map((value) => derUnsigned(Uint8Array.of(value))))
  const count = (max: number) =>
    new DerReader(list).constructed(TAG.sequence, (inner) => inner.all(max, (item) => item.unsigned()).length)
  t.equal(count(3), 3)
  t.throws(() => count(2), { code: 'RECORDS_DER_LENGTH' })
  t.throws(() => reader('').all(3, (item) => item.unsigned()), { code: 'RECORDS_DER_LENGTH' })
  t.end()
})

t.test('what is written reads back', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 70_000 }), (content) => {
      const trimmed = content.subarray(content.findIndex((byte) => byte !== 0))
      t.strictSame(new DerReader(der(TAG.octetString, content)).octetString(), content)
      t.strictSame(new DerReader(derBitString(content)).bitString(), content)
      if (trimmed.length > 1) t.strictSame(new DerReader(derUnsigned(content)).unsigned(), trimmed)
    }),
    { numRuns: 30 },
  )
  fc.assert(
    fc.property(
      fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt(0n, 39n), fc.array(fc.bigInt(0n, 2n ** 60n), { maxLength: 2 })),
      ([first, second, rest]) => {
        const dotted = [first, second, ...rest].join('.')
        t.equal(new DerReader(derOid(dotted)).oid(), dotted)
      },
    ),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1950, 0) / 1000, max: Date.UTC(9999, 11) / 1000 }), (seconds) => {
      t.equal(new DerReader(derTime(seconds * 1000)).time(), seconds * 1000)
    }),
    { numRuns: 100 },
  )
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 15 }), { minLength: 1 }), (bits) => {
      t.strictSame(
        new DerReader(derNamedBits(bits)).namedBits(),
        bits.sort((a, b) => a - b),
      )
    }),
    { numRuns: 50 },
  )
  t.equal(new DerReader(derTrue()).defaultFalse(), true)
  t.throws(() => der(TAG.octetString, new Uint8Array(2 ** 24)), TypeError)
  t.end()
})
