import { appendFile } from 'node:fs/promises'
import t from 'tap'
import { randomBelow, SimulatedRandom, sleep } from '../../core/index.ts'
import { anomalies, clock, eveLine, limit, makeMesh, SEED } from './crash-mesh.ts'

const ROUNDS = Number(process.env.GAPMESH_CRASH_ROUNDS ?? 6)
const EVENTS_PER_ROUND = 40

t.test('killing any process at any moment loses nothing accepted', async (t) => {
  t.comment(`seed ${SEED}, ${ROUNDS} rounds`)
  const random = new SimulatedRandom(SEED)
  const { mesh, log } = await makeMesh(t, 3)
  const [sensor = '', second = '', third = ''] = mesh.nodeIds
  const ids = [sensor, second, third]
  const start = (nodeId: string) =>
    mesh.start(nodeId, nodeId === sensor ? ['--eve', log, '--ingest-fold', 'false'] : [])
  await Promise.all(ids.map(start))
  let written = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const lines = Array.from({ length: EVENTS_PER_ROUND }, (_, at) => eveLine(written + at)).join('')
    written += EVENTS_PER_ROUND
    await appendFile(log, lines)
    await sleep(clock, randomBelow(random, 500))
    const victim = ids[round === 0 ? 0 : randomBelow(random, ids.length)] ?? sensor
    await mesh.end(victim, 'SIGKILL')
    await sleep(clock, randomBelow(random, 200))
    await start(victim)
  }
  for (const nodeId of ids) {
    await mesh.until(`${nodeId} holds everything`, async () => (await anomalies(mesh, nodeId)) >= written, limit)
    t.equal(await anomalies(mesh, nodeId), written, `${nodeId} holds every alert exactly once`)
    const check = await mesh.client(nodeId).call('ledger.check', {})
    t.same({ ok: check.ok, problems: check.problems }, { ok: true, problems: [] }, `${nodeId}: every chain verifies`)
  }
  const { ledger } = await mesh.client(sensor).call('status', {})
  t.equal(ledger.headSeq, written, 'one block an alert')
})
