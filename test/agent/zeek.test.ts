import fc from 'fast-check'
import t from 'tap'
import {
  createLineParser,
  DEFAULT_TSV_HEADER,
  type LineOutcome,
  parseZeekJson,
  parseZeekTsv,
  payloadOf,
  readTsvHeader,
} from '../../agent/ingest/index.ts'
import { MAX_LINE_BYTES, MAX_RULE_NAME_CHARACTERS, MAX_TSV_FIELDS } from '../../agent/limits.ts'
import { decodeCbor } from '../../core/index.ts'
import { encodeAnomalyBody } from '../../records/index.ts'
import { bytes, FIXTURES, fileLines } from './helpers.ts'

function parseFile(name: string) {
  const parser = createLineParser('zeek', `/logs/${name}`)
  const outcomes = fileLines(`${FIXTURES}${name}`).map((line) => parser.parse(line))
  return {
    events: outcomes.flatMap((outcome) => (outcome.status === 'event' ? [outcome.event] : [])),
    statuses: outcomes.map((outcome) => outcome.status),
  }
}

const payload = (event: Parameters<typeof payloadOf>[0]) =>
  decodeCbor(payloadOf(event), { maxBytes: 8192 }) as Map<string, unknown>

t.test('a notice log in TSV', async (t) => {
  const { events, statuses } = parseFile('zeek-notice.log')
  t.same(statuses, [...Array(8).fill('ignored'), 'event', 'event', 'event', 'ignored'])
  const [guessing, certificate, loss] = events
  t.match(guessing, {
    source: 'zeek',
    kind: 'zeek_notice',
    indicator: 'zeek:notice:SSH::Password_Guessing',
    severity: 4,
    seenMs: 1_768_464_000_250,
    sourceAddress: '192.0.2.10',
    destinationAddress: '198.51.100.1',
  })
  t.equal(payload(guessing!).get('sub'), 'Sampled servers:  198.51.100.1, 198.51.100.2', 'escaped separator')
  t.equal(payload(guessing!).get('n'), 30)
  t.equal(certificate?.severity, 2)
  t.equal(payload(certificate!).get('msg'), 'certificate has expired – back\\slash')
  t.equal(payload(certificate!).get('sub'), '', 'empty is not unset')
  t.match(loss, { severity: 1, sourceAddress: undefined, destinationAddress: undefined })
  t.notOk(payload(loss!).has('uid'))
})

t.test('a weird log in JSON, without _path', async (t) => {
  const { events, statuses } = parseFile('zeek-weird.json')
  t.same(statuses, ['event', 'event', 'ignored'])
  t.match(events[0], { kind: 'zeek_weird', indicator: 'zeek:weird:unescaped_%_in_URI', severity: 1, score: 100 })
  t.match(events[1], { severity: 2, seenMs: Date.UTC(2026, 0, 15, 8, 0, 1, 500), sourceAddress: undefined })
})

t.test('which log it is', async (t) => {
  const line = (fields: object) => bytes(JSON.stringify({ ts: 1768464000.25, ...fields }))
  const status = (fields: object, hint?: 'notice' | 'weird') => parseZeekJson(line(fields), hint).status
  t.equal(status({ _path: 'notice', note: 'A::B' }), 'event')
  t.equal(status({ note: 'A::B', actions: [] }), 'event')
  t.equal(status({ note: 'A::B' }), 'ignored')
  t.equal(status({ note: 'A::B' }, 'notice'), 'event')
  t.equal(status({ _path: 'dns', note: 'A::B' }, 'notice'), 'ignored', '_path says more than a file name')
  t.equal(status({ name: 'odd', notice: false }), 'event')
  t.equal(parseZeekJson(bytes(' ')).status, 'ignored')
  const byName = createLineParser('zeek', '/logs/notice.2026-01-01-00-00-00.log')
  t.equal(byName.parse(line({ note: 'A::B' })).status, 'event')
})

t.test('times', async (t) => {
  const at = (ts: unknown) => {
    const outcome = parseZeekJson(bytes(JSON.stringify({ _path: 'weird', name: 'odd', ts })))
    return outcome.status === 'event' ? outcome.event.seenMs : outcome
  }
  t.equal(at(1521911720.629574), 1521911720629)
  t.equal(at(1521911720629.574), 1521911720629, 'JSON::TS_MILLIS')
  t.equal(at('2018-03-24T17:15:20.629574Z'), 1521911720629)
  for (const ts of [-1, 1e300, null, {}, '1521911720']) t.match(at(ts), { code: 'AGENT_LINE_FIELD', field: 'ts' })
})

t.test('refusals', async (t) => {
  const refused = (fields: object) => {
    const outcome = parseZeekJson(bytes(JSON.stringify({ _path: 'notice', ts: 1, note: 'A::B', ...fields })))
    return outcome.status === 'rejected' ? `${outcome.code} ${outcome.field}` : outcome.status
  }
  t.equal(refused({}), 'event')
  t.equal(refused({ note: 'A B' }), 'AGENT_LINE_FIELD note')
  t.equal(refused({ note: 'é' }), 'AGENT_LINE_FIELD note')
  t.equal(refused({ note: 'x'.repeat(MAX_RULE_NAME_CHARACTERS) }), 'event')
  t.equal(refused({ note: 'x'.repeat(MAX_RULE_NAME_CHARACTERS + 1) }), 'AGENT_LINE_FIELD note')
  t.equal(refused({ 'id.orig_h': 'host' }), 'AGENT_LINE_FIELD id.orig_h')
  t.equal(refused({ src: '2001:db8::1', dst: 5 }), 'AGENT_LINE_FIELD dst')
})

t.test('the longest rule name fits a record', async (t) => {
  const line = { _path: 'notice', ts: 1, note: 'x'.repeat(MAX_RULE_NAME_CHARACTERS) }
  const outcome = parseZeekJson(bytes(JSON.stringify(line)))
  if (outcome.status !== 'event') throw new Error('not an event')
  const { indicator, kind, severity, score } = outcome.event
  const times = { firstSeenMs: 1, lastSeenMs: 1, expiresAtMs: 2 }
  t.ok(encodeAnomalyBody([{ indicator, kind, severity, score, ...times, count: 1, blockId: new Uint8Array(32) }]))
})

t.test('TSV headers', async (t) => {
  const read = (...lines: string[]) =>
    lines.reduce((header, line) => readTsvHeader(header, bytes(line)) ?? header, DEFAULT_TSV_HEADER)
  t.match(read('#separator ,', '#path,weird', '#fields,ts,name', '#unset_field,NA'), {
    separator: ',',
    path: 'weird',
    fields: ['ts', 'name'],
    unsetField: 'NA',
  })
  t.same(read('#fields\tts', '#close\t2026-01-01', '#anything'), { ...DEFAULT_TSV_HEADER, fields: ['ts'] })
  const many = (count: number) => `#fields\t${Array(count).fill('f').join('\t')}`
  t.ok(readTsvHeader(DEFAULT_TSV_HEADER, bytes(many(MAX_TSV_FIELDS))))
  for (const line of ['#separator \\x09\\x09', '#separator ', '#fields', many(MAX_TSV_FIELDS + 1)]) {
    t.equal(readTsvHeader(DEFAULT_TSV_HEADER, bytes(line)), undefined, line.slice(0, 30))
  }
  t.equal(readTsvHeader(DEFAULT_TSV_HEADER, new Uint8Array(MAX_LINE_BYTES + 1)), undefined)
  const parser = createLineParser('zeek', '/logs/notice.log')
  t.match(parser.parse(bytes('#separator ab')), { code: 'AGENT_LINE_HEADER' })
  t.match(parser.parse(undefined), { code: 'AGENT_LINE_TOO_LONG' })
})

t.test('TSV lines must have the columns of the header', async (t) => {
  const header = { ...DEFAULT_TSV_HEADER, path: 'weird', fields: ['ts', 'name'], types: ['time', 'string'] }
  const code = (line: Uint8Array, under: typeof header = header) => {
    const outcome = parseZeekTsv(line, under)
    return outcome.status === 'rejected' ? outcome.code : outcome.status
  }
  t.equal(code(bytes('1768464000.25\todd')), 'event')
  t.equal(code(bytes('1768464000.25\todd\tmore')), 'AGENT_LINE_COLUMNS')
  t.equal(code(bytes('1768464000.25')), 'AGENT_LINE_COLUMNS')
  t.equal(code(bytes('soon\todd')), 'AGENT_LINE_FIELD')
  t.equal(code(bytes('1\t__proto__'), { ...header, fields: ['ts', '__proto__'] }), 'AGENT_LINE_FIELD')
  t.equal(code(Uint8Array.of(0x31, 0x09, 0xff)), 'AGENT_LINE_NOT_UTF8')
  t.equal(code(new Uint8Array(MAX_LINE_BYTES + 1)), 'AGENT_LINE_TOO_LONG')
  t.equal(code(bytes('1\todd'), { ...header, path: 'conn' }), 'ignored')
})

t.test('never throws, whatever the lines', async (t) => {
  const files = ['zeek-notice.log', 'zeek-weird.json'].map((name) => fileLines(`${FIXTURES}${name}`))
  const seen = new Set<LineOutcome['status']>()
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(255)), { maxLength: 12 })
  fc.assert(
    fc.property(fc.constantFrom(...files), edits, (lines, changes) => {
      const mutated = lines.map((line) => line.slice())
      for (const [row, at, byte] of changes) {
        const line = mutated[row % mutated.length]!
        line[at % line.length] = byte
      }
      const parser = createLineParser('zeek', '/logs/notice.log')
      for (const line of mutated) {
        const outcome = parser.parse(line)
        seen.add(outcome.status)
        if (outcome.status === 'event') payloadOf(outcome.event)
      }
    }),
    { numRuns: 1000 },
  )
  t.same([...seen].sort(), ['event', 'ignored', 'rejected'])
})
