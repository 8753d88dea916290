import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, silentLogger } from '../../core/index.ts'
import { Ingest, type IngestInput } from '../ingest/index.ts'

/** The log that the demo replays when it is given none; written for this purpose. */
export const SAMPLE = join(import.meta.dirname, 'sample-eve.ndjson')

const LOOKED_AT_BYTES = 65_536

/** Whose log the file at `path` is, told by its beginning: Zeek's names its fields or its path, Suricata's its event types. */
export async function formatOf(path: string): Promise<IngestInput['format']> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOKED_AT_BYTES), 0, LOOKED_AT_BYTES, 0)
  const beginning = buffer.toString('latin1', 0, bytesRead)
  if (/^\s*#(?:separator|fields)/.test(beginning)) return 'zeek'
  return beginning.includes('"event_type"') ? 'eve' : 'zeek'
}

/** Number of alert, notice and weird events in a log, by the same parsers that the agent uses. */
export async function countEvents(input: IngestInput, clock: Clock): Promise<number> {
  const stop = new AbortController()
  const ingest = new Ingest(
    {
      inputs: [input],
      start: 'beginning',
      mode: 'once',
      windowMs: 0,
      fold: false,
      overload: 'wait',
      maxBacklog: 4096,
      expiryMs: 1,
    },
    { clock, logger: silentLogger(), signal: stop.signal, positions: new Map(), hashAddresses: () => undefined },
  )
  let events = 0
  for await (const batch of ingest.batches()) events += batch.events.length
  return events
}
