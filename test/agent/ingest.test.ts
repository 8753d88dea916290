import { spawn } from 'node:child_process'
import { appendFileSync, copyFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import {
  encodePosition,
  Ingest,
  type IngestBatch,
  type IngestDependencies,
  type IngestOptions,
} from '../../agent/ingest/index.ts'
import { createLogger, decodeCbor, silentLogger, systemClock } from '../../core/index.ts'
import { openDatabase, ROOM } from '../../core/store/index.ts'
import { MAX_LIFETIME_MS } from '../../records/index.ts'
import { eveLine, FIXTURES, SAMPLE } from './helpers.ts'

const OPTIONS: IngestOptions = {
  inputs: [],
  start: 'beginning',
  mode: 'once',
  windowMs: 50,
  fold: false,
  overload: 'wait',
  maxBacklog: 4096,
  expiryMs: 3_600_000,
  pollMs: 20,
}

function ingest(options: Partial<IngestOptions>, dependencies: Partial<IngestDependencies> = {}): Ingest {
  return new Ingest(
    { ...OPTIONS, ...options },
    {
      clock: systemClock(),
      logger: silentLogger(),
      signal: new AbortController().signal,
      positions: new Map(),
      hashAddresses: () => undefined,
      ...dependencies,
    },
  )
}

async function all(from: Ingest): Promise<IngestBatch[]> {
  const batches: IngestBatch[] = []
  for await (const batch of from.batches()) batches.push(batch)
  return batches
}

const rule = (payload: Uint8Array): number => {
  const event = decodeCbor(payload, { maxBytes: 65_536 }) as Map<string, Map<string, number>>
  return event.get('alert')?.get('signature_id') ?? 0
}

const alert = (signatureId: number, changes: Record<string, unknown> = {}) =>
  `${eveLine({ alert: { gid: 1, signature_id: signatureId, severity: 2 }, ...changes })}\n`

const wait = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs))

t.test('the demo sample', async (t) => {
  const from = ingest({ inputs: [{ path: SAMPLE, format: 'eve' }] })
  const events = (await all(from)).flatMap((batch) => batch.events)
  t.match(from.counters(), { read: 50, kept: 40, ignored: 10, malformed: 0, folded: 0, pending: 0 })
  t.equal(new Set(events.map((event) => event.signature.indicator)).size, 40)
  t.same([...new Set(events.map((event) => event.signature.severity))].sort(), [1, 2, 3, 4, 5])
})

t.test('several inputs of every form at once', async (t) => {
  const inputs = [
    { path: `${FIXTURES}eve-array.json`, format: 'eve' as const },
    { path: `${FIXTURES}zeek-notice.log`, format: 'zeek' as const },
    { path: `${FIXTURES}zeek-weird.json`, format: 'zeek' as const },
  ]
  const from = ingest({ inputs })
  const batches = await all(from)
  const kinds = batches.flatMap((batch) => batch.events.map((event) => event.signature.kind)).sort()
  t.same(kinds, [...Array(5).fill('ids_alert'), ...Array(3).fill('zeek_notice'), ...Array(2).fill('zeek_weird')])
  t.match(from.counters(), { read: 6 + 12 + 3, kept: 10, ignored: 11, malformed: 0 })
  const positions = new Map(batches.flatMap((batch) => batch.positions.map((at) => [at.input, at.position])))
  t.equal(positions.size, 3)
  t.same(
    (await all(ingest({ inputs }, { positions }))).flatMap((batch) => batch.events),
    [],
    'read once',
  )
  t.same(
    from.inputs().map((input) => input.state),
    ['finished', 'finished', 'finished'],
  )
})

t.test('addresses are hashed, times are made consistent', async (t) => {
  const path = `${t.testdir({})}/eve.json`
  writeFileSync(
    path,
    alert(1) + alert(2, { timestamp: '2990-01-01T00:00:00Z' }) + alert(3, { timestamp: '1999-01-01T00:00:00Z' }),
  )
  const asked: unknown[] = []
  const hashAddresses: IngestDependencies['hashAddresses'] = (source, destination) => {
    asked.push([source, destination])
    return { epoch: 1, source: new Uint8Array(32) }
  }
  const before = Date.now()
  const [batch] = await all(ingest({ inputs: [{ path, format: 'eve' }] }, { hashAddresses }))
  const [today, ahead, old] = batch!.events.map((event) => event.signature)
  t.same(asked[0], ['192.0.2.1', '198.51.100.2'])
  t.match(today, { addresses: { epoch: 1 }, count: 1, score: 500 })
  t.ok(today!.expiresAtMs >= before + OPTIONS.expiryMs)
  t.ok(ahead!.lastSeenMs <= Date.now(), 'nothing was seen after it was read')
  t.equal(old!.expiresAtMs, old!.lastSeenMs + MAX_LIFETIME_MS, 'within what a record allows')
})

t.test('malformed lines are counted, and logged now and then without their text', async (t) => {
  const path = `${t.testdir({})}/eve.json`
  writeFileSync(path, `${'{"secret":\n'.repeat(100)}${alert(1)}\n{"event_type":"flow"}\n`)
  let logged = ''
  const destination = new Writable({
    write(chunk, _encoding, done) {
      logged += chunk
      done()
    },
  })
  const from = ingest({ inputs: [{ path, format: 'eve' }] }, { logger: createLogger({ destination }) })
  await all(from)
  t.match(from.counters(), { read: 103, kept: 1, malformed: 100, ignored: 2 })
  t.same([...from.malformedByCode()], [['AGENT_LINE_NOT_JSON', 100]])
  t.equal(logged.trimEnd().split('\n').length, 1)
  t.match(JSON.parse(logged), { input: path, code: 'AGENT_LINE_NOT_JSON', endOffset: 11 })
  t.notMatch(logged, 'secret')
})

t.test('a flood is folded', async (t) => {
  const path = `${t.testdir({})}/eve.json`
  writeFileSync(path, alert(1).repeat(5000) + alert(2))
  const from = ingest({ inputs: [{ path, format: 'eve' }], fold: true, windowMs: 60_000 })
  const events = (await all(from)).flatMap((batch) => batch.events)
  t.same(
    events.map((event) => event.signature.count),
    [5000, 1],
  )
  t.match(from.counters(), { read: 5001, kept: 2, folded: 4999 })
})

t.test('wait: a slow consumer slows the reading, and nothing is lost', async (t) => {
  const path = `${t.testdir({})}/eve.json`
  writeFileSync(path, Array.from({ length: 3000 }, (_, at) => alert(at + 1)).join(''))
  const from = ingest({ inputs: [{ path, format: 'eve' }], maxBacklog: 128 })
  const rules: number[] = []
  for await (const { events } of from.batches()) {
    rules.push(...events.map((event) => rule(event.payload)))
    await wait(1)
    t.ok(from.counters().pending <= 128)
  }
  t.same(
    rules,
    Array.from({ length: 3000 }, (_, at) => at + 1),
  )
})

t.test('shed: a slow consumer stays current, and every drop is counted', async (t) => {
  const path = `${t.testdir({})}/eve.json`
  const severity = (at: number) => ({ alert: { gid: 1, signature_id: at, severity: at % 50 === 0 ? 1 : 4 } })
  writeFileSync(path, Array.from({ length: 3000 }, (_, at) => alert(at, severity(at))).join(''))
  const from = ingest({ inputs: [{ path, format: 'eve' }], maxBacklog: 128, overload: 'shed' })
  const severities: number[] = []
  for await (const { events } of from.batches()) {
    severities.push(...events.map((event) => event.signature.severity))
    await wait(30)
  }
  const { read, kept, shed, pending } = from.counters()
  t.ok(shed > 0)
  t.equal(read, kept + shed)
  t.equal(pending, 0)
  t.equal(severities.filter((value) => value === 4).length, 60, 'none of the severe ones')
})

t.test('a followed input that fails is shown and tried again; stopping is prompt', async (t) => {
  const directory = t.testdir({ 'good.json': alert(1) })
  const stop = new AbortController()
  const inputs = [
    { path: directory, format: 'eve' as const },
    { path: `${directory}/good.json`, format: 'eve' as const },
  ]
  const from = ingest({ inputs, mode: 'follow', windowMs: 0 }, { signal: stop.signal })
  for await (const { events } of from.batches()) if (events.length > 0) stop.abort()
  t.match(from.inputs(), [{ state: 'failed', error: 'AGENT_INPUT_NOT_FILE' }, { state: 'finished' }])
  await t.rejects(all(ingest({ inputs })), { code: 'AGENT_INPUT_NOT_FILE' })
})

t.test('wrong use', async (t) => {
  const input = { path: '/logs/eve.json', format: 'eve' as const }
  t.throws(() => ingest({ inputs: [input, input] }), {
    code: 'AGENT_CONFIG_VALUE',
    message: /\/logs\/eve.json is named twice/,
  })
  const positions = new Map([[input.path, encodePosition.length === 1 ? Uint8Array.of(1) : Uint8Array.of(2)]])
  t.throws(() => ingest({ inputs: [input] }, { positions }), { code: 'AGENT_INPUT_POSITION' })
})

/** Runs the accepting process until it has accepted about `events`, then kills it. */
function runAndKill(log: string, database: string, events: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL('ingest-child.ts', import.meta.url))
    const child = spawn(process.execPath, [script, log, database], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] })
    let accepted = 0
    child.stdout.on('data', (chunk) => {
      for (const count of String(chunk).trim().split('\n')) accepted += Number(count)
      if (accepted >= events) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('exit', () => resolve())
  })
}

t.test('killed again and again, across rotations: every alert is accepted exactly once', async (t) => {
  const directory = t.testdir({})
  const log = `${directory}/eve.json`
  const database = `${directory}/db`
  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => alert(from + at)).join('')
  writeFileSync(log, lines(1, 301))
  await runAndKill(log, database, 100)
  appendFileSync(log, lines(301, 401))
  renameSync(log, `${log}.1`)
  writeFileSync(log, lines(401, 601))
  await runAndKill(log, database, 260)
  await runAndKill(log, database, 60)
  appendFileSync(log, lines(601, 701))
  copyFileSync(log, `${log}-20260115`)
  truncateSync(log)
  appendFileSync(log, lines(701, 801))
  await runAndKill(log, database, 1)
  const opened = await openDatabase(database)
  let held = 0
  for await (const _ of opened.room(ROOM.payloads).keys()) held += 1
  await opened.close()
  await runAndKill(log, database, 800 - held)
  const last = await openDatabase(database)
  const rules: number[] = []
  for await (const [, payload] of last.room(ROOM.payloads).entries()) rules.push(rule(payload))
  await last.close()
  rules.sort((a, b) => a - b)
  t.same(
    rules,
    Array.from({ length: 800 }, (_, at) => at + 1),
  )
})
