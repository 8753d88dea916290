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
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), arbitraryId), { maxLength: 200 }), (steps) => {
      const ids = new SortedIds()
      const model = new Map<string, Uint8Array>()
      for (const [add, id] of steps) {
        const name = toHex(id)
        assert.equal(ids.has(id), model.has(name))
        assert.equal(add ? ids.add(id) : ids.delete(id), add !== model.has(name))
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
  t.pass('on random steps')
})

t.test('stays sorted over many chunks, and empties again', async (t) => {
  const random = new SimulatedRandom(1)
  const all = Array.from({ length: 5_000 }, () => random.bytes(32))
  const ids = new SortedIds()
  t.ok(all.every((id) => ids.add(id)))
  const sorted = [...all].sort(compareBytes)
  t.strictSame(ids.bytes(), concatBytes(...sorted))
  t.strictSame(ids.bytes(7), concatBytes(...sorted.filter((id) => id[0] === 7)))
  t.ok(all.every((id) => ids.has(id)))
  t.ok(all.every((id) => ids.delete(id)))
  t.same([ids.count, ids.bytes().length], [0, 0])
})
