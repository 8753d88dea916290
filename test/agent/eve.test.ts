import fc from 'fast-check'
import t from 'tap'
import { type LineOutcome, parseEve, payloadOf } from '../../agent/ingest/index.ts'
import { MAX_EVENT_TEXT_BYTES, MAX_JSON_DEPTH, MAX_LINE_BYTES } from '../../agent/limits.ts'
import { decodeCbor } from '../../core/index.ts'
import { bytes, eveLine, fileLines, SAMPLE } from './helpers.ts'

const alert = (changes: Record<string, unknown>) =>
  eveLine({ alert: { gid: 1, signature_id: 9000001, severity: 2, ...changes } })

function refused(line: string | Uint8Array): string | undefined {
  const outcome = parseEve(typeof line === 'string' ? bytes(line) : line)
  if (outcome.status !== 'rejected') return undefined
  return outcome.field === undefined ? outcome.code : `${outcome.code} ${outcome.field}`
}

function read(line: string) {
  const outcome = parseEve(bytes(line))
  if (outcome.status !== 'event') throw new Error(`not an event: ${JSON.stringify(outcome)}`)
  return outcome.event
}

t.test('an alert becomes an event', async (t) => {
  const event = read(eveLine({ src_port: 40000, flow_id: 77 }))
  t.match(event, {
    source: 'suricata',
    eventType: 'ids_alert',
    kind: 'ids_alert',
    indicator: 'suricata:1:9000001',
    severity: 3,
    score: 500,
    seenMs: Date.UTC(2026, 0, 15, 8, 0, 1, 250),
    sourceAddress: '192.0.2.1',
    destinationAddress: '198.51.100.2',
  })
  const payload = decodeCbor(payloadOf(event), { maxBytes: 4096 }) as Map<string, unknown>
  t.equal(payload.get('flow_id'), 77)
  t.equal(payload.get('src_ip'), '192.0.2.1')
  t.equal((payload.get('alert') as Map<string, unknown>).get('signature'), 'TEST one')
})

t.test('severities follow the table', async (t) => {
  const severity = (changes: Record<string, unknown>) => read(alert(changes)).severity
  t.equal(severity({ severity: 1 }), 4)
  t.equal(severity({ severity: 1, metadata: { signature_severity: ['Critical'] } }), 5)
  t.equal(severity({ severity: 2, metadata: { signature_severity: ['Critical'] } }), 3)
  t.equal(severity({ severity: 2 }), 3)
  t.equal(severity({ severity: 3 }), 2)
  t.equal(severity({ severity: 4 }), 1)
  t.equal(severity({ severity: 255 }), 1)
})

t.test('times carry offsets and exist', async (t) => {
  const at = (timestamp: string) => read(eveLine({ timestamp })).seenMs
  t.equal(at('2015-03-29T11:01:38.221126-0600'), Date.UTC(2015, 2, 29, 17, 1, 38, 221))
  t.equal(at('2026-01-15T08:00:01+05:30'), Date.UTC(2026, 0, 15, 2, 30, 1))
  t.equal(at('2026-01-15T08:00:01.5Z'), Date.UTC(2026, 0, 15, 8, 0, 1, 500))
  for (const timestamp of [
    '2026-02-30T08:00:01Z',
    '2026-13-01T08:00:01Z',
    '2026-01-15T24:00:01Z',
    '2026-01-15T08:00:61Z',
    '1969-12-31T23:59:59Z',
    '2026-01-15 08:00:01Z',
    '2026-01-15T08:00:01',
    'x'.repeat(1000),
    17,
    null,
  ]) {
    t.equal(refused(eveLine({ timestamp })), 'AGENT_LINE_FIELD timestamp', String(timestamp).slice(0, 40))
  }
})

t.test('other events and empty lines are ignored', async (t) => {
  for (const line of ['', '  \r', eveLine({ event_type: 'flow' }), eveLine({ event_type: 'stats', alert: 1 })]) {
    t.equal(parseEve(bytes(line)).status, 'ignored', line.slice(0, 60))
  }
})

t.test('malformed lines are refused with a reason', async (t) => {
  t.equal(refused('{"event_type":'), 'AGENT_LINE_NOT_JSON')
  t.equal(refused('[]'), 'AGENT_LINE_NOT_JSON')
  t.equal(refused('null'), 'AGENT_LINE_NOT_JSON')
  t.equal(refused('\0\0\0'), 'AGENT_LINE_NOT_JSON')
  t.equal(refused(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), 'AGENT_LINE_NOT_UTF8')
  t.equal(refused('{}'), 'AGENT_LINE_FIELD event_type')
  t.equal(refused('{"status":"rejected","code":"X"}'), 'AGENT_LINE_FIELD event_type', 'a look-alike of a rejection')
  t.equal(refused('{"event_type":"alert"}'), 'AGENT_LINE_FIELD alert')
  t.equal(refused(eveLine({ alert: [] })), 'AGENT_LINE_FIELD alert')
  t.equal(refused(alert({ signature_id: undefined })), 'AGENT_LINE_FIELD alert.signature_id')
  t.equal(refused(alert({ signature_id: 1.5 })), 'AGENT_LINE_FIELD alert.signature_id')
  t.equal(refused(alert({ signature_id: 2 ** 32 })), 'AGENT_LINE_FIELD alert.signature_id')
  t.equal(refused(alert({ gid: -1 })), 'AGENT_LINE_FIELD alert.gid')
  t.equal(refused(alert({ severity: 0 })), 'AGENT_LINE_FIELD alert.severity')
  t.equal(refused(alert({ severity: '1' })), 'AGENT_LINE_FIELD alert.severity')
  t.equal(refused(eveLine({ src_ip: '192.0.2.999' })), 'AGENT_LINE_FIELD src_ip')
  t.equal(refused(eveLine({ dest_ip: { a: 1 } })), 'AGENT_LINE_FIELD dest_ip')
  t.equal(refused(eveLine().replace('9000001', '1e999')), 'AGENT_LINE_FIELD alert.signature_id')
})

t.test('caps', async (t) => {
  const padded = (length: number) => eveLine({ pad: 'x'.repeat(length - eveLine({ pad: '' }).length) })
  t.equal(parseEve(bytes(padded(MAX_LINE_BYTES))).status, 'event')
  t.equal(refused(padded(MAX_LINE_BYTES + 1)), 'AGENT_LINE_TOO_LONG')
  const nested = (depth: number) => eveLine().replace('{', `{"deep":${'['.repeat(depth)}${']'.repeat(depth)},`)
  t.equal(parseEve(bytes(nested(MAX_JSON_DEPTH - 1))).status, 'event')
  t.equal(refused(nested(MAX_JSON_DEPTH)), 'AGENT_LINE_TOO_DEEP')
  t.equal(refused('['.repeat(MAX_LINE_BYTES)), 'AGENT_LINE_TOO_DEEP')
  t.equal(parseEve(bytes(eveLine({ pad: '[{"'.repeat(100) }))).status, 'event', 'brackets in text do not count')
})

t.test('hostile values stay out of the payload or are made harmless', async (t) => {
  const line = alert({ signature: `\ud800${'é'.repeat(2000)}`, category: 1.5, rev: 1e300, action: ['x'] })
  const event = read(line.replace('{"', '{"__proto__":{"event_type":"flow"},"'))
  const payload = decodeCbor(payloadOf(event), { maxBytes: 8192 }) as Map<string, Map<string, unknown>>
  const kept = payload.get('alert')
  t.same([...(kept?.keys() ?? [])].sort(), ['gid', 'severity', 'signature', 'signature_id'])
  const signature = String(kept?.get('signature'))
  t.ok(Buffer.byteLength(signature) <= MAX_EVENT_TEXT_BYTES && Buffer.byteLength(signature) > MAX_EVENT_TEXT_BYTES - 4)
  t.ok(signature.isWellFormed())
  t.equal(refused('{"__proto__":{"event_type":"alert"}}'), 'AGENT_LINE_FIELD event_type')
})

t.test('never throws, whatever the line', async (t) => {
  const samples = fileLines(SAMPLE)
  t.ok(samples.length > 40)
  const seen = new Set<LineOutcome['status']>()
  const judge = (line: Uint8Array) => {
    const outcome = parseEve(line)
    seen.add(outcome.status)
    if (outcome.status === 'event') payloadOf(outcome.event)
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      (line, edits) => {
        const mutated = line.slice()
        for (const [at, byte] of edits) mutated[at % mutated.length] = byte
        judge(mutated)
      },
    ),
    { numRuns: 3000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), judge), { numRuns: 500 })
  fc.assert(
    fc.property(fc.record({ alert: fc.jsonValue(), timestamp: fc.jsonValue(), src_ip: fc.jsonValue() }), (fields) =>
      judge(bytes(eveLine(fields))),
    ),
    { numRuns: 500 },
  )
  t.same([...seen].sort(), ['event', 'ignored', 'rejected'])
})
