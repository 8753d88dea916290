import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { compareBytes, concatBytes, SimulatedRandom, toHex } from '../../../core/index.ts'
import { SortedIds } from '../../../records/store/sorted-ids.ts'

/** Few different ids, so that they meet again. */
const arbitraryId = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map(([first, middle, last]) => {
  const id = new Uint8Array(32)
  id.set([first * 85], 0)
  id.set([middle], 15)
  id.set([last], 31)
  return id
})

t.test('behaves as a sorted set', async (t) => {
  const changes = { added: 0, deleted: 0, none: 0 }
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), arbitraryId), { maxLength: 200, size: 'max' }), (steps) => {
      const ids = new SortedIds()
      const model = new Map<string, Uint8Array>()
      for (const [add, id] of steps) {
        const name = toHex(id)
        assert.equal(ids.has(id), model.has(name))
        const changed = add ? ids.add(id) : ids.delete(id)
        assert.equal(changed, add !== model.has(name))
        changes[changed ? (add ? 'added' : 'deleted') : 'none'] += 1
        if (add) model.set(name, id)
        else model.delete(name)
      }
      const sorted = [...model.values()].sort(compareBytes)
      assert.equal(ids.count, sorted.length)
      assert.deepEqual(ids.bytes(), concatBytes(...sorted))
      for (const prefix of [0, 85, 1, 255]) {
        assert.deepEqual(ids.bytes(prefix), concatBytes(...sorted.filter((id) => id[0] === prefix)))
      }
    }),
  )
  for (const [change, count] of Object.entries(changes)) t.ok(count > 100, `${change}: ${count}`)
})

t.test('pages follow each other, within a first byte or not', async (t) => {
  const limits = fc.integer({ min: 1, max: 40 })
  const prefixes = fc.option(fc.constantFrom(0, 85, 1, 255), { nil: undefined })
  fc.assert(
    fc.property(fc.array(arbitraryId, { maxLength: 200 }), prefixes, limits, (some, prefix, limit) => {
      const ids = new SortedIds()
      for (const id of some) ids.add(id)
      const found: Uint8Array[] = []
      for (;;) {
        const page = ids.page({ prefix, after: found.at(-1), limit })
        found.push(...page)
        assert.ok(page.length <= limit)
        if (page.length < limit) break
      }
      assert.deepEqual(concatBytes(...found), ids.bytes(prefix))
    }),
  )
  const ids = new SortedIds()
  const id = (first: number, last: number) => {
    const bytes = new Uint8Array(32)
    bytes[0] = first
    bytes[31] = last
    return bytes
  }
  for (const one of [id(1, 1), id(1, 2), id(2, 1)]) ids.add(one)
  t.same(ids.page({ after: id(1, 0), limit: 9 }), [id(1, 1), id(1, 2), id(2, 1)], 'after an id that is not there')
  t.same(ids.page({ prefix: 2, after: id(1, 1), limit: 9 }), [id(2, 1)], 'after an id below the first byte')
  t.same(ids.page({ prefix: 1, after: id(2, 0), limit: 9 }), [], 'after an id above it')
  t.same(ids.page({ limit: 0 }), [])
  const [copy] = ids.page({ limit: 1 })
  copy?.fill(0)
  t.same(ids.page({ limit: 1 }), [id(1, 1)], 'pages are copies')
})

t.test('stays sorted over many chunks, and empties again', async (t) => {
  const random = new SimulatedRandom(1)
  const all = Array.from({ length: 5_000 }, () => random.bytes(32))
  const ids = new SortedIds()
  t.ok(all.every((id) => ids.add(id)))
  const sorted = [...all].sort(compareBytes)
  t.strictSame(ids.bytes(), concatBytes(...sorted))
  t.strictSame(ids.bytes(7), concatBytes(...sorted.filter((id) => id[0] === 7)))
  t.strictSame(
    concatBytes(...ids.page({ after: sorted[1_234], limit: 2_000 })),
    concatBytes(...sorted.slice(1_235, 3_235)),
  )
  t.ok(all.every((id) => ids.has(id)))
  t.ok(all.every((id) => ids.delete(id)))
  t.same([ids.count, ids.bytes().length], [0, 0])
})

t.test('a page of a large set costs like one of a small set', async (t) => {
  const random = new SimulatedRandom(1)
  const [small, large] = [new SortedIds(), new SortedIds()]
  for (let at = 0; at < 100_000; at += 1) {
    const id = random.bytes(32)
    large.add(id)
    if (at < 1_000) small.add(id)
  }
  const after = random.bytes(32)
  const millisecondsOf = (ids: SortedIds) => {
    const start = performance.now()
    for (let round = 0; round < 200; round += 1) ids.page({ after, limit: 100 })
    return performance.now() - start
  }
  for (const ids of [small, large]) millisecondsOf(ids)
  const ratio = millisecondsOf(large) / millisecondsOf(small)
  t.ok(ratio < 20, `a hundred times the ids, ${ratio.toFixed(1)} times the cost`)
})
