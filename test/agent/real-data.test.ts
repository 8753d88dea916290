/**
 * Real Suricata and Zeek logs, where they lie beside the project in ../shared/data; they are not part of it. What each
 * file holds was counted independently.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Ingest, type IngestBatch, type InputFormat } from '../../agent/ingest/index.ts'
import { decodeCbor, silentLogger, systemClock } from '../../core/index.ts'
import { encodeAnomalyBody, hashAddress } from '../../records/index.ts'
import { ROOT } from './helpers.ts'

const DATA = join(ROOT, '../shared/data')

interface Expected {
  file: string
  format: InputFormat
  read: number
  events: number
  kind: string
  indicators: number
  /** Signatures left after folding everything into windows of 64. */
  folded: number
}

const FILES: readonly Expected[] = [
  {
    file: 'eve-first-2015.ndjson',
    format: 'eve',
    read: 136,
    events: 136,
    kind: 'ids_alert',
    indicators: 136,
    folded: 136,
  },
  {
    file: 'eve-wrccdc-2017.json',
    format: 'eve',
    read: 161,
    events: 161,
    kind: 'ids_alert',
    indicators: 161,
    folded: 161,
  },
  { file: 'zeek-notice.json', format: 'zeek', read: 207, events: 207, kind: 'zeek_notice', indicators: 1, folded: 194 },
  { file: 'zeek-notice.log', format: 'zeek', read: 216, events: 207, kind: 'zeek_notice', indicators: 1, folded: 194 },
  {
    file: 'zeek-weird-3000.json',
    format: 'zeek',
    read: 3000,
    events: 3000,
    kind: 'zeek_weird',
    indicators: 22,
    folded: 163,
  },
]

async function readAll(
  path: string,
  format: InputFormat,
  fold: boolean,
): Promise<{ batches: IngestBatch[]; ingest: Ingest }> {
  const pseudonym = { key: new Uint8Array(32), epoch: 1 }
  const hash = (address: string | undefined) => (address === undefined ? undefined : hashAddress(address, pseudonym))
  const ingest = new Ingest(
    {
      inputs: [{ path, format }],
      mode: 'once',
      start: 'beginning',
      windowMs: 60_000,
      fold,
      overload: 'wait',
      maxBacklog: 4096,
      expiryMs: 3_600_000,
    },
    {
      clock: systemClock(),
      logger: silentLogger(),
      signal: new AbortController().signal,
      positions: new Map(),
      hashAddresses: (from, to) => {
        const [source, destination] = [hash(from), hash(to)]
        return { epoch: 1, ...(source && { source }), ...(destination && { destination }) }
      },
    },
  )
  const batches: IngestBatch[] = []
  for await (const batch of ingest.batches()) batches.push(batch)
  return { batches, ingest }
}

const present = FILES.filter(({ file }) => existsSync(join(DATA, file)))

t.test('real logs', { skip: present.length === 0 && `no sensor logs in ${DATA}` }, async (t) => {
  for (const { file, format, read, events: count, kind, indicators, folded } of present) {
    const { batches, ingest } = await readAll(join(DATA, file), format, false)
    const events = batches.flatMap((batch) => batch.events)
    t.match(
      ingest.counters(),
      { read, kept: count, ignored: read - count, malformed: 0, folded: 0, shed: 0, pending: 0 },
      file,
    )
    t.equal(new Set(events.map((event) => event.signature.indicator)).size, indicators, file)
    t.ok(
      events.every((event) => event.signature.kind === kind && event.signature.addresses !== undefined),
      file,
    )
    t.ok(
      events.every((event) => decodeCbor(event.payload, { maxBytes: 4096 }) instanceof Map),
      file,
    )
    for (const batch of batches) {
      t.ok(encodeAnomalyBody(batch.events.map((event) => ({ ...event.signature, blockId: new Uint8Array(32) }))))
    }
    const again = await readAll(join(DATA, file), format, true)
    t.match(again.ingest.counters(), { read, kept: folded, folded: count - folded, pending: 0 }, file)
  }
})

t.test(
  'JSON and TSV of one notice log say the same',
  { skip: !existsSync(join(DATA, 'zeek-notice.log')) && `no Zeek logs in ${DATA}` },
  async (t) => {
    const details = async (file: string) => {
      const { batches } = await readAll(join(DATA, file), 'zeek', false)
      return batches.flatMap((batch) =>
        batch.events.map(({ payload, signature }) => {
          const fields = decodeCbor(payload, { maxBytes: 4096 }) as Map<string, unknown>
          fields.delete('ts')
          const { indicator, severity, firstSeenMs, addresses } = signature
          return { fields: Object.fromEntries(fields), indicator, severity, firstSeenMs, addresses }
        }),
      )
    }
    t.same(await details('zeek-notice.log'), await details('zeek-notice.json'))
  },
)
