/** A process that accepts what ingest reads into a database until it is killed: `node ingest-child.ts <log> <database>`. */
import { Ingest, loadPositions, storePositions } from '../../agent/ingest/index.ts'
import { silentLogger, systemClock, utf8 } from '../../core/index.ts'
import { openDatabase, ROOM } from '../../core/store/index.ts'

const [log = '', path = ''] = process.argv.slice(2)
const database = await openDatabase(path)
const room = database.room(ROOM.payloads)
const ingest = new Ingest(
  {
    inputs: [{ path: log, format: 'eve' }],
    start: 'beginning',
    windowMs: 2,
    fold: false,
    overload: 'wait',
    maxBacklog: 256,
    expiryMs: 3_600_000,
    pollMs: 20,
  },
  {
    clock: systemClock(),
    logger: silentLogger(),
    signal: new AbortController().signal,
    positions: await loadPositions(database),
    hashAddresses: () => undefined,
  },
)
let accepted = 0
for await (const { events, positions } of ingest.batches()) {
  const puts = events.map((event, at) => room.put(utf8(`${process.pid}-${accepted + at}`), event.payload))
  accepted += events.length
  await database.commit([...puts, ...storePositions(database, positions)])
  if (events.length > 0) process.stdout.write(`${events.length}\n`)
}
