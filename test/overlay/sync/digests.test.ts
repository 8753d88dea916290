import fc from 'fast-check'
import t from 'tap'
import { toHex } from '../../../core/index.ts'
import {
  BUCKETS_PER_ERA,
  differingBuckets,
  differingEras,
  differingPrefixes,
  summarize,
} from '../../../overlay/sync/digests.ts'

const digest = (fill: number) => new Uint8Array(32).fill(fill)
const bucket = (number: number, fill = 1) => ({ bucket: number, count: 1, digest: digest(fill) })

t.test('equal buckets have one root, in whatever order they come', async () => {
  const buckets = fc.uniqueArray(fc.record({ bucket: fc.nat(1_000_000), fill: fc.nat(255) }), {
    selector: (entry) => entry.bucket,
  })
  fc.assert(
    fc.property(buckets, (list) => {
      const made = list.map((entry) => bucket(entry.bucket, entry.fill))
      return toHex(summarize(made).root) === toHex(summarize(made.toReversed()).root)
    }),
  )
})

t.test('any change of a bucket changes its era and the root, and no other era', async (t) => {
  const mine = [bucket(1), bucket(BUCKETS_PER_ERA), bucket(5 * BUCKETS_PER_ERA)]
  const before = summarize(mine)
  t.same(
    before.eras.map((era) => era.era),
    [0, 1, 5],
  )
  const changes = [
    [bucket(1, 2), ...mine.slice(1)],
    [bucket(2), ...mine.slice(1)],
    [bucket(1), bucket(2), ...mine.slice(1)],
  ]
  for (const theirs of changes) {
    const after = summarize(theirs)
    t.not(toHex(after.root), toHex(before.root))
    t.same(differingEras(before.eras, after.eras), [0])
  }
  t.same(differingEras(before.eras, before.eras), [])
})

t.test('what only they have differs, what only I have does not matter', async (t) => {
  const mine = [bucket(1), bucket(2)]
  const theirs = [bucket(2), bucket(3), bucket(4, 9)]
  t.same(
    differingBuckets(mine, theirs).map((entry) => entry.bucket),
    [3, 4],
  )
  const prefix = (number: number, fill = 1) => ({ prefix: number, count: 1, digest: digest(fill) })
  t.same(differingPrefixes([prefix(7), prefix(8)], [prefix(7, 2), prefix(8)]), [7])
})
