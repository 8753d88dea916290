import { appendFile, cp, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { nodeHome, readIdentity } from '../../agent/index.ts'
import { decodePosition, loadPositions } from '../../agent/ingest/index.ts'
import { randomBelow, SimulatedRandom, silentLogger } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { checkLedger } from '../../ledger/store/index.ts'
import { decodeAnomalyBody } from '../../records/index.ts'
import { openRecordStore } from '../../records/store/index.ts'
import { anomalies, chains, clock, eveLine, limit, makeMesh, SEED } from './crash-mesh.ts'

const LOG_CUTS = Number(process.env.GAPMESH_LOG_CUTS ?? 25)

/** What the rooms of a database say of themselves; equal figures mean that one moment is stored. */
async function stateOf(path: string, nodeId: string) {
  const database = await openDatabase(path)
  try {
    const records = await openRecordStore({}, { database, clock, logger: silentLogger() })
    let signatures = 0
    for await (const { record } of records.list({ origin: nodeId })) signatures += decodeAnomalyBody(record.body).length
    const { missing } = records.counts()
    await records.close()
    const { problems, blocksChecked } = await checkLedger({ nodeId, scope: 'full' }, { database })
    const [position] = (await loadPositions(database)).values()
    return {
      signatures,
      missing,
      problems,
      blocks: blocksChecked,
      position: position && decodePosition(position).offset,
    }
  } finally {
    await database.close()
  }
}

async function newestLog(directory: string): Promise<string> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log')).sort()
  return join(directory, logs.at(-1) ?? '')
}

t.test('a cut log is the state of some moment, and the node goes on from there', async (t) => {
  t.comment(`seed ${SEED}, ${LOG_CUTS} cuts`)
  const random = new SimulatedRandom(SEED)
  const { mesh, directory, log } = await makeMesh(t, 2)
  const [sensor = '', other = ''] = mesh.nodeIds
  const args = ['--eve', log, '--ingest-fold', 'false', '--ingest-window-ms', '20']
  await Promise.all([mesh.start(sensor, args), mesh.start(other)])
  let written = 0
  for (let burst = 0; burst < 12; burst += 1) {
    const size = 1 + randomBelow(random, 30)
    await appendFile(log, Array.from({ length: size }, (_, at) => eveLine(written + at)).join(''))
    written += size
    await mesh.until('the burst is accepted', async () => (await anomalies(mesh, sensor)) === written, limit)
  }
  await mesh.until('the other node holds everything', async () => (await anomalies(mesh, other)) === written, limit)
  await mesh.until('the other node holds the chain', async () => (await chains(mesh, other)).blocks === written, limit)
  await mesh.end(sensor, 'SIGKILL')

  const home = nodeHome(mesh.homeOf(sensor))
  const { nodeId } = await readIdentity(home)
  const offsets = [0]
  for (let number = 0; number < written; number += 1) offsets.push((offsets.at(-1) ?? 0) + eveLine(number).length)
  const copy = join(directory, 'cut')
  const seen = new Set<number>()
  for (let cut = 0; cut < LOG_CUTS; cut += 1) {
    await rm(copy, { recursive: true, force: true })
    await cp(home.database, copy, { recursive: true })
    const file = await newestLog(copy)
    const { size } = await stat(file)
    await using handle = await open(file, 'r+')
    await handle.truncate(randomBelow(random, size))
    const state = await stateOf(copy, nodeId)
    t.same(state.problems, [], 'the chain holds')
    t.equal(state.missing, 0)
    t.equal(state.signatures, state.blocks, 'as many signatures as blocks')
    t.ok(offsets.indexOf(state.position ?? 0) >= state.blocks, 'the position is behind the blocks, never ahead of them')
    t.equal(offsets.indexOf(state.position ?? 0), state.blocks, 'the position is exactly after the last block')
    seen.add(state.blocks)
  }
  t.ok(seen.size > 3, 'the cuts showed different moments')

  const file = await newestLog(home.database)
  const { size } = await stat(file)
  {
    await using handle = await open(file, 'r+')
    await handle.truncate(Math.floor(size / 2))
  }
  const lost = await stateOf(home.database, nodeId)
  t.ok(lost.blocks < written, 'the cut lost accepted blocks')
  await mesh.start(sensor, args)
  await appendFile(log, eveLine(written))
  const reread = written - lost.blocks + 1
  const expected = written + reread
  for (const id of [sensor, other]) {
    await mesh.until(`${id} holds old and new`, async () => (await anomalies(mesh, id)) >= expected, limit)
    t.equal(await anomalies(mesh, id), expected, `${id}: lost lines were read again, nothing was lost`)
    t.same((await chains(mesh, id)).problems, [], `${id}: chains verify`)
  }
  const { ledger, append } = await mesh.client(sensor).call('status', {})
  t.equal(append, 'appending')
  t.equal(ledger.headSeq, expected, 'no sequence number was used twice')
})
