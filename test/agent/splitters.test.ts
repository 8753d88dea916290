import fc from 'fast-check'
import t from 'tap'
import { ArraySplitter, beginsArray, LineSplitter, type Splitter } from '../../agent/ingest/splitters.ts'
import { bytes } from './helpers.ts'

const text = (frame: Uint8Array | undefined) => (frame === undefined ? undefined : Buffer.from(frame).toString('utf8'))

/** Pushes `input` in pieces of the given sizes, over and over. */
function split(splitter: Splitter, input: Uint8Array, sizes: readonly number[] = [7]): (string | undefined)[] {
  const frames = []
  for (let at = 0, turn = 0; at < input.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    frames.push(...splitter.push(input.subarray(at, at + size)))
    at += size
  }
  const last = splitter.finish()
  return [...frames, ...(last === undefined ? [] : [last])].map((frame) => text(frame.bytes))
}

const lines = (maxFrameBytes = 100) => new LineSplitter({ offset: 0, maxFrameBytes })
const array = (maxFrameBytes = 100) => new ArraySplitter({ offset: 0, maxFrameBytes })

t.test('lines', async (t) => {
  t.same(split(lines(), bytes('a\nbb\r\n\nlast')), ['a', 'bb', '', 'last'])
  t.same(split(lines(3), bytes('abc\nabcd\nab\n'), [2]), ['abc', undefined, 'ab'], 'too long is skipped')
  const splitter = new LineSplitter({ offset: 1000, maxFrameBytes: 10 })
  t.same(
    splitter.push(bytes('ab\ncd\ne')).map((frame) => frame.endOffset),
    [1003, 1006],
  )
  t.equal(splitter.finish()?.endOffset, 1007)
})

t.test('array elements', async (t) => {
  const input = ' [ {"a":[1,2]}, {"b":"]},{\\""},[3], 4 ,"x,y", null] trailing {"c":1}'
  t.same(split(array(), bytes(input), [1]), ['{"a":[1,2]}', '{"b":"]},{\\""}', '[3]', '4 ', '"x,y"', 'null'])
  t.same(split(array(), bytes('\ufeff[]')), [])
  t.same(split(array(5), bytes('[{"long":"]}"},{},[1]]'), [3]), [undefined, '{}', '[1]'], 'too long is skipped whole')
  t.same(split(array(), bytes('[{"a":1},{"b"')), ['{"a":1}', '{"b"'], 'an unfinished one at the end')
})

t.test('an array can be resumed after any of its elements', async (t) => {
  const input = bytes('[{"a":1}, {"b":2},\n{"c":3}]')
  for (const frame of array().push(input)) {
    const resumed = new ArraySplitter({ offset: frame.endOffset, maxFrameBytes: 100, resumed: true })
    const rest = resumed.push(input.subarray(frame.endOffset)).map((later) => text(later.bytes))
    t.equal(rest.length, 2 - ['{"a":1}', '{"b":2}', '{"c":3}'].indexOf(text(frame.bytes) ?? ''))
  }
})

t.test('how a file begins', async (t) => {
  t.equal(beginsArray(bytes('  \n[')), true)
  t.equal(beginsArray(bytes('\ufeff[')), true)
  t.equal(beginsArray(bytes(' {[')), false)
  t.equal(beginsArray(bytes(' \n')), undefined)
})

t.test('frames do not depend on how the bytes arrive', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
  const document = fc.array(fc.jsonValue(), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(document, sizes, fc.constantFrom(undefined, 2), (values, pieces, indent) => {
      const input = bytes(JSON.stringify(values, null, indent))
      const elements = split(array(10_000), input, pieces)
      return JSON.stringify(elements.map((element) => JSON.parse(element ?? ''))) === JSON.stringify(values)
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), sizes, (input, pieces) => {
      const whole = JSON.stringify(split(lines(20), input, [input.length + 1]))
      return (
        JSON.stringify(split(lines(20), input, pieces)) === whole &&
        JSON.stringify(split(array(20), input, pieces)) === JSON.stringify(split(array(20), input, [input.length + 1]))
      )
    }),
    { numRuns: 300 },
  )
})
