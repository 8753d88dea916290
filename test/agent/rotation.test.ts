import t from 'tap'
import { Rotation, rotationDueMs } from '../../agent/node/rotation.ts'
import { SimulatedClock, SimulatedRandom, silentLogger } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../../enrollment/index.ts'
import type { Certificate } from '../../records/path/index.ts'

const DAY_MS = 86_400_000

/** Rotation of a certificate of ten days, made now and at every renewal. */
function rotating(renewals: (() => void)[] = []) {
  const clock = new SimulatedClock()
  const made = () => ({ notBeforeMs: clock.now(), notAfterMs: clock.now() + 10 * DAY_MS }) as Certificate
  let certificate = made()
  const attempts: number[] = []
  const rotation = new Rotation({
    clock,
    random: new SimulatedRandom(1),
    logger: silentLogger(),
    certificate: () => certificate,
    renew: async () => {
      attempts.push(clock.now())
      renewals.shift()?.()
      certificate = made()
    },
  })
  return { clock, rotation, attempts, startMs: clock.now() }
}

const unreachable = () => {
  throw ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE')
}

t.test('at half life, a tenth sooner or later', (t) => {
  const certificate = { notBeforeMs: 0, notAfterMs: 10 * DAY_MS } as Certificate
  t.equal(rotationDueMs(certificate, 0), 4.5 * DAY_MS)
  t.equal(rotationDueMs(certificate, 0.5), 5 * DAY_MS)
  t.equal(rotationDueMs(certificate, 1), 5.5 * DAY_MS)
  t.end()
})

t.test('again and again, each time at half life', async (t) => {
  const { clock, rotation, attempts, startMs } = rotating()
  rotation.start()
  await clock.advance(4.4 * DAY_MS)
  t.equal(attempts.length, 0)
  await clock.advance(1.2 * DAY_MS)
  t.equal(attempts.length, 1)
  await clock.advance(24.4 * DAY_MS)
  t.ok(attempts.length >= 5 && attempts.length <= 6, `${attempts.length} in 30 days`)
  t.ok(attempts.every((atMs, at) => atMs - (attempts[at - 1] ?? startMs) >= 4.5 * DAY_MS))
  t.equal(rotation.state.renewed, attempts.length)
  await rotation.stop()
  t.equal(clock.pendingTimers, 0)
})

t.test('a CA that cannot be reached is asked again, ever later, and the failure is shown', async (t) => {
  const { clock, rotation, attempts } = rotating(Array.from({ length: 12 }, () => unreachable))
  rotation.start()
  while (attempts.length < 10) await clock.advance(60_000)
  t.match(rotation.state, { lastFailure: 'ENROLLMENT_UNREACHABLE', renewed: 0 })
  const gaps = attempts.slice(1).map((atMs, at) => atMs - (attempts[at] ?? 0))
  t.ok(gaps.length > 3)
  t.ok(gaps[0]! <= 15_000 && gaps.every((gapMs) => gapMs <= 3_600_000))
  await clock.advance(DAY_MS)
  t.match(rotation.state, { failures: 0, lastFailure: undefined, renewed: 1 })
  await rotation.stop()
})

t.test('an operator makes it sooner, never later', async (t) => {
  const { clock, rotation, attempts } = rotating()
  rotation.start()
  rotation.hurry(clock.now() + 100 * DAY_MS)
  t.ok(rotation.state.dueAtMs <= clock.now() + 5.5 * DAY_MS)
  rotation.hurry(clock.now() + 60_000)
  await clock.advance(60_000)
  t.equal(attempts.length, 1)
  rotation.hurry(0)
  await clock.advance(0)
  t.equal(attempts.length, 2)
  await rotation.stop()
})

t.test('what an operator orders during a renewal is done after it, once', async (t) => {
  let finish = () => {}
  let attempts = 0
  const clock = new SimulatedClock()
  const rotation = new Rotation({
    clock,
    random: new SimulatedRandom(1),
    logger: silentLogger(),
    certificate: () => ({ notBeforeMs: clock.now(), notAfterMs: clock.now() + 10 * DAY_MS }) as Certificate,
    renew: () => {
      attempts += 1
      return new Promise((resolve) => (finish = resolve))
    },
  })
  rotation.start()
  rotation.hurry(0)
  await clock.advance(0)
  rotation.hurry(0)
  rotation.hurry(0)
  finish()
  await clock.advance(0)
  await clock.advance(0)
  t.equal(attempts, 2)
  finish()
  await clock.advance(DAY_MS)
  t.equal(attempts, 2)
  await rotation.stop()
})

t.test('a clock that is set forward is noticed within ten minutes', async (t) => {
  const { clock, rotation, attempts } = rotating()
  rotation.start()
  clock.jumpTo(clock.now() + 6 * DAY_MS)
  await clock.advance(600_000)
  t.equal(attempts.length, 1)
  await rotation.stop()
})

t.test('a clock that was ahead while the CA failed, and is set right, does not put the next attempt off', async (t) => {
  const { clock, rotation, attempts, startMs } = rotating([unreachable])
  clock.jumpTo(startMs + 60 * DAY_MS)
  rotation.start()
  await clock.advance(0)
  t.match(rotation.state, { failures: 1 })
  clock.jumpTo(startMs + DAY_MS)
  t.ok(rotation.state.dueAtMs <= clock.now() + 15_000, 'status says so')
  await clock.advance(15_000)
  t.equal(attempts.length, 2)
  await rotation.stop()
})

t.test('what is under way when it stops, ends; nothing follows', async (t) => {
  let finish = () => {}
  const clock = new SimulatedClock()
  const rotation = new Rotation({
    clock,
    random: new SimulatedRandom(1),
    logger: silentLogger(),
    certificate: () => ({ notBeforeMs: 0, notAfterMs: 1 }) as Certificate,
    renew: () => new Promise((resolve) => (finish = resolve)),
  })
  rotation.start()
  await clock.advance(0)
  const stopped = rotation.stop()
  finish()
  await stopped
  t.equal(clock.pendingTimers, 0)
  t.equal(rotation.state.renewed, 1)
})
