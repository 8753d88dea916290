import t from 'tap'
import { rootWarning } from '../../agent/node/trust-status.ts'

const DAY_MS = 86_400_000

t.test('the end of the root is told a year ahead', (t) => {
  const endsIn = (days: number) => rootWarning({ notAfterMs: 1_000 * DAY_MS }, (1_000 - days) * DAY_MS)
  t.equal(endsIn(365), undefined)
  t.match(endsIn(364), /^the root of the mesh ends in 364 days/)
  t.match(endsIn(1), /ends in 24 h/)
  t.match(endsIn(-5), /ends in 0 s/)
  t.end()
})
