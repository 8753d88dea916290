import fc from 'fast-check'
import t from 'tap'
import { decodePem, encodePem } from '../../enrollment/index.ts'
import { MAX_PEM_CHARACTERS } from '../../enrollment/limits.ts'

const one = { label: 'CERTIFICATE', maxBlocks: 1 }

t.test('what is written reads back', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 3 }), (blocks) => {
      const text = blocks.map((der) => encodePem('CERTIFICATE', der)).join('')
      t.strictSame(decodePem(text, { label: 'CERTIFICATE', maxBlocks: 3 }), blocks)
      t.strictSame(decodePem(text.replaceAll('\n', '\r\n'), { label: 'CERTIFICATE', maxBlocks: 3 }), blocks)
    }),
    { numRuns: 30 },
  )
  t.end()
})

t.test('anything else is refused', (t) => {
  const text = encodePem('CERTIFICATE', Uint8Array.of(1, 2, 3, 4))
  const refused = [
    '',
    'AQIDBA==',
    `x${text}`,
    `${text}x`,
    `${text}${text}`,
    text.replace('END CERTIFICATE', 'END KEY'),
    text.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
    text.replace('AQIDBA==', 'AQIDBA='),
    text.replace('AQIDBA==', 'AQIDBB=='),
    text.replace('AQIDBA==', ''),
    text.replace('AQIDBA==', 'AQ IDBA=='),
    encodePem('CERTIFICATE', new Uint8Array(MAX_PEM_CHARACTERS)),
  ]
  for (const other of refused) t.throws(() => decodePem(other, one), { code: 'ENROLLMENT_PEM' }, other.slice(0, 80))
  t.end()
})
