import fc from 'fast-check'
import t from 'tap'
import { Coalescer, type CoalescerOptions, type FilePosition, shed } from '../../agent/ingest/index.ts'
import { MAX_ANOMALY_SIGNATURES, type Severity } from '../../records/index.ts'
import { event } from './helpers.ts'

const OPTIONS: CoalescerOptions = { windowMs: 250, fold: true, overload: 'wait', maxBacklog: 1000 }
const coalescer = (changes: Partial<CoalescerOptions> = {}) => new Coalescer({ ...OPTIONS, ...changes })
const at = (offset: number) => (): FilePosition => ({
  device: '1',
  inode: '2',
  offset,
  fingerprintBytes: 0,
  fingerprint: new Uint8Array(32),
})

const severity = fc.integer({ min: 1, max: 5 }).map((value) => value as Severity)

function balanced(counters: ReturnType<Coalescer['counters']>): boolean {
  const { read, kept, folded, shed, malformed, ignored, pending } = counters
  return read === kept + folded + shed + malformed + ignored + pending
}

t.test('a window is handed over when it is due', async (t) => {
  const events = coalescer()
  t.equal(events.readyInMs(0), undefined)
  events.addEvent(event(1), 1000)
  t.equal(events.readyInMs(1100), 150)
  t.equal(events.take(1249), undefined)
  t.equal(events.take(1250)?.groups.length, 1)
  t.equal(events.readyInMs(2000), undefined)
})

t.test('a window is handed over when it is full', async (t) => {
  const events = coalescer()
  for (let rule = 0; rule < MAX_ANOMALY_SIGNATURES + 1; rule += 1) events.addEvent(event(rule), 1000)
  t.equal(events.readyInMs(1000), 0)
  t.equal(events.take(1000)?.groups.length, MAX_ANOMALY_SIGNATURES)
  t.equal(events.take(1000), undefined)
  t.equal(events.take(1000, true)?.groups.length, 1)
})

t.test('equal events are folded, visibly', async (t) => {
  const events = coalescer()
  events.addEvent(event(1, 3, 5000), 0)
  events.addEvent(event(1, 3, 4000), 1)
  events.addEvent({ ...event(1, 3, 6000), sourceAddress: '192.0.2.9' }, 2)
  events.addEvent(event(1, 3, 7000), 3)
  events.addEvent({ ...event(1), kind: 'zeek_weird' }, 4)
  t.equal(events.counters().pending, 5)
  const window = events.take(250)
  t.match(window?.groups, [{ count: 3, firstSeenMs: 4000, lastSeenMs: 7000 }, { count: 1 }, { count: 1 }])
  t.match(events.counters(), { read: 5, kept: 3, folded: 2, pending: 0 })
  const plain = coalescer({ fold: false })
  plain.addEvent(event(1), 0)
  plain.addEvent(event(1), 0)
  t.equal(plain.take(250)?.groups.length, 2)
})

t.test('positions travel with what they cover', async (t) => {
  const events = coalescer()
  const offsets = (window: ReturnType<Coalescer['take']>) =>
    Object.fromEntries([...(window?.positions ?? [])].map(([input, position]) => [input, position().offset]))
  for (let rule = 0; rule < MAX_ANOMALY_SIGNATURES + 1; rule += 1) {
    events.addEvent(event(rule), 0)
    events.moveTo('a', at(rule + 1), 0)
  }
  events.moveTo('b', at(7), 0)
  t.same(offsets(events.take(0)), { a: MAX_ANOMALY_SIGNATURES }, 'not those of the window after')
  t.same(offsets(events.take(250)), { a: MAX_ANOMALY_SIGNATURES + 1, b: 7 })
  events.moveTo('a', at(900), 1000)
  t.equal(events.take(5999), undefined, 'positions alone are in no hurry')
  t.same(offsets(events.take(6000)), { a: 900 })
  events.moveTo('a', at(950), 7000)
  events.addEvent(event(1), 11_900)
  t.equal(events.take(12_000), undefined, 'and an event after them still has its window')
  t.same(offsets(events.take(12_150)), { a: 950 })
})

t.test('overload: wait says when to stop', async (t) => {
  const events = coalescer({ maxBacklog: 64 })
  for (let rule = 0; rule < 64; rule += 1) {
    t.equal(events.full, false)
    events.addEvent(event(rule), 0)
  }
  t.equal(events.full, true)
  events.addEvent(event(1), 0)
  t.equal(events.counters().shed, 0)
  events.take(0)
  t.equal(events.full, false)
})

t.test('overload: shed drops the least severe and counts them', async (t) => {
  const events = coalescer({ maxBacklog: 64, overload: 'shed' })
  for (let rule = 0; rule < 32; rule += 1) events.addEvent(event(rule, 5), 0)
  for (let rule = 100; rule < 10_100; rule += 1) {
    events.addEvent(event(rule, 1), 0)
    events.moveTo('a', at(rule), 0)
  }
  const { shed: dropped, pending } = events.counters()
  t.ok(dropped >= 10_000 - 32 && pending <= 64, `${dropped} dropped, ${pending} wait`)
  t.equal(events.shedBySeverity().get(1), dropped)
  t.equal(events.shedBySeverity().has(5), false)
  const groups = []
  let last: number | undefined
  let windows = 0
  for (let window = events.take(9e9, true); window !== undefined; window = events.take(9e9, true)) {
    windows += 1
    groups.push(...window.groups)
    last = window.positions.get('a')?.().offset ?? last
  }
  t.equal(groups.filter((group) => group.severity === 5).length, 32)
  t.equal(last, 10_099, 'what was shed is not read again')
  t.ok(windows < 64, 'emptied windows do not pile up')
  t.ok(balanced(events.counters()))
})

t.test('shedding never drops the higher severity while a lower one stays', async () => {
  fc.assert(
    fc.property(fc.array(fc.record({ severity, id: fc.nat() })), fc.nat(40), (backlog, bound) => {
      const { kept, dropped } = shed(backlog, bound)
      const worstKept = Math.min(...kept.map((entry) => entry.severity))
      return (
        kept.length === Math.min(backlog.length, bound) &&
        kept.length + dropped.length === backlog.length &&
        dropped.every((entry) => entry.severity <= worstKept) &&
        backlog.filter((entry) => kept.includes(entry)).every((entry, index) => entry === kept[index])
      )
    }),
    { numRuns: 1000 },
  )
})

t.test('every line is counted once, whatever happens', async (t) => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ rule: fc.nat(120), severity, repeat: fc.nat(40) }) },
    fc.constantFrom('malformed' as const, 'ignored' as const, 'take' as const),
  )
  let shedSeen = 0
  let foldedSeen = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.boolean(), (steps, fold) => {
      const events = coalescer({ fold, overload: 'shed', maxBacklog: 64 })
      for (const [now, action] of steps.entries()) {
        if (action === 'take') events.take(now)
        else if (action === 'malformed') events.addMalformed('AGENT_LINE_NOT_JSON')
        else if (action === 'ignored') events.addIgnored()
        else
          for (let n = 0; n <= action.repeat; n += 1)
            events.addEvent(event(action.rule + (n % 3), action.severity), now)
        if (!balanced(events.counters())) return false
      }
      while (events.take(0, true) !== undefined);
      shedSeen += events.counters().shed
      foldedSeen += events.counters().folded
      return balanced(events.counters()) && events.counters().pending === 0
    }),
    { numRuns: 100 },
  )
  t.ok(shedSeen > 0 && foldedSeen > 0, 'the runs did shed and fold')
})
