import type { MetricDefinition } from '../metrics/index.ts'
import type { RunningNode } from './node.ts'
import { trustStatus } from './trust-status.ts'

/** Records, ledger and peers of a running node, for the Prometheus page. */
export function nodeMetrics(node: RunningNode): MetricDefinition[] {
  const { records, ledger, overlay, inbox, identity, acceptor } = node.parts
  const gauge = (name: string, help: string, read: MetricDefinition['read']) =>
    ({ name, help, type: 'gauge', read }) as const
  const counter = (name: string, help: string, read: MetricDefinition['read']) =>
    ({ name, help, type: 'counter', read }) as const
  return [
    gauge('gapmesh_records_held', 'Records in the store.', () => records.counts().records),
    gauge('gapmesh_records_bytes', 'Bytes of the records in the store.', () => records.counts().bytes),
    counter(
      'gapmesh_records_received_total',
      'Records of other nodes that were verified and stored.',
      () => inbox.counters.admitted,
    ),
    counter('gapmesh_records_duplicate_total', 'Records received again.', () => inbox.counters.duplicates),
    {
      ...counter('gapmesh_records_refused_total', 'Records refused, by error code.', () =>
        Object.entries(inbox.counters.refused).map(([code, value]) => ({ labels: { code }, value })),
      ),
      labels: ['code'],
    },
    gauge(
      'gapmesh_ledger_head',
      'Sequence number of the newest own block.',
      () => ledger.head(identity.nodeId)?.seq ?? 0,
    ),
    counter(
      'gapmesh_ingest_failed_total',
      'Events that could never be accepted and were left out.',
      () => acceptor.state().failed,
    ),
    gauge('gapmesh_ingest_stopped', '1 when reading the logs has stopped or waits for the disk.', () =>
      node.stoppedBy !== undefined || acceptor.state().waitingFor !== undefined ? 1 : 0,
    ),
    gauge('gapmesh_peers_connected', 'Connected peers.', () => overlay.state().peers),
    gauge('gapmesh_appending', '1 while this node may extend its chain.', () =>
      node.appending === 'appending' ? 1 : 0,
    ),
    counter('gapmesh_links_refused_total', 'Connections refused by either side.', () => overlay.state().refusals),
    counter('gapmesh_catch_ups_total', 'Catch-ups with peers.', () => overlay.state().sync.runs),
    gauge(
      'gapmesh_certificate_expires_seconds',
      'End of the certificate, Unix time.',
      () => node.certificate.notAfterMs / 1000,
    ),
    gauge(
      'gapmesh_certificate_renewal_failures',
      'Failed attempts since the last certificate.',
      () => node.parts.rotation.state.failures,
    ),
    gauge(
      'gapmesh_clock_offset_seconds',
      'How far the clock of the machine is from the time that counts; 0 while it is believed.',
      () => node.clock.offByMs / 1000,
    ),
    {
      ...gauge('gapmesh_crl_next_update_seconds', 'When the next revocation list is due, Unix time, by CA.', () =>
        trustStatus(node)
          .lists.filter(({ kind }) => kind === 'full')
          .map(({ authority, nextUpdateMs }) => ({ labels: { authority }, value: nextUpdateMs / 1000 })),
      ),
      labels: ['authority'],
    },
  ]
}
