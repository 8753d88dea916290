import { Writable } from 'node:stream'
import t from 'tap'
import { AGENT_ERRORS } from '../../agent/errors.ts'
import { toBatch } from '../../agent/ingest/batch.ts'
import type { IngestEvent } from '../../agent/ingest/index.ts'
import { BatchAcceptor } from '../../agent/node/acceptor.ts'
import { createLogger, SimulatedClock, silentLogger } from '../../core/index.ts'
import { event } from './helpers.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 0, 15, 9)

/** One event for each rule, as a window hands them over. */
function batchOf(clock: SimulatedClock, rules: readonly number[]) {
  const groups = rules.map((rule) => {
    const seen = event(rule)
    return { event: seen, severity: seen.severity, firstSeenMs: seen.seenMs, lastSeenMs: seen.seenMs, count: 1 }
  })
  const counters = { read: 0, kept: 0, folded: 0, shed: 0, malformed: 0, ignored: 0, pending: 0, gaps: 0 }
  return toBatch({ groups, positions: new Map() }, counters, {
    clock,
    expiryMs: 7 * DAY_MS,
    hashAddresses: () => undefined,
  })
}

t.test('events that waited for a right clock carry its times, not those of the wrong one', async (t) => {
  for (const wrongMs of [3_600_000, Date.UTC(2099, 0)]) {
    const clock = new SimulatedClock(wrongMs)
    const batch = batchOf(clock, [1, 2])
    let published: readonly IngestEvent[] = []
    let refusals = 0
    const acceptor = new BatchAcceptor({
      clock,
      logger: silentLogger(),
      signal: new AbortController().signal,
      publisher: {
        publish: async (events) => {
          if (Math.abs(clock.now() - NOW_MS) > DAY_MS) throw AGENT_ERRORS.create('AGENT_CLOCK_BEHIND')
          if (events.some(({ signature }) => signature.indicator === 'suricata:1:2')) {
            refusals += 1
            throw new TypeError('the second event')
          }
          published = events
          return { record: undefined as never, blocks: [] }
        },
        advance: async () => {},
        problemOf: ({ signature }) => (signature.indicator === 'suricata:1:2' ? new TypeError('this one') : undefined),
      },
    })
    const accepted = acceptor.accept(batch)
    await clock.advance(2_500)
    t.equal(acceptor.state().waitingFor, 'AGENT_CLOCK_BEHIND')
    clock.jumpTo(NOW_MS)
    await clock.advance(1_000)
    await accepted
    const { seenMs } = event(1)
    const signatures = published.map(({ signature }) => signature)
    t.match(signatures, [{ firstSeenMs: seenMs, lastSeenMs: seenMs }])
    t.ok(Math.abs((signatures[0]?.expiresAtMs ?? 0) - NOW_MS - 7 * DAY_MS) <= 1_000)
    t.equal(refusals, 1)
    t.equal(acceptor.state().failed, 1)
  }
})

t.test('what went wrong is in the log: code and message; a stack is for defects', async (t) => {
  const lines: string[] = []
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const clock = new SimulatedClock(NOW_MS)
  const acceptor = new BatchAcceptor({
    clock,
    logger: createLogger({ destination }),
    signal: new AbortController().signal,
    publisher: {
      publish: async () => {
        throw new TypeError('no')
      },
      advance: async () => {},
      problemOf: () => AGENT_ERRORS.create('AGENT_LINE_FIELD'),
    },
  })
  await acceptor.accept(batchOf(clock, [1]))
  t.match(JSON.parse(lines[0] ?? ''), {
    err: { code: 'AGENT_LINE_FIELD', message: /a field of the sensor event/, stack: undefined },
    indicator: 'suricata:1:1',
  })
})
