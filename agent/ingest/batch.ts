import type { Clock } from '../../core/index.ts'
import { type HashedAddresses, MAX_EVENT_COUNT, MAX_LIFETIME_MS } from '../../records/index.ts'
import type { Group, Window } from './coalescer.ts'
import { payloadOf } from './fields.ts'
import { encodePosition } from './position.ts'
import type { IngestBatch, IngestCounters, IngestEvent } from './types.ts'

export interface BatchContext {
  readonly clock: Clock
  readonly expiryMs: number
  readonly hashAddresses: (source: string | undefined, destination: string | undefined) => HashedAddresses | undefined
}

/** What is handed over of a window: payloads encoded, addresses hashed, times made consistent. */
export function toBatch(window: Window, counters: IngestCounters, context: BatchContext): IngestBatch {
  const positions = [...window.positions].map(([input, position]) => ({ input, position: encodePosition(position()) }))
  return {
    get events() {
      return window.groups.map((group) => toEvent(group, context))
    },
    positions,
    counters,
  }
}

function toEvent(group: Group, context: BatchContext): IngestEvent {
  const { event } = group
  const nowMs = context.clock.now()
  const addresses = context.hashAddresses(event.sourceAddress, event.destinationAddress)
  // Nothing was seen after it was read: a sensor's clock may be ahead.
  const lastSeenMs = Math.min(group.lastSeenMs, nowMs)
  return {
    eventType: event.eventType,
    payload: payloadOf(event),
    signature: {
      indicator: event.indicator,
      kind: event.kind,
      severity: event.severity,
      score: event.score,
      firstSeenMs: Math.min(group.firstSeenMs, lastSeenMs),
      lastSeenMs,
      count: Math.min(group.count, MAX_EVENT_COUNT),
      // An old log read today: a signature may not outlive its event by more than a record allows.
      expiresAtMs: Math.min(nowMs + context.expiryMs, lastSeenMs + MAX_LIFETIME_MS),
      ...(addresses !== undefined && { addresses }),
    },
  }
}
