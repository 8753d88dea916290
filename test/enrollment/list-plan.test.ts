import t from 'tap'
import { MAX_CRL_SKEW_MS } from '../../enrollment/limits.ts'
import { type IssuedLists, listedUntilMs, nextIssueMs, planLists, timeOfNextList } from '../../enrollment/list-plan.ts'
import { decideGrace } from '../../enrollment/renewal.ts'

const HOUR_MS = 3600 * 1000
const NOTHING = { full: false, delta: false, rebase: false }

t.test('what to issue when', (t) => {
  const lists: IssuedLists = { fullAtMs: 0, deltaAtMs: 12 * HOUR_MS, hasBase: true }
  const plan = (hours: number, revoked = false, changes: Partial<IssuedLists> = {}) =>
    planLists({ ...lists, ...changes }, revoked, hours * HOUR_MS)
  t.same(planLists(undefined, false, 0), { full: true, delta: false, rebase: true })
  t.same(plan(23), NOTHING)
  t.same(plan(24), { full: false, delta: true, rebase: false })
  t.same(plan(13, true), { full: true, delta: true, rebase: false })
  t.same(plan(84), { full: true, delta: true, rebase: true })
  t.same(plan(84, true), { full: true, delta: true, rebase: true })
  t.same(plan(24, false, { hasBase: false }), NOTHING, 'no delta after a restore')
  t.same(plan(1, true, { hasBase: false }), { full: true, delta: false, rebase: true })
  const anew = { full: true, delta: false, rebase: true }
  t.same(plan(-1), anew, 'no node can have taken a list of the future')
  t.same(plan(1), anew, 'nor such a delta')
  t.equal(nextIssueMs(lists), 24 * HOUR_MS)
  t.equal(nextIssueMs({ ...lists, deltaAtMs: undefined }), 12 * HOUR_MS)
  t.equal(nextIssueMs({ ...lists, hasBase: false }), 84 * HOUR_MS)
  t.end()
})

t.test('no second twice, whatever the clock does', (t) => {
  t.same(timeOfNextList(undefined, 5_999), { atMs: 5_000, waitMs: 0 })
  t.same(timeOfNextList(5_000, 6_000), { atMs: 6_000, waitMs: 0 })
  t.same(timeOfNextList(5_000, 5_400), { atMs: 6_000, waitMs: 600 })
  t.same(timeOfNextList(65_000, 5_400), { atMs: 66_000, waitMs: 0 }, 'set back')
  t.same(timeOfNextList(5_001 + MAX_CRL_SKEW_MS, 5_000), { atMs: 5_000, waitMs: 0 }, 'no node can have taken it')
  t.equal(listedUntilMs(100, 50), 150 + 24 * HOUR_MS)
  t.end()
})

t.test('grace', (t) => {
  const policy = { graceMs: 100, graceCount: 2 }
  const input = { notAfterMs: 1000, nowMs: 1100, used: 1, isNewest: true }
  t.equal(decideGrace(policy, { ...input, nowMs: 1000, used: 9, isNewest: false }), undefined, 'not needed')
  t.same(decideGrace(policy, input), { used: 2, left: 0 })
  t.throws(() => decideGrace(policy, { ...input, nowMs: 1101 }), { code: 'ENROLLMENT_GRACE_OVER' })
  t.throws(() => decideGrace(policy, { ...input, isNewest: false }), { code: 'ENROLLMENT_GRACE_OVER' })
  t.throws(() => decideGrace(policy, { ...input, used: 2 }), { code: 'ENROLLMENT_GRACE_USED' })
  t.end()
})
