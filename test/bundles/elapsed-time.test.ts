import fc from 'fast-check'
import t from 'tap'
import { decodeTimeMark, ElapsedTime, encodeTimeMark } from '../../bundles/store/elapsed-time.ts'
import { SimulatedClock } from '../../core/index.ts'

t.test('with a clock that is believed, time is what it shows', async (t) => {
  const clock = new SimulatedClock(1000)
  const time = new ElapsedTime(undefined, { clock, clockTrusted: () => true })
  t.equal(time.now(), 1000)
  await clock.advance(500)
  t.equal(time.now(), 1500)
  clock.jumpTo(9000)
  t.equal(time.now(), 9000, 'the machine slept')
  clock.jumpTo(2000)
  await clock.advance(100)
  t.ok(time.now() >= 9000, 'it never goes back')
  const later = new ElapsedTime(time.mark(), { clock: new SimulatedClock(60_000), clockTrusted: () => true })
  t.ok(later.now() >= 60_000, 'power-off counts')
})

t.test('without one, only power counts, and learning the time is no jump', async (t) => {
  let trusted = false
  const clock = new SimulatedClock(0)
  const time = new ElapsedTime({ elapsedMs: 5000, wallMs: undefined }, { clock, clockTrusted: () => trusted })
  await clock.advance(700)
  t.equal(time.now(), 5700)
  clock.jumpTo(1_000_000)
  trusted = true
  t.equal(time.now(), 5700)
  clock.jumpTo(1_000_300)
  t.equal(time.now(), 6000, 'from there on the clock counts')
  trusted = false
  t.equal(time.now(), 6000)
  clock.jumpTo(0)
  await clock.advance(50)
  t.equal(time.now(), 6050)
  t.strictSame(decodeTimeMark(encodeTimeMark(time.mark())), { elapsedMs: 6050, wallMs: undefined })
})

t.test('it never goes back, nor runs ahead of both clocks together', async (t) => {
  const step = fc.record({ passMs: fc.integer({ min: 0, max: 5000 }), shiftMs: fc.integer({ min: -9000, max: 9000 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const clock = new SimulatedClock(1_000_000)
      const time = new ElapsedTime(undefined, { clock, clockTrusted: () => true })
      let last = time.now()
      let highest = last
      let powered = last
      for (const { passMs, shiftMs } of steps) {
        clock.jumpTo(clock.now() + shiftMs)
        await clock.advance(passMs)
        powered += passMs
        highest = Math.max(highest, clock.now())
        const now = time.now()
        if (now < last || now < powered || now > Math.max(highest, powered)) return false
        last = now
      }
      return true
    }),
    { numRuns: 50 },
  )
  t.equal(decodeTimeMark(encodeTimeMark({ elapsedMs: 1, wallMs: 2 })).wallMs, 2)
})
