import fc from 'fast-check'
import t from 'tap'
import { ALL_PRIORITIES, PRIORITIES, type Priority } from '../../bundles/codec/priority.ts'
import { chooseEvictions, decideRoom, type Occupant, type QueueLimits, QueueLoad } from '../../bundles/quota.ts'

const LIMITS: QueueLimits = { maxBundles: 10, maxBytes: 1000, controlPercent: 10, peerPercent: 50 }

function loadOf(occupants: readonly Occupant[]): QueueLoad {
  const load = new QueueLoad()
  for (const occupant of occupants) load.add(occupant)
  return load
}

function occupant(priority: Priority, sizeBytes: number, peer?: string): Occupant {
  return { priority, sizeBytes, peer }
}

t.test('room is free until the queue is full; the last part is for control bundles', async (t) => {
  t.match(decideRoom(occupant(1, 900), loadOf([]), LIMITS), { room: 'free' })
  t.match(decideRoom(occupant(1, 901), loadOf([]), LIMITS), { room: 'none', why: 'too-large' })
  t.match(decideRoom(occupant(3, 1000), loadOf([]), LIMITS), { room: 'free' })
  const full = loadOf([occupant(1, 850)])
  t.match(decideRoom(occupant(1, 51), full, LIMITS), { room: 'none', why: 'full' })
  t.match(decideRoom(occupant(2, 51), full, LIMITS), { room: 'evict', needed: { bytes: 1, count: 0 } })
  t.match(decideRoom(occupant(3, 150), full, LIMITS), { room: 'free' })
  t.match(decideRoom(occupant(3, 151), full, LIMITS), { room: 'evict', needed: { bytes: 1, count: 0 } })
  const many = loadOf(Array.from({ length: 9 }, () => occupant(0, 1)))
  t.match(decideRoom(occupant(0, 1), many, LIMITS), { room: 'none', why: 'full' })
  t.match(decideRoom(occupant(1, 1), many, LIMITS), { room: 'evict', needed: { bytes: 0, count: 1 } })
  t.match(decideRoom(occupant(3, 1), many, LIMITS), { room: 'free' })
})

t.test('a peer has a share, and its bulk does not stand in the way of what is urgent', async (t) => {
  const load = loadOf([occupant(0, 450, 'a')])
  t.match(decideRoom(occupant(0, 51, 'a'), load, LIMITS), { room: 'none', why: 'peer' })
  t.match(decideRoom(occupant(0, 51, 'b'), load, LIMITS), { room: 'free' })
  t.match(decideRoom(occupant(0, 51), load, LIMITS), { room: 'free' }, 'made here')
  t.match(decideRoom(occupant(1, 51, 'a'), load, LIMITS), { room: 'free' })
  load.subtract(occupant(0, 450, 'a'))
  t.strictSame(load.total, { count: 0, bytes: 0 })
  t.strictSame(load.ofPeer('a', 0), { count: 0, bytes: 0 })
})

const priority = fc.constantFrom(...ALL_PRIORITIES)
const peer = fc.constantFrom(undefined, 'a', 'b', 'c')
const arrival = fc.record({ priority, sizeBytes: fc.integer({ min: 1, max: 400 }), peer })

t.test('whatever comes: nothing leaves for its equal or for less, and no bound is passed', async (t) => {
  let evictions = 0
  await fc.assert(
    fc.asyncProperty(fc.array(arrival, { maxLength: 60 }), async (arrivals) => {
      let held: Occupant[] = []
      for (const newcomer of arrivals) {
        const load = loadOf(held)
        const decision = decideRoom(newcomer, load, LIMITS)
        if (decision.room === 'none') continue
        if (decision.room === 'evict') {
          const inOrder = [...held].sort((a, b) => a.priority - b.priority)
          const chosen = await chooseEvictions(inOrder, { needed: decision.needed, priority: newcomer.priority })
          if (chosen === undefined) throw new Error('what was said to be evictable is not')
          if (chosen.some((gone) => gone.priority >= newcomer.priority)) throw new Error('an equal was evicted')
          const spared = held.filter((other) => !chosen.includes(other))
          const mostUrgentGone = Math.max(...chosen.map((gone) => gone.priority))
          if (spared.some((other) => other.priority < mostUrgentGone)) throw new Error('a lesser one was spared')
          held = spared
          evictions += chosen.length
        }
        held.push(newcomer)
        const after = loadOf(held)
        const others = after.below(PRIORITIES.control)
        if (after.total.bytes > 1000 || after.total.count > 10) throw new Error('too much')
        if (others.bytes > 900 || others.count > 9) throw new Error('the part of control bundles is taken')
        for (const name of ['a', 'b', 'c']) {
          const share = after.ofPeer(name, newcomer.priority)
          if (newcomer.peer === name && (share.bytes > 500 || share.count > 5)) throw new Error('beyond its share')
        }
      }
    }),
    { numRuns: 500 },
  )
  t.ok(evictions > 100, `${evictions} evictions`)
})

t.test('counting up and down agrees with counting anew', async (t) => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), fc.integer({ min: 0, max: 40 }), (arrivals, removed) => {
      const load = loadOf(arrivals)
      for (const gone of arrivals.slice(0, removed)) load.subtract(gone)
      const anew = loadOf(arrivals.slice(removed))
      for (const level of ALL_PRIORITIES) {
        for (const [a, b] of [
          [load.of(level), anew.of(level)],
          [load.below(level), anew.below(level)],
          [load.ofPeer('a', level), anew.ofPeer('a', level)],
        ] as const) {
          if (a.count !== b.count || a.bytes !== b.bytes) return false
        }
      }
      return true
    }),
  )
  const load = loadOf([occupant(1, 5, 'a')])
  load.clear()
  t.strictSame(load.total, { count: 0, bytes: 0 })
  t.strictSame(load.ofPeer('a', 0), { count: 0, bytes: 0 })
})
