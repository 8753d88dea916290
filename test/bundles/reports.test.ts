import fc from 'fast-check'
import t from 'tap'
import {
  type AdministrativeRecord,
  BLOCK_FLAGS,
  BUNDLE_FLAGS,
  DTN_EPOCH_MS,
  decodeAdministrativeRecord,
  decodeBundle,
  encodeAdministrativeRecord,
  encodeBundle,
  isReportRequested,
  mayReport,
  payloadOf,
  REPORT_REASONS,
  type ReportedEvent,
  type StatusReport,
  statusReport,
  statusReportBundle,
} from '../../bundles/index.ts'
import { MAX_ADMINISTRATIVE_RECORD_BYTES } from '../../bundles/limits.ts'
import { type CborValue, encodeCbor, fromHex, toHex } from '../../core/index.ts'
import { bundle, NOW_MS } from './support.ts'

const no = { asserted: false }
const report: StatusReport = {
  received: { asserted: true, timeMs: 800_000_000_000 },
  forwarded: no,
  delivered: no,
  deleted: { asserted: true },
  reason: REPORT_REASONS.lifetimeExpired,
  source: 'ipn:977000.100.1',
  creation: { timeMs: 700_000_000_000, sequence: 7 },
}

t.test('a status report, byte for byte (RFC 9171 §6.1.1)', async (t) => {
  const cbor = (fragment: number[] = []): CborValue => [
    1,
    [[[true, 800_000_000_000], [false], [false], [true]], 1, [2, [977000, 100, 1]], [700_000_000_000, 7], ...fragment],
  ]
  t.equal(toHex(encodeAdministrativeRecord({ type: 1, report })), toHex(encodeCbor(cbor())))
  t.strictSame(decodeAdministrativeRecord(encodeCbor(cbor())), { type: 1, report })
  const fragment = { offset: 100, length: 50 }
  t.strictSame(decodeAdministrativeRecord(encodeCbor(cbor([100, 50]))), { type: 1, report: { ...report, fragment } })
})

t.test('records of other types are kept as they are', async (t) => {
  const record = { type: 6, content: fromHex('a1016161') }
  t.strictSame(decodeAdministrativeRecord(encodeAdministrativeRecord(record)), record)
  t.throws(() => encodeAdministrativeRecord({ type: 6, content: Uint8Array.of(1, 1) }), {
    code: 'BUNDLES_ADMINISTRATIVE_RECORD',
  })
})

t.test('what is no record', async (t) => {
  const info: CborValue = [[true], [false], [false], [false]]
  const body = (change: Record<number, CborValue>, extra: CborValue[] = []): CborValue => {
    const items: CborValue[] = [info, 0, [2, [2, 1]], [0, 0], ...extra]
    for (const [at, value] of Object.entries(change)) items[Number(at)] = value
    return [1, items]
  }
  const wrong: [code: string, what: string, value: CborValue][] = [
    ['BUNDLES_ADMINISTRATIVE_RECORD', 'a number', 1],
    ['BUNDLES_ADMINISTRATIVE_RECORD', 'no content', [1]],
    ['BUNDLES_ADMINISTRATIVE_RECORD', 'no type', ['1', 0]],
    ['BUNDLES_STATUS_REPORT', 'no report', [1, 0]],
    ['BUNDLES_STATUS_REPORT', 'half a fragment', body({}, [1])],
    ['BUNDLES_STATUS_REPORT', 'more than a fragment', body({}, [1, 1, 1])],
    ['BUNDLES_STATUS_REPORT', 'three assertions', body({ 0: [[true], [false], [false]] })],
    ['BUNDLES_STATUS_REPORT', 'a time of what did not happen', body({ 0: [[true], [false, 1], [false], [false]] })],
    ['BUNDLES_STATUS_REPORT', 'neither true nor false', body({ 0: [[null], [false], [false], [false]] })],
    ['BUNDLES_STATUS_REPORT', 'a number for true', body({ 0: [[1], [false], [false], [false]] })],
    ['BUNDLES_STATUS_REPORT', 'a reason that is none', body({ 1: 'expired' })],
    ['BUNDLES_ENDPOINT_SCHEME', 'a source that is none', body({ 2: [9, 0] })],
    ['BUNDLES_STATUS_REPORT', 'no timestamp', body({ 3: 0 })],
  ]
  for (const [code, what, value] of wrong)
    t.throws(() => decodeAdministrativeRecord(encodeCbor(value)), { code, action: /./ }, what)
  const good = encodeAdministrativeRecord({ type: 1, report })
  for (let end = 0; end < good.length; end += 1)
    t.throws(() => decodeAdministrativeRecord(good.subarray(0, end)), { code: 'BUNDLES_MALFORMED' })
  t.throws(() => decodeAdministrativeRecord(new Uint8Array(MAX_ADMINISTRATIVE_RECORD_BYTES + 1)), {
    code: 'BUNDLES_ADMINISTRATIVE_RECORD',
  })
  t.throws(() =>
    encodeAdministrativeRecord({ type: 1, report: { ...report, forwarded: { asserted: false, timeMs: 1 } } }),
  )
})

const assertion = fc.oneof(
  fc.boolean().map((asserted) => ({ asserted })),
  fc.maxSafeNat().map((timeMs) => ({ asserted: true, timeMs })),
)
const place = fc.record({ offset: fc.maxSafeNat(), length: fc.maxSafeNat() })
const anyReport: fc.Arbitrary<AdministrativeRecord> = fc
  .record(
    {
      received: assertion,
      forwarded: assertion,
      delivered: assertion,
      deleted: assertion,
      reason: fc.oneof(fc.constantFrom(...Object.values(REPORT_REASONS)), fc.nat()),
      source: fc.constantFrom('dtn://a/', 'ipn:1.2', 'ipn:1.2.3', 'ipn:!.0'),
      creation: fc.record({ timeMs: fc.maxSafeNat(), sequence: fc.maxSafeNat() }),
      fragment: place,
    },
    { requiredKeys: ['received', 'forwarded', 'delivered', 'deleted', 'reason', 'source', 'creation'] },
  )
  .map((value) => ({ type: 1 as const, report: value as StatusReport }))

t.test('round trip, and of changed bytes', async (t) => {
  let kept = 0
  fc.assert(
    fc.property(anyReport, fc.nat(), fc.integer({ min: 0, max: 255 }), (record, at, byte) => {
      const bytes = encodeAdministrativeRecord(record)
      if (toHex(encodeAdministrativeRecord(decodeAdministrativeRecord(bytes))) !== toHex(bytes)) return false
      const changed = bytes.with(at % bytes.length, byte)
      try {
        const same = toHex(encodeAdministrativeRecord(decodeAdministrativeRecord(changed))) === toHex(changed)
        kept += 1
        return same
      } catch {
        return true
      }
    }),
    { numRuns: 1000, seed: 61 },
  )
  t.ok(kept > 100, `kept ${kept}`)
})

t.test('who is reported to, and of what (RFC 9171 §4.2.3, §5)', async (t) => {
  const events: [ReportedEvent, number][] = [
    ['received', BUNDLE_FLAGS.reportReception],
    ['forwarded', BUNDLE_FLAGS.reportForwarding],
    ['delivered', BUNDLE_FLAGS.reportDelivery],
    ['deleted', BUNDLE_FLAGS.reportDeletion],
  ]
  const asked = (flags: number, reportTo = 'dtn://home/') => bundle({ primary: { flags, reportTo } })
  for (const [event, flag] of events) {
    for (const [other] of events) t.equal(isReportRequested(asked(flag), other), other === event)
    t.notOk(isReportRequested(asked(flag, 'dtn:none'), event), 'reports go nowhere')
    t.notOk(isReportRequested(asked(flag, 'ipn:0.0'), event), 'reports go nowhere')
    t.notOk(isReportRequested(asked(flag | BUNDLE_FLAGS.administrativeRecord), event), 'a report about a report')
    const anonymous = bundle({ primary: { flags: flag | 4, source: 'dtn:none', reportTo: 'dtn://home/' } })
    t.notOk(isReportRequested(anonymous, event), 'nobody sent it')
  }
  t.ok(mayReport(asked(0)), 'a block may ask for one though the bundle does not')
  t.ok(BLOCK_FLAGS.reportIfUnprocessable > 0)
})

t.test('a report names the time when it was asked for and is known, and the fragment', async (t) => {
  const flags = BUNDLE_FLAGS.reportDeletion
  const what = { event: 'deleted' as const, reason: REPORT_REASONS.lifetimeExpired, atMs: NOW_MS }
  const plain = bundle({ primary: { flags, reportTo: 'dtn://home/' } })
  t.match(statusReport(plain, what), { deleted: { asserted: true, timeMs: undefined }, received: no, reason: 1 })
  const timed = bundle({ primary: { flags: flags | BUNDLE_FLAGS.statusTimeRequested, reportTo: 'dtn://home/' } })
  t.equal(statusReport(timed, what).deleted.timeMs, NOW_MS - DTN_EPOCH_MS)
  t.strictSame(statusReport(timed, { event: 'deleted', reason: 1 }).deleted, { asserted: true }, 'no clock')
  const fragment = { offset: 3, totalLength: 20 }
  const part = bundle({ primary: { flags: flags | BUNDLE_FLAGS.isFragment, fragment }, payload: '12345' })
  t.strictSame(statusReport(part, what).fragment, { offset: 3, length: 5 })
})

t.test('the bundle that carries it is one that nobody reports of', async (t) => {
  for (const timeMs of [0, 5]) {
    const made = statusReportBundle({
      report,
      node: 'dtn://relay/',
      reportTo: 'dtn://home/',
      creation: { timeMs, sequence: 1 },
      lifetimeMs: 1000,
    })
    const came = decodeBundle(encodeBundle(made))
    t.strictSame(came, made)
    t.match(came.primary, { destination: 'dtn://home/', source: 'dtn://relay/', reportTo: 'dtn:none', flags: 2 })
    t.strictSame(decodeAdministrativeRecord(payloadOf(came)), { type: 1, report })
    t.notOk(mayReport(came))
  }
})
