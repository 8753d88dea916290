import fc from 'fast-check'
import t from 'tap'
import {
  CORE_ERRORS,
  checkOptionKeys,
  checkWholeNumber,
  compareBytes,
  concatBytes,
  defineErrors,
  equalBytes,
  fromHex,
  GapmeshError,
  isDnsLabel,
  isGapmeshError,
  randomBelow,
  randomFraction,
  SimulatedRandom,
  shape,
  systemRandom,
  toHex,
  uintBytes,
  uintFromBytes,
} from '../../core/index.ts'

t.test('hexadecimal is strict and its own inverse', async (t) => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => toHex(fromHex(toHex(bytes))) === toHex(bytes)))
  for (const wrong of ['0', 'AB', 'zz', ' 00', '00\n']) t.throws(() => fromHex(wrong), TypeError)
  t.equal(toHex(Uint8Array.of(1, 2, 3).subarray(1)), '0203', 'a view shows only itself')
})

t.test('bytes: concatenation, order, numbers that sort', async (t) => {
  t.strictSame(concatBytes(), new Uint8Array())
  t.strictSame(concatBytes(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3))
  t.ok(equalBytes(Uint8Array.of(1), Uint8Array.of(1)))
  t.notOk(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2)))
  t.equal(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)), -1)
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      const order = compareBytes(uintBytes(a), uintBytes(b))
      return order === Math.sign(a - b) && uintFromBytes(uintBytes(a)) === a
    }),
  )
  t.throws(() => uintBytes(256, 1), TypeError)
  t.throws(() => uintBytes(-1), TypeError)
  t.throws(() => uintBytes(2 ** 53), TypeError)
  t.throws(() => uintFromBytes(new Uint8Array(8).fill(255)), TypeError)
})

t.test('the simulated generator repeats, the system one does not', async (t) => {
  t.strictSame(new SimulatedRandom(7).bytes(64), new SimulatedRandom(7).bytes(64))
  t.notSame(new SimulatedRandom(7).bytes(64), new SimulatedRandom(8).bytes(64))
  t.notSame(systemRandom().bytes(32), systemRandom().bytes(32))
  const counts = new Array(256).fill(0)
  for (const byte of new SimulatedRandom(1).bytes(256 * 200)) counts[byte] += 1
  t.ok(Math.min(...counts) > 120 && Math.max(...counts) < 280, 'no byte is rare')
})

t.test('a number below a bound has no favourites', async (t) => {
  const random = new SimulatedRandom(3)
  const counts = [0, 0, 0]
  for (let round = 0; round < 3000; round += 1) counts[randomBelow(random, 3)]! += 1
  t.ok(Math.min(...counts) > 900)
  t.ok(randomFraction(random) < 1)
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) t.throws(() => randomBelow(random, bound), TypeError)
  const high = { bytes: () => Uint8Array.of(255, 255, 255, 255) }
  let calls = 0
  const once = { bytes: (length: number) => (calls++ === 0 ? high.bytes() : new Uint8Array(length)) }
  t.equal(randomBelow(once, 3), 0, 'a value that would favour some is drawn again')
})

t.test('errors carry code, hint, action, facts and cause', async (t) => {
  const errors = defineErrors('example', {
    EXAMPLE_BAD: { message: 'it is bad', hint: 'make it good', action: 'reject' },
    EXAMPLE_OFF: { message: 'it is off' },
  })
  const cause = new Error('underneath')
  const error = errors.create('EXAMPLE_BAD', { cause, metadata: { size: 3 }, detail: 'very' })
  t.match(error, { code: 'EXAMPLE_BAD', message: 'it is bad: very', hint: 'make it good', action: 'reject', cause })
  t.strictSame(error.metadata, { size: 3 })
  t.equal(errors.create('EXAMPLE_OFF').action, undefined)
  t.notOk('cause' in errors.create('EXAMPLE_OFF'))
  t.ok(errors.matches(error) && errors.matches(error, 'EXAMPLE_BAD'))
  t.notOk(errors.matches(error, 'EXAMPLE_OFF'))
  t.notOk(CORE_ERRORS.matches(error), 'another room’s')
  t.notOk(errors.matches(new GapmeshError('toString', { message: '' })), 'not a name every object has')
  t.ok(isGapmeshError(error, 'EXAMPLE_BAD'))
  t.notOk(isGapmeshError(cause))
})

t.test('unknown options and numbers out of bounds are refused', async (t) => {
  t.doesNotThrow(() => checkOptionKeys('thing', { a: 1 }, ['a', 'b']))
  t.throws(() => checkOptionKeys('thing', { a: 1, c: 2 }, ['a', 'b']), { name: 'TypeError', message: /thing.*"c"/ })
  t.doesNotThrow(() => checkWholeNumber('n', 5, { min: 5, max: 5 }))
  for (const wrong of [4, 6, 5.5, Number.NaN]) {
    t.throws(() => checkWholeNumber('n', wrong, { min: 5, max: 5 }), TypeError)
  }
})

t.test('shapes: the value or CORE_CBOR_SHAPE with the name of what is wrong', async (t) => {
  const mismatch = (read: () => unknown) => t.throws(read, { code: 'CORE_CBOR_SHAPE', metadata: { what: 'x' } })
  t.equal(shape.uint(3, 'x', { min: 3, max: 3 }), 3)
  for (const wrong of [2, 4, -1, 3n, '3', undefined]) mismatch(() => shape.uint(wrong, 'x', { min: 3, max: 3 }))
  t.equal(shape.int(-3, 'x'), -3)
  mismatch(() => shape.int(2n ** 60n, 'x'))
  t.equal(shape.text('é', 'x', { max: 2 }), 'é')
  mismatch(() => shape.text('é', 'x', { max: 1 }))
  t.strictSame(shape.bytes(Uint8Array.of(1), 'x', { min: 1 }), Uint8Array.of(1))
  mismatch(() => shape.bytes(Uint8Array.of(), 'x', { min: 1 }))
  t.strictSame(shape.array([1], 'x', { max: 1 }), [1])
  mismatch(() => shape.array([1, 2], 'x', { max: 1 }))
  const map = new Map([[1, 'a']])
  t.equal(shape.map(map, 'x', { required: [1], optional: [2] }), map)
  mismatch(() => shape.map(map, 'x', { required: [1, 2] }))
  mismatch(() => shape.map(map, 'x', { required: [] }))
  mismatch(() => shape.map([], 'x', { required: [] }))
  t.equal(shape.oneOf('b', 'x', ['a', 'b']), 'b')
  mismatch(() => shape.oneOf('c', 'x', ['a', 'b']))
})

t.test('DNS labels', async (t) => {
  for (const good of ['a', 'a-1', '0', 'a'.repeat(63)]) t.ok(isDnsLabel(good), good)
  for (const bad of ['', '-a', 'a-', 'A', 'a.b', 'a_b', 'a\n', 'ä', 'a'.repeat(64)]) t.notOk(isDnsLabel(bad), bad)
})
