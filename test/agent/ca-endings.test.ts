import t from 'tap'
import { endingNotes } from '../../agent/actions/ca/endings.ts'
import { initCa } from '../../enrollment/store/index.ts'
import { testDependencies, testUnlock } from '../helpers/ca.ts'
import { Terminal } from './process.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2030, 0)

function notes(root: number, issuing: number, active = true): string[] {
  const ends = (days: number) => ({ notBeforeMs: 0, notAfterMs: NOW_MS + days * DAY_MS })
  const authorities = [{ keyId: 'ab', kind: 'issuing', active, ...ends(issuing) }] as const
  return endingNotes({ root: { fingerprint: 'cd', ...ends(root) }, authorities }, NOW_MS)
}

t.test('the end of a root is told a year ahead, of an issuing CA 90 days', (t) => {
  t.same(notes(365, 90), [])
  t.match(notes(364, 90), [/^The root ends in 364 days: with it ends the mesh/])
  t.match(notes(365, 89), [/^This issuing CA ends in 89 days\. Renew it: gapmesh ca issuing request/])
  t.match(notes(-3, -2), [/^The root ended 3 days ago/, /^This issuing CA ended 2 days ago/])
  t.same(notes(365, 1, false), [], 'one that signs no more')
  t.end()
})

t.test('ca status says so', async (t) => {
  const terminal = await Terminal.open(t)
  const root = { mesh: 'north-grid', rootLifetimeMs: 200 * DAY_MS }
  const ca = await initCa({ ...root, home: terminal.path('ca'), unlock: testUnlock() }, testDependencies())
  await ca.close()
  const status = await terminal.run('ca status --home ca', { GAPMESH_PASSPHRASE: 'correct horse' })
  t.match(status, { code: 0, err: /^The root ends in (199|200) days/ })
})
