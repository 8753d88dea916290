import { encodeCbor } from '../../core/index.ts'
import { EVENT_TYPES, type EventType } from '../../ledger/index.ts'
import type { HashedAddresses, Severity } from '../../records/index.ts'
import type { PublishParams } from '../control/index.ts'
import { type IngestEvent, scoreOf } from '../ingest/index.ts'

/** The event that an operator or a script reports; the raw addresses and the note stay in the payload, on this node. */
export function reportedEvent(
  params: PublishParams,
  context: { readonly nowMs: number; readonly expiryMs: number; readonly addresses: HashedAddresses | undefined },
): IngestEvent {
  const { nowMs, expiryMs, addresses } = context
  const severity = params.severity as Severity
  const told = Object.entries(params).filter(([, value]) => value !== undefined)
  return {
    eventType: isEventType(params.kind) ? params.kind : 'ids_alert',
    payload: encodeCbor(new Map([...told, ['reported_at_ms', nowMs]])),
    signature: {
      indicator: params.indicator,
      kind: params.kind,
      severity,
      score: params.score ?? scoreOf(severity),
      firstSeenMs: nowMs,
      lastSeenMs: nowMs,
      count: 1,
      expiresAtMs: nowMs + expiryMs,
      ...(addresses && { addresses }),
    },
  }
}

function isEventType(kind: string): kind is EventType {
  return Object.hasOwn(EVENT_TYPES, kind)
}
