import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DetectedEvent } from '../../agent/ingest/index.ts'
import type { Severity } from '../../records/index.ts'

export const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const SAMPLE = fileURLToPath(new URL('../../agent/demo/sample-eve.ndjson', import.meta.url))

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Lines of a file without their ends. */
export function fileLines(path: string): Uint8Array[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n').map(bytes)
}

/** One EVE alert as a line, without its end. */
export function eveLine(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    timestamp: '2026-01-15T08:00:01.250000+0000',
    event_type: 'alert',
    src_ip: '192.0.2.1',
    dest_ip: '198.51.100.2',
    proto: 'TCP',
    alert: { action: 'allowed', gid: 1, signature_id: 9000001, rev: 1, signature: 'TEST one', severity: 2 },
    ...changes,
  })
}

/** An event that nobody read from a line. */
export function event(rule: number, severity: Severity = 3, seenMs = 1_768_464_000_000): DetectedEvent {
  return {
    source: 'suricata',
    eventType: 'ids_alert',
    kind: 'ids_alert',
    indicator: `suricata:1:${rule}`,
    severity,
    score: severity * 100,
    seenMs,
    sourceAddress: '192.0.2.1',
    destinationAddress: undefined,
    details: new Map([['rule', rule]]),
  }
}
