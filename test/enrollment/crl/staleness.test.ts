import t from 'tap'
import { listStaleness, parseStalenessPolicy } from '../../../enrollment/crl/index.ts'

const DAY_MS = 86_400_000
const list = { nextUpdateMs: 1_000 * DAY_MS }
const judge = (policy: string, sinceMs: number) =>
  listStaleness(list, parseStalenessPolicy(policy)!, list.nextUpdateMs + sinceMs)

t.test('until nextUpdate every policy trusts', (t) => {
  for (const policy of ['fresh', 'tolerated:3', 'fail-closed']) {
    t.match(judge(policy, -DAY_MS), { state: 'fresh', verdict: 'trusted', expiresInMs: DAY_MS })
    t.match(judge(policy, 0), { state: 'fresh', verdict: 'trusted', expiresInMs: 0 })
  }
  t.equal(judge('fresh', -DAY_MS).trustedForMs, DAY_MS)
  t.equal(judge('tolerated:3', -DAY_MS).trustedForMs, 4 * DAY_MS)
  t.end()
})

t.test('after nextUpdate', (t) => {
  t.same(judge('fresh', 1), { state: 'expired', verdict: 'stale', expiresInMs: -1, trustedForMs: 0 })
  t.same(judge('fail-closed', 1), { state: 'expired', verdict: 'untrusted', expiresInMs: -1, trustedForMs: 0 })
  const tolerated = { state: 'tolerated', verdict: 'trusted' }
  t.same(judge('tolerated:3', 1), { ...tolerated, expiresInMs: -1, trustedForMs: 3 * DAY_MS - 1 })
  t.same(judge('tolerated:3', 3 * DAY_MS - 1), { ...tolerated, expiresInMs: 1 - 3 * DAY_MS, trustedForMs: 1 })
  t.match(judge('tolerated:3', 3 * DAY_MS), { state: 'expired', verdict: 'stale', trustedForMs: 0 })
  t.end()
})

t.test('policies as text', (t) => {
  t.same(parseStalenessPolicy('tolerated:3650'), { kind: 'tolerated', days: 3650 })
  for (const text of [
    '',
    'Fresh',
    'tolerated',
    'tolerated:',
    'tolerated:0',
    'tolerated:3651',
    'tolerated:1.5',
    'tolerated:-1',
  ]) {
    t.equal(parseStalenessPolicy(text), undefined, text)
  }
  t.end()
})
