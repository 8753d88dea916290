// Durable microblocks, beside the signatures and the synced writes that they cannot do without.
import { sign } from 'node:crypto'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { systemClock } from '../core/index.ts'
import { type Database, type Operation, openDatabase } from '../core/store/index.ts'
import { createSealer } from '../crypto/index.ts'
import { type Ledger, type NewEvent, openLedger } from '../ledger/index.ts'
import {
  type Benchmark,
  type BenchRow,
  byTurns,
  inParallel,
  inTemporaryDirectory,
  microsecondsEach,
  row,
} from './harness.ts'
import { type BenchMesh, type BenchNode, makeMesh } from './mesh.ts'

/** Events in one append: as many as one record carries. */
const EVENTS = 64

/** Length of an alert as Suricata writes it, about. */
const PAYLOAD_BYTES = 600

const APPENDS_PER_TURN = 8
const ROUNDS = 40
const APPENDS = APPENDS_PER_TURN * (ROUNDS + 1)

/** Raw signatures under way at once; more only lengthen the pauses of the event loop. */
const IN_FLIGHT = 8

/** Length of the bytes that a microblock's signature covers, about. */
const SIGNED_BYTES = 100

type Level = ClassicLevel<Uint8Array, Uint8Array>

function ledgerOf(mesh: BenchMesh, database: Database): Promise<Ledger> {
  const [node] = mesh.nodes as [BenchNode]
  return openLedger(
    { mesh: mesh.name, rootFingerprint: mesh.root.fingerprint, nodeId: node.nodeId },
    {
      database,
      provider: mesh.provider,
      clock: systemClock(),
      sealer: createSealer(mesh.random.bytes(32), mesh.random),
      deviceKey: node.deviceKey,
      findKey: async () => undefined,
    },
  )
}

/** The operations that appends of all `events` come to, of a ledger that forgets them. */
async function recordWrites(
  mesh: BenchMesh,
  { directory, events }: { directory: string; events: readonly NewEvent[][] },
): Promise<Operation[][]> {
  const database = await openDatabase(directory)
  const ledger = await ledgerOf(mesh, database)
  const writes: Operation[][] = []
  for (const group of events) await ledger.append(group, async ({ operations }) => void writes.push([...operations]))
  await database.close()
  return writes
}

function signAlone(node: BenchNode): () => Promise<unknown> {
  const message = new Uint8Array(SIGNED_BYTES)
  const { keyObject } = node.deviceKey
  return () =>
    new Promise((resolve, reject) => {
      sign(null, message, keyObject, (error, signature) => (error ? reject(error) : resolve(signature)))
    })
}

async function measure(mesh: BenchMesh, directory: string): Promise<BenchRow> {
  const [node] = mesh.nodes as [BenchNode]
  const newEvent = (): NewEvent => ({ payload: mesh.random.bytes(PAYLOAD_BYTES), eventType: 'ids_alert' })
  const events = Array.from({ length: APPENDS }, () => Array.from({ length: EVENTS }, newEvent))
  const writes = await recordWrites(mesh, { directory: join(directory, 'recorded'), events })
  const database = await openDatabase(join(directory, 'subject'))
  const ledger = await ledgerOf(mesh, database)
  const level: Level = new ClassicLevel(join(directory, 'floor'), { keyEncoding: 'view', valueEncoding: 'view' })
  const signOne = signAlone(node)
  const figures = await byTurns({
    rounds: ROUNDS,
    subject: () =>
      microsecondsEach(APPENDS_PER_TURN, 1, () =>
        ledger.append(events.pop()!, ({ operations }) => database.commit(operations)),
      ),
    floor: () =>
      microsecondsEach(APPENDS_PER_TURN, 1, async () => {
        await inParallel(EVENTS, IN_FLIGHT, signOne)
        await level.batch(writes.pop()!, { sync: true })
      }),
  })
  await database.close()
  await level.close()
  const perEvent = { value: figures.value / EVENTS, floor: figures.floor / EVENTS }
  return row({ name: 'ledger-append', aim: '<= 1.5', unit: 'µs/event', ...perEvent })
}

/** What the hash chain, the sealing and the bookkeeping of an accepted event cost. */
export const ledgerBenchmark: Benchmark = {
  name: 'ledger',
  rows: ['ledger-append'],
  async run() {
    const mesh = await makeMesh(1)
    return [await inTemporaryDirectory((directory) => measure(mesh, directory))]
  },
}
