import t from 'tap'
import { RecentIds } from '../../bundles/node/recent-ids.ts'

t.test('the newest ids are known, the oldest make room', async (t) => {
  const ids = new RecentIds(3)
  for (const number of [1, 2, 3, 3, 4]) ids.add(Uint8Array.of(number))
  t.same(
    [1, 2, 3, 4].map((number) => ids.has(Uint8Array.of(number))),
    [false, true, true, true],
  )
})
