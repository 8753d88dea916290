import t from 'tap'
import { SimulatedClock, sleep, systemClock } from '../../core/index.ts'

t.test('the system clock', async (t) => {
  const clock = systemClock()
  t.ok(Math.abs(clock.now() - Date.now()) < 1000)
  const before = clock.monotonic()
  await sleep(clock, 5)
  t.ok(clock.monotonic() - before >= 4)
})

t.test('a cancelled timer never fires', async (t) => {
  const clock = systemClock()
  const timer = clock.setTimer(1, () => t.fail('fired'))
  timer.cancel()
  timer.cancel()
  await sleep(clock, 10)
})

t.test('a delay beyond 2^31 ms does not fire at once', async (t) => {
  const clock = systemClock()
  const timer = clock.setTimer(40 * 24 * 3600 * 1000, () => t.fail('fired'), { unref: true })
  await sleep(clock, 20)
  timer.cancel()
})

t.test('sleep ends with the reason of its signal', async (t) => {
  const clock = systemClock()
  const reason = new Error('enough')
  const abort = new AbortController()
  const asleep = sleep(clock, 60_000, abort.signal)
  abort.abort(reason)
  await t.rejects(asleep, reason)
  await t.rejects(sleep(clock, 60_000, abort.signal), reason, 'aborted before')
})

t.test('simulated time moves only when told, timers in order of their time', async (t) => {
  const clock = new SimulatedClock(1000)
  const fired: string[] = []
  clock.setTimer(20, () => fired.push(`b at ${clock.now()}`))
  clock.setTimer(10, () => {
    fired.push(`a at ${clock.now()}`)
    clock.setTimer(5, () => fired.push(`a2 at ${clock.now()}`))
  })
  clock.setTimer(20, () => fired.push('c'))
  clock.setTimer(21, () => fired.push('late'))
  clock.setTimer(1, () => fired.push('cancelled')).cancel()
  t.equal(clock.pendingTimers, 4)
  await clock.advance(20)
  t.strictSame(fired, ['a at 1010', 'a2 at 1015', 'b at 1020', 'c'])
  t.equal(clock.monotonic(), 20)
  t.equal(clock.pendingTimers, 1)
})

t.test('simulated: promise chains settle between timers; a jump of the wall clock passes no time', async (t) => {
  const clock = new SimulatedClock(0)
  const woken: number[] = []
  const loop = (async () => {
    for (let round = 0; round < 3; round += 1) {
      await sleep(clock, 10)
      woken.push(clock.monotonic())
    }
  })()
  clock.jumpTo(1_000_000)
  t.equal(clock.monotonic(), 0)
  await clock.advance(30)
  await loop
  t.strictSame(woken, [10, 20, 30])
  t.equal(clock.now(), 1_000_030)
})
