import fc from 'fast-check'
import t from 'tap'
import { encodeCbor, SimulatedClock, toHex } from '../../../core/index.ts'
import { decodeAnnouncement, encodeAnnouncement } from '../../../overlay/gossip/announcement.ts'
import { Announcer } from '../../../overlay/gossip/announcer.ts'
import { MAX_ANNOUNCED_HEADS, MAX_ANNOUNCEMENT_BYTES } from '../../../overlay/limits.ts'
import type { ChainHead } from '../../../overlay/ports.ts'

const id = (fill: number) => new Uint8Array(32).fill(fill)
const heads = fc.uniqueArray(
  fc.record({
    origin: fc.stringMatching(/^[a-z0-9]{1,20}$/),
    seq: fc.integer({ min: 1, max: 2 ** 31 }),
    id: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  { minLength: 1, maxLength: 20, selector: (head) => head.origin },
)

t.test('heads survive the round trip, in order of their origins', async () => {
  fc.assert(
    fc.property(heads, (list) => {
      const decoded = decodeAnnouncement(encodeAnnouncement(list))
      const expected = [...list].sort((a, b) => (a.origin < b.origin ? -1 : 1))
      return JSON.stringify(decoded.map(plain)) === JSON.stringify(expected.map(plain))
    }),
  )
})

function plain(head: ChainHead): [string, number, string] {
  return [head.origin, head.seq, toHex(head.id)]
}

t.test('mutations decode to the same bytes or fail with the code', async (t) => {
  let decoded = 0
  fc.assert(
    fc.property(heads, fc.nat(), fc.nat({ max: 255 }), (list, at, value) => {
      const bytes = encodeAnnouncement(list)
      bytes[at % bytes.length] = value
      try {
        const again = encodeAnnouncement(decodeAnnouncement(bytes))
        decoded += 1
        return toHex(again) === toHex(bytes)
      } catch (error) {
        return (error as { code?: string }).code === 'OVERLAY_ANNOUNCEMENT_MALFORMED'
      }
    }),
    { numRuns: 500 },
  )
  t.ok(decoded > 0, 'some mutations are announcements')
})

t.test('what is not an announcement is refused', async (t) => {
  const refused = {
    empty: encodeCbor([]),
    'an id too short': encodeCbor([[new Uint8Array(31), 'a', 1]]),
    'an origin that is no label': encodeCbor([[id(1), 'A b', 1]]),
    'a negative seq': encodeCbor([[id(1), 'a', -1]]),
    'one origin twice': encodeCbor([
      [id(1), 'a', 1],
      [id(2), 'a', 2],
    ]),
    unsorted: encodeCbor([
      [id(1), 'b', 1],
      [id(2), 'a', 2],
    ]),
    'too many heads': encodeCbor(
      Array.from({ length: MAX_ANNOUNCED_HEADS + 1 }, (_, at) => [id(1), `n${1_000 + at}`, 1]),
    ),
    'too many bytes': new Uint8Array(MAX_ANNOUNCEMENT_BYTES + 1),
  }
  for (const [name, bytes] of Object.entries(refused)) {
    t.throws(() => decodeAnnouncement(bytes), { code: 'OVERLAY_ANNOUNCEMENT_MALFORMED', action: 'reject' }, name)
  }
  t.throws(() => encodeAnnouncement([]), TypeError)
})

t.test('the largest announcement fits its cap', async (t) => {
  const most = Array.from({ length: MAX_ANNOUNCED_HEADS }, (_, at) => ({
    origin: `${at}`.padStart(63, 'n'),
    seq: Number.MAX_SAFE_INTEGER,
    id: id(255),
  }))
  const bytes = encodeAnnouncement(most)
  t.ok(bytes.length <= MAX_ANNOUNCEMENT_BYTES)
  t.equal(decodeAnnouncement(bytes).length, MAX_ANNOUNCED_HEADS)
})

t.test('heads of one moment travel together, the highest of each origin', async (t) => {
  const clock = new SimulatedClock()
  const sent: (readonly ChainHead[])[] = []
  const announcer = new Announcer(
    { windowMs: 50 },
    { clock, publish: (bytes) => void sent.push(decodeAnnouncement(bytes)) },
  )
  announcer.add({ origin: 'a', seq: 2, id: id(2) })
  announcer.add({ origin: 'a', seq: 3, id: id(3) })
  announcer.add({ origin: 'a', seq: 1, id: id(1) })
  announcer.add({ origin: 'b', seq: 9, id: id(9) })
  await clock.advance(49)
  t.equal(sent.length, 0)
  await clock.advance(1)
  t.same(
    sent.map((list) => list.map((head) => `${head.origin}${head.seq}`)),
    [['a3', 'b9']],
  )
  for (let at = 0; at < MAX_ANNOUNCED_HEADS; at += 1) announcer.add({ origin: `n${at}`, seq: 1, id: id(1) })
  t.equal(sent.length, 2, 'a full one leaves at once')
  announcer.add({ origin: 'a', seq: 4, id: id(4) })
  announcer.stop()
  await clock.advance(100)
  t.equal(sent.length, 2)
  t.equal(clock.pendingTimers, 0)
})
