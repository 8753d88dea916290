import fc from 'fast-check'
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { MAX_TIME_WITNESSES } from '../../enrollment/limits.ts'
import {
  attestTime,
  decodeTimeFloor,
  encodeTimeFloor,
  type TimeFloor,
  TrustedClock,
} from '../../enrollment/trusted-time.ts'

const DAY_MS = 86_400_000
const RELEASED_MS = Date.UTC(2026, 10, 1)

function clockAt(localMs: number, floor?: TimeFloor) {
  const clock = new SimulatedClock(localMs)
  const kept: TimeFloor[] = []
  const trusted = new TrustedClock(
    { floor, releasedAtMs: RELEASED_MS },
    { clock, onChange: (changed) => kept.push(changed) },
  )
  return { clock, kept, trusted }
}

t.test('a clock that is right is the time', (t) => {
  const { trusted } = clockAt(RELEASED_MS + DAY_MS)
  t.equal(trusted.now(), RELEASED_MS + DAY_MS)
  t.equal(trusted.standing, 'trusted')
  t.equal(trusted.offByMs, 0)
  t.end()
})

t.test('a clock in 1970: the release date counts, then what a CA signs, and time passes', async (t) => {
  const { clock, trusted } = clockAt(0)
  t.equal(trusted.standing, 'behind')
  t.equal(trusted.now(), RELEASED_MS)
  trusted.attest('ca', RELEASED_MS + 20 * DAY_MS)
  t.equal(trusted.now(), RELEASED_MS + 20 * DAY_MS)
  await clock.advance(DAY_MS)
  t.equal(trusted.now(), RELEASED_MS + 21 * DAY_MS)
  t.equal(trusted.offByMs, DAY_MS - (RELEASED_MS + 21 * DAY_MS))
})

t.test('a clock in 1970 on a machine that runs for a year: each list moves it on', async (t) => {
  const { clock, trusted, kept } = clockAt(0)
  for (let day = 1; day <= 365; day += 1) {
    await clock.advance(DAY_MS)
    trusted.attest('ca', RELEASED_MS + day * DAY_MS)
  }
  t.equal(trusted.now(), RELEASED_MS + 365 * DAY_MS)
  const restarted = clockAt(0, decodeTimeFloor(encodeTimeFloor(kept.at(-1) as TimeFloor)))
  t.equal(restarted.trusted.now(), RELEASED_MS + 365 * DAY_MS, 'and is remembered')
})

t.test('a clock in 2099 is not believed, and nothing it says is remembered', async (t) => {
  const { clock, trusted, kept } = clockAt(Date.UTC(2099, 0, 1))
  t.equal(trusted.standing, 'ahead')
  t.equal(trusted.now(), RELEASED_MS)
  await clock.advance(60_000)
  t.equal(trusted.now(), RELEASED_MS + 60_000)
  t.strictSame(kept, [])
})

t.test('a clock that jumps is left and believed again', async (t) => {
  const { clock, trusted } = clockAt(RELEASED_MS + DAY_MS)
  trusted.attest('ca', RELEASED_MS + DAY_MS)
  clock.jumpTo(Date.UTC(2099, 0, 1))
  t.equal(trusted.now(), RELEASED_MS + DAY_MS)
  clock.jumpTo(0)
  t.equal(trusted.standing, 'behind')
  t.equal(trusted.now(), RELEASED_MS + DAY_MS)
  clock.jumpTo(RELEASED_MS + 2 * DAY_MS)
  t.equal(trusted.standing, 'trusted')
  t.equal(trusted.now(), RELEASED_MS + 2 * DAY_MS)
})

t.test('one mis-dated signature moves the floor by 30 days at most', (t) => {
  const { trusted } = clockAt(RELEASED_MS)
  trusted.attest('ca', RELEASED_MS + 3650 * DAY_MS)
  t.equal(trusted.now(), RELEASED_MS)
  t.strictSame(trusted.floor.witnesses, [{ authority: 'ca', atMs: RELEASED_MS + 3650 * DAY_MS }])
  trusted.attest('ca', RELEASED_MS + 3649 * DAY_MS)
  t.equal(trusted.now(), RELEASED_MS, 'the same authority is no second one')
  trusted.attest('ca', RELEASED_MS + 30 * DAY_MS)
  t.equal(trusted.now(), RELEASED_MS + 30 * DAY_MS)
  t.end()
})

t.test('two authorities move it as far as both go', (t) => {
  const { trusted } = clockAt(0)
  trusted.attest('root', RELEASED_MS + 400 * DAY_MS)
  trusted.attest('issuing', RELEASED_MS + 200 * DAY_MS)
  t.equal(trusted.now(), RELEASED_MS + 200 * DAY_MS)
  t.strictSame(trusted.floor.witnesses, [{ authority: 'root', atMs: RELEASED_MS + 400 * DAY_MS }])
  t.end()
})

t.test('a believed clock that is there already is the second witness', (t) => {
  const { trusted } = clockAt(RELEASED_MS + 60 * DAY_MS)
  trusted.attest('ca', RELEASED_MS + 59 * DAY_MS)
  t.equal(trusted.floor.atMs, RELEASED_MS + 59 * DAY_MS)
  trusted.attest('ca', RELEASED_MS + 120 * DAY_MS)
  t.equal(trusted.floor.atMs, RELEASED_MS + 59 * DAY_MS, 'but not for what lies ahead of it')
  t.end()
})

t.test('a node off for half a year with a right clock: only an operator can say so', (t) => {
  const { trusted, kept } = clockAt(RELEASED_MS + 180 * DAY_MS)
  t.equal(trusted.standing, 'ahead')
  trusted.attest('ca', RELEASED_MS + 180 * DAY_MS)
  t.equal(trusted.now(), RELEASED_MS)
  trusted.confirm(RELEASED_MS + 180 * DAY_MS)
  t.equal(trusted.standing, 'trusted')
  t.strictSame(kept.at(-1), { atMs: RELEASED_MS + 180 * DAY_MS, witnesses: [] })
  t.end()
})

t.test('an operator takes back what was too far', (t) => {
  const { trusted } = clockAt(RELEASED_MS)
  trusted.attest('ca', RELEASED_MS + 29 * DAY_MS)
  t.equal(trusted.standing, 'behind')
  trusted.confirm(RELEASED_MS)
  t.equal(trusted.standing, 'trusted')
  t.equal(trusted.now(), RELEASED_MS)
  t.end()
})

t.test('the floor never sinks, and one authority never moves it by more than 30 days at once', (t) => {
  const witness = fc.record({
    authority: fc.constantFrom('a', 'b', 'c'),
    atMs: fc.integer({ min: 0, max: 4000 }).map((days) => days * DAY_MS),
  })
  let rises = 0
  fc.assert(
    fc.property(fc.array(witness, { maxLength: 20 }), (said) => {
      let floor: TimeFloor = { atMs: 1000 * DAY_MS, witnesses: [] }
      for (const one of said) {
        const next = attestTime(floor, one, 0)
        const risenMs = next.atMs - floor.atMs
        const others = floor.witnesses.filter(({ authority }) => authority !== one.authority)
        const seconded = others.some(({ atMs }) => atMs >= next.atMs) || one.atMs >= next.atMs
        if (risenMs < 0 || (risenMs > 30 * DAY_MS && (others.length === 0 || !seconded))) return false
        if (risenMs > 0) rises += 1
        floor = next
      }
      return floor.witnesses.length <= MAX_TIME_WITNESSES
    }),
  )
  t.ok(rises > 0)
  t.end()
})

t.test('witnesses are bounded', (t) => {
  let floor: TimeFloor = { atMs: 0, witnesses: [] }
  // Ever later ones raise the floor to the second; ever earlier ones would be kept for ever.
  for (let at = 100; at > 0; at -= 1) floor = attestTime(floor, { authority: `ca-${at}`, atMs: at * 31 * DAY_MS }, 0)
  t.ok(floor.witnesses.length <= MAX_TIME_WITNESSES)
  t.ok(floor.atMs > 0)
  t.end()
})

t.test('what lies on disk is read strictly', (t) => {
  const floor = { atMs: 5, witnesses: [{ authority: 'aa', atMs: 40 * DAY_MS }] }
  t.strictSame(decodeTimeFloor(encodeTimeFloor(floor)), floor)
  t.throws(() => decodeTimeFloor(Uint8Array.of(0x83, 2, 5, 0x80)), { code: 'ENROLLMENT_TIME_FLOOR_DAMAGED' })
  t.throws(() => decodeTimeFloor(new Uint8Array()), { code: 'ENROLLMENT_TIME_FLOOR_DAMAGED' })
  t.end()
})
