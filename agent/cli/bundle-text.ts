import type { BundleExplanation, BundleStatus, BundleSummary } from '../control/index.ts'
import { pairs, shortId } from './text.ts'

/** Titles of {@link bundleLine}. */
export function bundleTitles(): string[] {
  return ['PRIORITY', 'TO', 'FROM', 'BYTES', 'EXPIRES IN', 'HERE TO', 'ID']
}

/** A waiting bundle as cells of a table. */
export function bundleLine(bundle: BundleSummary): string[] {
  const { priority, destination, source, sizeBytes, remainingMs, constraints, id } = bundle
  return [
    priority,
    destination,
    source,
    String(sizeBytes),
    durationText(remainingMs),
    constraints.join(','),
    shortId(id),
  ]
}

/** A bundle in full, and why it is here. */
export function bundleText(bundle: BundleExplanation): string {
  const { id, source, destination, priority, sizeBytes, remainingMs, constraints, from, copies, seenBy } = bundle
  return pairs([
    ['id', id],
    ['from', source],
    ['to', destination],
    ['priority', priority],
    ['size', `${sizeBytes} bytes`],
    ['expires in', durationText(remainingMs)],
    ['here to', constraints.join(', ')],
    ['came from', from ?? 'it was made here'],
    ['copies left', copies === 0 ? 'as many as are needed' : String(copies)],
    ['seen by', `${seenBy} peers`],
    ['strategy', bundle.strategy],
    ['waits', bundle.waitsFor],
    ...bundle.contacts.map(({ peer, layer, outlook }): [string, string] => [
      'neighbour',
      `${peer} (${layer}): ${OUTLOOKS[outlook] ?? outlook}`,
    ]),
  ])
}

const OUTLOOKS: Readonly<Record<string, string>> = {
  sending: 'it is on its way there, or next',
  seen: 'has it already',
  hops: 'one hop too far',
  'too-large': 'takes no bundle of that size',
  'no-route': 'is no way to its destination',
  'last-copy': 'the last copy goes to its destination only',
}

/** The bundle lines of the status. */
export function bundleRows(status: BundleStatus): [string, string][] {
  const { state, queued, bytes, maxBytes, accepted, refused, evicted, expired, contacts } = status
  const counts = `${accepted} accepted, ${refused} refused, ${evicted} evicted, ${expired} expired`
  return [
    ['bundles', `${queued} waiting (${bytes} of ${maxBytes} bytes, ${state}), ${counts}`],
    ...contacts.map(({ peer, layer, sent, received, inFlight, paused }): [string, string] => [
      'bundles with',
      `${peer} (${layer}): ${sent} sent, ${received} received, ${inFlight} on their way${paused ? ', it has no room' : ''}`,
    ]),
  ]
}

/** A duration as its two largest parts: `3 d 4 h`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
