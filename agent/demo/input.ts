import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, isGapmeshError, silentLogger } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { Ingest, type IngestInput } from '../ingest/index.ts'

/** The log that the demo replays when it is given none; written for this purpose. */
export const SAMPLE = join(import.meta.dirname, 'sample-eve.ndjson')

const LOOKED_AT_BYTES = 65_536

/** A log to replay. */
export interface DemoInput {
  readonly input: IngestInput
  /** Alert, notice and weird events in it, counted by the parsers that the agent uses. */
  readonly alerts: number
}

/**
 * Looks at the log at `path` before anything is started.
 * @throws AGENT_DEMO_INPUT when it cannot be read or holds no alert, AGENT_INPUT_COMPRESSED
 */
export async function inspectLog(path: string, clock: Clock): Promise<DemoInput> {
  try {
    const input = { path, format: await formatOf(path) }
    const alerts = await countEvents(input, clock)
    if (alerts > 0) return { input, alerts }
  } catch (cause) {
    if (isGapmeshError(cause)) throw cause
    throw AGENT_ERRORS.create('AGENT_DEMO_INPUT', { detail: (cause as Error).message, cause })
  }
  throw AGENT_ERRORS.create('AGENT_DEMO_INPUT', { detail: `${path} holds no alert` })
}

/** Whose log the file is, told by its beginning: Zeek's names its fields or its path, Suricata's its event types. */
async function formatOf(path: string): Promise<IngestInput['format']> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOKED_AT_BYTES), 0, LOOKED_AT_BYTES, 0)
  const beginning = buffer.toString('latin1', 0, bytesRead)
  if (/^\s*#(?:separator|fields)/.test(beginning)) return 'zeek'
  return beginning.includes('"event_type"') ? 'eve' : 'zeek'
}

async function countEvents(input: IngestInput, clock: Clock): Promise<number> {
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
