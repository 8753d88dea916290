import {
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type CreationTimestamp,
  DTN_EPOCH_MS,
  type EndpointId,
  encodeAdministrativeRecord,
  encodeBundleAge,
  hasFlag,
  isNullEndpoint,
  NULL_ENDPOINT,
  payloadOf,
  type StatusReport,
} from './codec/index.ts'

/** What can happen to a bundle that its source may ask a report of (RFC 9171 §4.2.3). */
export type ReportedEvent = 'received' | 'forwarded' | 'delivered' | 'deleted'

const REQUEST_FLAGS: Readonly<Record<ReportedEvent, number>> = {
  received: BUNDLE_FLAGS.reportReception,
  forwarded: BUNDLE_FLAGS.reportForwarding,
  delivered: BUNDLE_FLAGS.reportDelivery,
  deleted: BUNDLE_FLAGS.reportDeletion,
}

/**
 * False for a bundle of which no report may be made, whatever is asked: an administrative record, or reports would be
 * made of reports; one without source (RFC 9171 §4.2.3); one whose reports are to go nowhere.
 */
export function mayReport({ primary }: Bundle): boolean {
  if (hasFlag(primary.flags, BUNDLE_FLAGS.administrativeRecord)) return false
  return !isNullEndpoint(primary.source) && !isNullEndpoint(primary.reportTo)
}

/** True when the source asks for a report of the event and one may be made (RFC 9171 §5.4, §5.6, §5.7, §5.10). */
export function isReportRequested(bundle: Bundle, event: ReportedEvent): boolean {
  return mayReport(bundle) && hasFlag(bundle.primary.flags, REQUEST_FLAGS[event])
}

/** What is reported. */
export interface Happening {
  readonly event: ReportedEvent
  /** Of REPORT_REASONS. */
  readonly reason: number
  /** When, in milliseconds since the Unix epoch; undefined on a node that does not know the time. */
  readonly atMs?: number
}

/** The report of what happened to `bundle`; it names the time when the bundle asks for it and the node knows it. */
export function statusReport(bundle: Bundle, { event, reason, atMs }: Happening): StatusReport {
  const { source, creation, flags, fragment } = bundle.primary
  const withTime = atMs !== undefined && hasFlag(flags, BUNDLE_FLAGS.statusTimeRequested)
  const happened = { asserted: true, ...(withTime && { timeMs: Math.max(0, atMs - DTN_EPOCH_MS) }) }
  const not = { asserted: false }
  return {
    received: event === 'received' ? happened : not,
    forwarded: event === 'forwarded' ? happened : not,
    delivered: event === 'delivered' ? happened : not,
    deleted: event === 'deleted' ? happened : not,
    reason,
    source,
    creation,
    ...(fragment && { fragment: { offset: fragment.offset, length: payloadOf(bundle).length } }),
  }
}

/** How the bundle that carries a report is made. */
export interface ReportBundleOptions {
  readonly report: StatusReport
  /** The reporting node. */
  readonly node: EndpointId
  /** Where the reported bundle wants its reports. */
  readonly reportTo: EndpointId
  readonly creation: CreationTimestamp
  readonly lifetimeMs: number
}

/** A bundle that carries a report: an administrative record, of which nobody will report. */
export function statusReportBundle(options: ReportBundleOptions): Bundle {
  const { report, node, reportTo, creation, lifetimeMs } = options
  const payload = encodeAdministrativeRecord({ type: 1, report })
  const block = { flags: 0, crcType: 2 as const }
  const age = { ...block, type: BLOCK_TYPES.bundleAge, number: 2, data: encodeBundleAge(0) }
  return {
    primary: {
      flags: BUNDLE_FLAGS.administrativeRecord,
      crcType: 2,
      destination: reportTo,
      source: node,
      reportTo: NULL_ENDPOINT,
      creation,
      lifetimeMs,
    },
    blocks: [
      ...(creation.timeMs === 0 ? [age] : []),
      { ...block, type: BLOCK_TYPES.payload, number: 1, data: payload },
    ],
  }
}
