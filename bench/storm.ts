// All nodes of a mesh report at once: with everything checked and kept, beside the same bytes through the same libp2p.

import { loadConfig } from '../agent/config/index.ts'
import { type RunningNode, startNode } from '../agent/index.ts'
import type { IngestEvent } from '../agent/ingest/index.ts'
import { silentLogger, sleep, systemClock, systemRandom } from '../core/index.ts'
import { createOverlay, type Overlay } from '../overlay/index.ts'
import { signRecord } from '../records/index.ts'
import { type Benchmark, type BenchRow, byTurns, inTemporaryDirectory, median, row } from './harness.ts'
import { type BenchHome, enrolHomes } from './homes.ts'
import { meshTls } from './links.ts'
import { anomaly, anomalyContent, type BenchMesh, type BenchNode, makeMesh } from './mesh.ts'

const NODES = 4

/** Longest time that a storm may take, in milliseconds; it is stuck then. */
const PATIENCE_MS = 120_000

/** The bare mesh is done so soon that one storm says little: it has so many in each turn. */
const BARE_STORMS = 10

/** Length of an alert as Suricata writes it, about. */
const PAYLOAD_BYTES = 600

/** One storm: what every node sends. */
interface Storm {
  readonly recordsPerNode: number
  readonly signaturesPerRecord: number
  readonly rounds: number
}

/** A node in a storm, whether it checks what it receives or not. */
interface StormNode<Item> {
  /** Resolves when the node may send the next one. */
  readonly send: (item: Item) => Promise<unknown>
  /** Records that this node holds, its own included. */
  readonly held: Tally
}

/** Counts up, and tells when it has come so far. */
class Tally {
  count = 0
  #goal = Number.POSITIVE_INFINITY
  #reached = () => {}

  readonly add = (): void => {
    this.count += 1
    if (this.count >= this.#goal) this.#reached()
  }

  reach(goal: number): Promise<void> {
    if (this.count >= goal) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#goal = goal
      const giveUp = systemClock().setTimer(PATIENCE_MS, () => reject(new Error(`${this.count} of ${goal} arrived`)))
      this.#reached = () => {
        giveUp.cancel()
        resolve()
      }
    })
  }
}

/** Signatures a second, from the first send to the moment when the last node holds everything. */
async function stormRate<Item>(
  nodes: readonly StormNode<Item>[],
  { items, signatures }: { items: readonly (readonly Item[])[]; signatures: number },
): Promise<number> {
  const records = items.reduce((sum, own) => sum + own.length, 0)
  const goals = nodes.map(({ held }) => held.count + records)
  const started = performance.now()
  const sent = nodes.map(async ({ send }, at) => {
    for (const item of items[at] ?? []) await send(item)
  })
  await Promise.all([...sent, ...nodes.map(({ held }, at) => held.reach(goals[at]!))])
  return (signatures * 1000) / (performance.now() - started)
}

/** Waits until `holds`; nothing that is measured waits here. */
async function until(holds: () => boolean): Promise<void> {
  const clock = systemClock()
  const endMs = clock.monotonic() + PATIENCE_MS
  while (!holds()) {
    if (clock.monotonic() > endMs) throw new Error('the mesh did not come to rest')
    await sleep(clock, 20)
  }
}

const isComplete = (overlay: Overlay) => overlay.state().inGossip === NODES - 1

async function startAgents(homes: readonly BenchHome[]): Promise<RunningNode[]> {
  const nodes: RunningNode[] = []
  for (const { home, unlock } of homes) {
    const flags = {
      'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
      'mesh.bootstrap': nodes.flatMap((node) => node.parts.overlay.addresses()),
      'mesh.mdns': 'false',
    }
    const config = await loadConfig({ home: home.directory, flags, env: {}, workingDirectory: home.directory })
    const dependencies = { clock: systemClock(), random: systemRandom(), logger: silentLogger() }
    nodes.push(await startNode({ home, config, unlock }, dependencies))
  }
  await until(() => nodes.every((node) => isComplete(node.parts.overlay) && node.appending === 'appending'))
  return nodes
}

function stormNodeOf(node: RunningNode): StormNode<readonly IngestEvent[]> {
  const held = new Tally()
  node.onRecord(held.add)
  return { held, send: (events) => node.publish(events) }
}

/** The overlay as the agent has it, before ports that take everything and keep nothing. */
async function startBareNode(
  mesh: BenchMesh,
  node: BenchNode,
  bootstrap: readonly string[],
): Promise<StormNode<Uint8Array> & { overlay: Overlay }> {
  const held = new Tally()
  const overlay = await createOverlay(
    { mesh: mesh.name, privateKey: node.overlaySeed, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap, maxPeers: 50 },
    {
      clock: systemClock(),
      random: mesh.random,
      logger: silentLogger(),
      records: {
        receive: async () => {
          held.add()
          return 'accept'
        },
        receiveCertificates: async () => {},
        buckets: async () => [],
        prefixes: async () => [],
        ids: async () => [],
        missing: async () => [],
        read: async () => [],
        chainsFor: async () => [],
      },
      chains: {
        heads: async () => [],
        learn: async () => undefined,
        read: async () => [],
        receive: async () => 'accept',
      },
      encrypter: (sink) => meshTls(mesh, node, { sink }),
    },
  )
  await overlay.start()
  const send = async (record: Uint8Array) => {
    held.add()
    await overlay.publish(record, 'anomaly')
  }
  return { held, send, overlay }
}

async function startBareNodes(mesh: BenchMesh) {
  const nodes: Awaited<ReturnType<typeof startBareNode>>[] = []
  for (const node of mesh.nodes) {
    const known = nodes.flatMap(({ overlay }) => overlay.addresses())
    nodes.push(await startBareNode(mesh, node, known))
  }
  await until(() => nodes.every(({ overlay }) => isComplete(overlay)))
  return nodes
}

/** Events with fresh payloads, as many as one record carries. */
function eventsOf(mesh: BenchMesh, count: number): IngestEvent[] {
  return Array.from({ length: count }, () => {
    const { blockId: _, ...signature } = anomaly(mesh)
    return { eventType: 'ids_alert', payload: mesh.random.bytes(PAYLOAD_BYTES), signature }
  })
}

/** Signed records of the same size, made before the clock starts. */
async function recordsOf(mesh: BenchMesh, node: BenchNode, storm: Storm): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for (let left = storm.recordsPerNode; left > 0; left -= 1) {
    const signatures = Array.from({ length: storm.signaturesPerRecord }, () => anomaly(mesh))
    const content = anomalyContent(node, { signatures, sequence: left })
    records.push((await signRecord(content, node.signer, { policy: 'hybrid' })).bytes)
  }
  return records
}

/** Two meshes of the same shape in this one process; the one that does not storm is idle. */
class Weather {
  readonly #mesh: BenchMesh
  readonly #agents: readonly RunningNode[]
  readonly #full: readonly StormNode<readonly IngestEvent[]>[]
  readonly #bare: Awaited<ReturnType<typeof startBareNodes>>

  constructor(mesh: BenchMesh, agents: readonly RunningNode[], bare: Awaited<ReturnType<typeof startBareNodes>>) {
    this.#mesh = mesh
    this.#agents = agents
    this.#full = agents.map(stormNodeOf)
    this.#bare = bare
  }

  async measure(name: string, aim: string, storm: Storm): Promise<BenchRow> {
    const mesh = this.#mesh
    const signatures = NODES * storm.recordsPerNode * storm.signaturesPerRecord
    const perNode = <Item>(make: () => Item) => Array.from({ length: storm.recordsPerNode }, make)
    const figures = await byTurns({
      rounds: storm.rounds,
      subject: async () => {
        const items = mesh.nodes.map(() => perNode(() => eventsOf(mesh, storm.signaturesPerRecord)))
        const rate = await stormRate(this.#full, { items, signatures })
        await until(() => this.#atRest())
        return rate
      },
      floor: async () => {
        const rates: number[] = []
        while (rates.length < BARE_STORMS) {
          const items = await Promise.all(mesh.nodes.map((node) => recordsOf(mesh, node, storm)))
          rates.push(await stormRate(this.#bare, { items, signatures }))
        }
        return median(rates)
      },
    })
    return row({ name, aim, unit: 'signatures/s', ...figures })
  }

  /** The microblocks follow the records; they are fetched between the measurements. */
  #atRest(): boolean {
    const ledgers = this.#agents.map(({ parts }) => parts.ledger)
    return ledgers.every((ledger) =>
      ledgers.every((other) => ledger.head(other.nodeId)?.seq === other.head(other.nodeId)?.seq),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((node) => node.stop()))
    await Promise.all(this.#bare.map(({ overlay }) => overlay.stop()))
  }
}

/** What signing, checking and keeping costs a mesh in a storm. */
export const stormBenchmark: Benchmark = {
  name: 'storm',
  rows: ['storm-coalesced', 'storm-single'],
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const mesh = await makeMesh(NODES)
      const weather = new Weather(
        mesh,
        await startAgents(await enrolHomes(directory, NODES)),
        await startBareNodes(mesh),
      )
      await sleep(systemClock(), 2_000) // two heartbeats: gossip meshes are formed
      try {
        return [
          await weather.measure('storm-coalesced', '>= 0.7', {
            recordsPerNode: 8,
            signaturesPerRecord: 64,
            rounds: 4,
          }),
          await weather.measure('storm-single', '>= 0.3', { recordsPerNode: 60, signaturesPerRecord: 1, rounds: 4 }),
        ]
      } finally {
        await weather.stop()
      }
    }),
}
