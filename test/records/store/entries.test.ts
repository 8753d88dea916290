/** Entries as gapmesh 0.1.0 writes them to disk: later releases read the same bytes. */
import fc from 'fast-check'
import t from 'tap'
import { compareBytes, fromHex, toHex, utf8 } from '../../../core/index.ts'
import {
  certificateKey,
  factsOf,
  headKey,
  readCertificate,
  readCounts,
  readExpiry,
  readFacts,
  readHead,
  readRecord,
  readRefusal,
  readSize,
  readTimeKey,
  timeKey,
  writeCertificate,
  writeCounts,
  writeExpiry,
  writeFacts,
  writeHead,
  writeRecord,
  writeRefusal,
} from '../../../records/store/entries.ts'
import { unsigned } from './fake-records.ts'

const ID = new Uint8Array(32).fill(0xaa)
const AT_MS = 0x019b_76da_ac00

t.test('keys', async (t) => {
  t.equal(toHex(timeKey(AT_MS, ID)), `0000019b76daac00${'aa'.repeat(32)}`)
  t.same(readTimeKey(timeKey(AT_MS, ID)), { timeMs: AT_MS, id: ID })
  t.equal(toHex(headKey('ab', 'seal')), '036162')
  t.equal(toHex(certificateKey(Uint8Array.of(1, 2), Uint8Array.of(3))), '010203')
})

t.test('keys sort as times do', async (t) => {
  const time = fc.oneof(fc.nat(3), fc.maxSafeNat())
  const seen = new Set<number>()
  fc.assert(
    fc.property(time, time, (a, b) => {
      const order = compareBytes(timeKey(a, ID), timeKey(b, ID))
      seen.add(order)
      return order === Math.sign(a - b)
    }),
    { numRuns: 1_000 },
  )
  t.same([...seen].sort(), [-1, 0, 1], 'earlier, equal and later times')
})

t.test('values', async (t) => {
  const facts = {
    type: 'anomaly',
    origin: 'ab',
    bytes: 258,
    severities: new Map([
      ['k', 5],
      ['xy', 1],
    ]),
  } as const
  const written: [name: string, bytes: Uint8Array, hex: string, read: unknown, expected: unknown][] = [
    [
      'record',
      writeRecord(ID, 258),
      `0000000000000102${'aa'.repeat(32)}`,
      readRecord,
      { receivedAtMs: 258, bytes: ID },
    ],
    [
      'counts',
      writeCounts({ records: 1, bytes: 2, missing: 3 }),
      '000000000000000100000000000000020000000000000003',
      readCounts,
      { records: 1, bytes: 2, missing: 3 },
    ],
    ['facts', writeFacts(facts), `010000010202${'6162'}${'05016b'}${'01027879'}`, readFacts, facts],
    ['expiry', writeExpiry(258, 3), '000000000000010200000003', readExpiry, { createdAtMs: 258, bytes: 3 }],
    [
      'head',
      writeHead({ sequence: 9, createdAtMs: 258 }),
      '00000000000000090000000000000102',
      readHead,
      { sequence: 9, createdAtMs: 258 },
    ],
    [
      'refusal',
      writeRefusal('X_Y', 258),
      `0000000000000102${toHex(utf8('X_Y'))}`,
      readRefusal,
      { code: 'X_Y', untilMs: 258 },
    ],
    [
      'root',
      writeCertificate(fromHex('30'), undefined),
      '0030',
      readCertificate,
      { above: undefined, der: fromHex('30') },
    ],
    [
      'leaf',
      writeCertificate(fromHex('30'), fromHex('0102')),
      '02010230',
      readCertificate,
      { above: fromHex('0102'), der: fromHex('30') },
    ],
  ]
  t.equal(readSize(writeFacts(facts)), 258)
  for (const [name, bytes, hex, reader, expected] of written) {
    t.equal(toHex(bytes), hex, name)
    t.same((reader as (value: Uint8Array) => unknown)(fromHex(hex)), expected, `${name}, read`)
  }
})

t.test('facts of a record: the highest severity of each kind', async (t) => {
  const record = unsigned({}, [{ severity: 2 }, { severity: 4 }, { severity: 3 }, { kind: 'zeek_weird', severity: 1 }])
  const expected = { type: 'anomaly', origin: 'sensor-01', bytes: record.bytes.length }
  t.match(factsOf(record), expected)
  t.same(
    [...factsOf(record).severities],
    [
      ['ids_alert', 4],
      ['zeek_weird', 1],
    ],
  )
  t.same([...factsOf(unsigned({ type: 'vote', body: Uint8Array.of(1) })).severities], [])
})
