import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { BUNDLES_ERRORS, decodeBundle, encodeBundle } from '../../bundles/index.ts'
import { fromHex, toHex } from '../../core/index.ts'

/** Bundles of a dozen implementations, RFC 9173 and issue trackers; not part of the project. */
const CORPUS = new URL('../../../shared/vectors/bpv7.json', import.meta.url)

interface CorpusBundle {
  readonly name: string
  readonly hex: string
  readonly expect: 'valid' | 'valid-relaxed' | 'invalid' | 'invalid-strict' | 'disputed'
}

/** Relaxed decoding refuses this one too: a fragment of 35 bytes of a whole of 0. */
const REFUSED_THOUGH_RELAXED = ['hardy-05']

/** The code a bundle is refused with; undefined when it is accepted and encodes to the same bytes. */
function refusal({ hex }: CorpusBundle, relaxed: boolean): string | undefined {
  try {
    const again = toHex(encodeBundle(decodeBundle(fromHex(hex), { relaxed }), { relaxed }))
    return again === hex ? undefined : 'DIFFERENT BYTES'
  } catch (error) {
    return BUNDLES_ERRORS.matches(error) ? error.code : `NOT CATALOGUED: ${error}`
  }
}

if (existsSync(CORPUS)) {
  const corpus: CorpusBundle[] = JSON.parse(readFileSync(CORPUS, 'utf8'))
  const named = (expectation: CorpusBundle['expect']) => corpus.filter(({ expect }) => expect === expectation)

  t.test('what other implementations send', async (t) => {
    t.ok(corpus.length >= 100)
    for (const vector of named('valid')) t.equal(refusal(vector, false), undefined, vector.name)
    for (const vector of named('valid-relaxed')) {
      const expected = REFUSED_THOUGH_RELAXED.includes(vector.name) ? 'BUNDLES_PRIMARY_BLOCK' : undefined
      t.equal(refusal(vector, true), expected, vector.name)
    }
  })

  t.test('what nobody should accept', async (t) => {
    for (const vector of named('invalid')) {
      for (const relaxed of [false, true]) t.match(refusal(vector, relaxed), /^BUNDLES_/, vector.name)
    }
    for (const vector of named('invalid-strict')) t.match(refusal(vector, false), /^BUNDLES_/, vector.name)
    for (const vector of named('disputed')) t.notMatch(refusal(vector, false) ?? '', /NOT|DIFFERENT/, vector.name)
  })

  t.test('every bundle cut short anywhere is refused with a code', async (t) => {
    for (const { hex, name } of corpus.filter(({ hex }) => hex.length < 600)) {
      const outcomes = new Set<string | undefined>()
      for (let end = 0; end < hex.length; end += 2) {
        outcomes.add(refusal({ hex: hex.slice(0, end), name, expect: 'invalid' }, true)?.slice(0, 8))
      }
      t.strictSame([...outcomes], ['BUNDLES_'], name)
    }
  })
} else {
  t.pass('corpus', { skip: `no corpus at ${CORPUS.pathname}` })
}
