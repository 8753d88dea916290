import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { BUNDLES_ERRORS, decodeBundle, encodeBundle, isNullEndpoint } from '../../bundles/index.ts'
import { fromHex, toHex } from '../../core/index.ts'

/** Bundles of a dozen implementations, RFC 9173 and issue trackers; not part of the project. */
const CORPUS = new URL('../../../shared/vectors/bpv7.json', import.meta.url)

interface CorpusBundle {
  readonly name: string
  readonly hex: string
  readonly expect: 'valid' | 'valid-relaxed' | 'invalid' | 'invalid-strict' | 'disputed'
}

/** What implementations do not agree on, and what is chosen here: the code under policy strict and under relaxed. */
const DISPUTED: Readonly<Record<string, readonly [strict: string | undefined, relaxed: string | undefined]>> = {
  // Flagged as a fragment, without offset and total length: nobody could put it together.
  'issue-fragment+must-not-fragment': ['BUNDLES_FRAGMENT_FIELDS', 'BUNDLES_FRAGMENT_FIELDS'],
  // Reports to ipn:0.1, which counts as the null endpoint (RFC 9758 §3.4.1) and is taken. What is refused is its time,
  // beyond 2^53 (docs/adr/0002-whole-numbers-below-2-53.md); put back, only strict refuses it, for its missing CRC.
  'issue-ipn-0-1-report-to': ['BUNDLES_PRIMARY_BLOCK', 'BUNDLES_PRIMARY_BLOCK'],
}

/** Their integrity block is encrypted, and may cover the primary block: without a key nobody can refuse them for that. */
const MAY_BE_COVERED = ['hardy-16', 'hardy-17', 'hardy-18', 'hardy-19', 'hardy-20']

/** The code a bundle is refused with; undefined when it is accepted and encodes to the same bytes. */
function refusal({ hex }: Pick<CorpusBundle, 'hex'>, relaxed: boolean): string | undefined {
  try {
    const again = toHex(encodeBundle(decodeBundle(fromHex(hex), { relaxed }), { relaxed }))
    return again === hex ? undefined : 'DIFFERENT BYTES'
  } catch (error) {
    return BUNDLES_ERRORS.matches(error) ? error.code : `NOT CATALOGUED: ${error}`
  }
}

if (existsSync(CORPUS)) {
  const corpus: CorpusBundle[] = JSON.parse(readFileSync(CORPUS, 'utf8'))

  t.test('every bundle behaves as expected under both policies', async (t) => {
    t.ok(corpus.length >= 100)
    for (const vector of corpus) {
      const [strict, relaxed] = [refusal(vector, false), refusal(vector, true)]
      const refused = /^BUNDLES_/
      if (vector.expect === 'valid') t.strictSame([strict, relaxed], [undefined, undefined], vector.name)
      else if (vector.expect === 'invalid') for (const code of [strict, relaxed]) t.match(code, refused, vector.name)
      else if (vector.expect === 'disputed') t.strictSame([strict, relaxed], DISPUTED[vector.name], vector.name)
      else if (['valid-relaxed', 'invalid-strict'].includes(vector.expect)) {
        t.match(strict ?? 'taken', MAY_BE_COVERED.includes(vector.name) ? 'taken' : refused, vector.name)
        t.equal(relaxed, undefined, vector.name)
      } else t.fail(`${vector.name}: nobody knows what ${vector.expect} means`)
    }
  })

  t.test('a service of node 0 is the null endpoint', async (t) => {
    const vector = corpus.find(({ name }) => name === 'issue-ipn-0-1-report-to')
    const dated = vector?.hex.replace('1b00ff00bb0e20b4ea', '1b000000bb0e20b4ea') ?? ''
    t.equal(refusal({ hex: dated }, false), 'BUNDLES_PRIMARY_UNPROTECTED')
    t.equal(refusal({ hex: dated }, true), undefined)
    t.ok(isNullEndpoint(decodeBundle(fromHex(dated), { relaxed: true }).primary.reportTo))
  })

  t.test('bundles with a byte changed come back as the same bytes, or are refused with a code', async (t) => {
    const outcomes = { kept: 0, refused: 0 }
    const short = corpus.filter(({ hex }) => hex.length < 1200).map(({ hex }) => fromHex(hex))
    const [bundle, at, byte] = [fc.constantFrom(...short), fc.nat(), fc.integer({ min: 0, max: 255 })]
    fc.assert(
      fc.property(bundle, at, byte, (bytes, place, value) => {
        const code = refusal({ hex: toHex(bytes.with(place % bytes.length, value)) }, true)
        outcomes[code === undefined ? 'kept' : 'refused'] += 1
        return code === undefined || code.startsWith('BUNDLES_')
      }),
      { numRuns: 3000, seed: 100 },
    )
    t.ok(outcomes.kept > 300 && outcomes.refused > 300, JSON.stringify(outcomes))
  })

  t.test('every bundle cut short anywhere is refused with a code', async (t) => {
    for (const { hex, name } of corpus.filter(({ hex }) => hex.length < 600)) {
      const outcomes = new Set<string | undefined>()
      for (let end = 0; end < hex.length; end += 2) {
        outcomes.add(refusal({ hex: hex.slice(0, end) }, true)?.slice(0, 8))
      }
      t.strictSame([...outcomes], ['BUNDLES_'], name)
    }
  })
} else {
  t.pass('corpus', { skip: `no corpus at ${CORPUS.pathname}` })
}
