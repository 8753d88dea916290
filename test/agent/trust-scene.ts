/** What a node knows of trust, on a real database with a simulated clock: no overlay, no CA but its keys. */
import type { Test } from 'tap'
import { NodeClock } from '../../agent/node/clock.ts'
import { Pseudonyms } from '../../agent/node/pseudonyms.ts'
import { RevocationDesk } from '../../agent/node/revocation-desk.ts'
import { Revocations } from '../../agent/node/revocations.ts'
import { MeshTrust, type StalenessPolicies } from '../../agent/node/trust.ts'
import { SimulatedClock, silentLogger } from '../../core/index.ts'
import { type Database, openDatabase } from '../../core/store/index.ts'
import { writeCrl } from '../../enrollment/crl/index.ts'
import type { Authority } from '../../enrollment/index.ts'
import { openListStore } from '../../enrollment/node/index.ts'
import { openRecordStore } from '../../records/store/index.ts'
import { makeNodeKeystore, testDependencies } from '../helpers/ca.ts'
import { contentOf, HOUR_MS, type ListChanges } from '../helpers/crl.ts'
import { makeTestMesh, type TestMesh, type TestMeshOptions } from '../helpers/pki.ts'

export const DAY_MS = 86_400_000

export interface SceneOptions extends TestMeshOptions {
  readonly staleness?: StalenessPolicies
  /** Default: ten days before the mesh's now. */
  readonly releasedAtMs?: number
  /** What the machine's clock shows at the start. */
  readonly machineMs?: number
}

/** A list of a CA, by default of the mesh's now; DER. */
export function listOf(mesh: TestMesh, issuer: Authority, changes: ListChanges = {}): Promise<Uint8Array> {
  const thisUpdateMs = Math.floor(mesh.nowMs / 1000) * 1000
  const times = { thisUpdateMs, nextUpdateMs: (changes.thisUpdateMs ?? thisUpdateMs) + 24 * HOUR_MS }
  return writeCrl(contentOf(issuer, { ...times, ...changes }), issuer.keys)
}

/** A node's database that can be opened more than once. */
export async function trustScene(t: Test, options: SceneOptions = {}) {
  const mesh = await makeTestMesh({ nodes: ['sensor-1', 'sensor-2'], ...options })
  const machine = new SimulatedClock(options.machineMs ?? mesh.nowMs)
  const directory = t.testdir()
  const keystore = await makeNodeKeystore(`${directory}/keys`, testDependencies())
  t.teardown(() => keystore.close())
  const open = async () => {
    const database = await openDatabase(`${directory}/db`)
    return openTrust({ mesh, machine, database, keystore }, options)
  }
  return { mesh, machine, open }
}

async function openTrust(
  {
    mesh,
    machine,
    database,
    keystore,
  }: {
    mesh: TestMesh
    machine: SimulatedClock
    database: Database
    keystore: Awaited<ReturnType<typeof makeNodeKeystore>>
  },
  { staleness, releasedAtMs = mesh.nowMs - 10 * DAY_MS }: SceneOptions,
) {
  const logger = silentLogger()
  const clock = await NodeClock.open({ releasedAtMs }, { database, clock: machine, logger })
  const records = await openRecordStore({}, { database, clock, logger })
  const revocations = new Revocations()
  const { certificate: root } = mesh.root
  const { provider } = mesh
  const trust = new MeshTrust(
    { mesh: mesh.mesh, rootFingerprint: root.fingerprint, root, staleness, listsDueMs: mesh.nowMs + DAY_MS },
    { provider, clock, records, revocations },
  )
  const kept: number[] = []
  const pseudonyms = new Pseudonyms(
    { epoch: 1, key: new Uint8Array(32).fill(1) },
    { clock, logger, keystore, revocations, keepEpoch: async (epoch) => void kept.push(epoch) },
  )
  const changes: boolean[] = []
  const onChange = (revoked: boolean) => void changes.push(revoked)
  const store = openListStore(database)
  const desk = new RevocationDesk({ clock, logger, provider, store, revocations, pseudonyms, onChange })
  const close = async () => {
    await desk.close()
    await records.close()
    await clock.close()
    await database.close()
  }
  return { clock, records, revocations, trust, pseudonyms, kept, desk, store, changes, database, keystore, close }
}
