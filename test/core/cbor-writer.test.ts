import fc from 'fast-check'
import t from 'tap'
import { CborReader, CborWriter, concatBytes, encodeCbor, toHex } from '../../core/index.ts'

t.test('writes what encodeCbor writes', async (t) => {
  const edges = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
  for (const value of edges) t.equal(toHex(new CborWriter(9).uint(value).written), toHex(encodeCbor(value)))
  for (const length of [0, 23, 24, 255, 256, 65_536]) {
    const value = new Uint8Array(length).fill(1)
    t.strictSame(new CborWriter(length + 5).bytes(value).written, encodeCbor(value))
  }
  const items = fc.array(fc.oneof(fc.maxSafeNat(), fc.uint8Array({ maxLength: 300 })), { maxLength: 20 })
  fc.assert(
    fc.property(items, (items) => {
      const writer = new CborWriter(20 * 303).encoded(Uint8Array.of(0x9f))
      for (const item of items) typeof item === 'number' ? writer.uint(item) : writer.bytes(item)
      t.same(writer.written, concatBytes(Uint8Array.of(0x9f), ...items.map((item) => encodeCbor(item))))
    }),
    { numRuns: 100, seed: 1 },
  )
})

t.test('never writes past its room, nor anything but whole numbers', async (t) => {
  const full = () => new CborWriter(8).uint(2 ** 32 - 1)
  t.throws(() => full().uint(2 ** 16), RangeError)
  t.throws(() => full().bytes(new Uint8Array(3)), RangeError)
  t.throws(() => full().encoded(new Uint8Array(4)), RangeError)
  t.doesNotThrow(() => full().bytes(new Uint8Array(2)))
  for (const wrong of [-1, 1.5, 2 ** 53, Number.NaN]) t.throws(() => new CborWriter(9).uint(wrong), TypeError)
})

t.test('arrays and text are written as encodeCbor writes them, and heads without their content', async (t) => {
  for (const text of ['', 'a', 'ä€😀', 'x'.repeat(300)])
    t.strictSame(new CborWriter(1000).array(1).text(text).written, encodeCbor([text]))
  for (const length of [0, 23, 24, 300]) {
    const items = new Array<number>(length).fill(0)
    const writer = new CborWriter(400).array(length)
    for (const item of items) writer.uint(item)
    t.strictSame(writer.written, encodeCbor(items))
    const whole = new CborWriter(400).bytes(new Uint8Array(length)).written
    t.strictSame(new CborWriter(9).bytesHead(length).written, whole.subarray(0, whole.length - length))
    t.equal(new CborReader(whole.subarray(0, whole.length - length)).bytesHead('data'), length)
  }
  t.throws(() => new CborReader(Uint8Array.of(0x45)).bytesHead('data', { max: 4 }), { code: 'CORE_CBOR_SHAPE' })
})
