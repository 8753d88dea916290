// All nodes of a mesh report at once: with everything checked and kept, beside the same bytes through the same libp2p.

import { join } from 'node:path'
import { loadConfig } from '../agent/config/index.ts'
import { type RunningNode, startNode } from '../agent/index.ts'
import type { IngestEvent } from '../agent/ingest/index.ts'
import { RecordInbox } from '../agent/node/inbox.ts'
import { MeshTrust } from '../agent/node/trust.ts'
import { silentLogger, sleep, systemClock, systemRandom } from '../core/index.ts'
import { openDatabase } from '../core/store/index.ts'
import { createNativeProvider } from '../crypto/index.ts'
import { createOverlay, type Overlay, type RecordPort } from '../overlay/index.ts'
import { type CheckedRecord, signRecord } from '../records/index.ts'
import { openRecordStore } from '../records/store/index.ts'
import { type Benchmark, type BenchRow, byTurns, inTemporaryDirectory, median, row } from './harness.ts'
import { type BenchHome, enrolHomes } from './homes.ts'
import { meshTls } from './links.ts'
import { anomaly, anomalyContent, type BenchMesh, type BenchNode, makeMesh } from './mesh.ts'

const NODES = 4

/** Longest time that a storm may take, in milliseconds; it is stuck then. */
const PATIENCE_MS = 120_000

/** One storm is over so soon that it says little: a turn is so many, and their median counts. */
const STORMS_PER_TURN = 5

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

/** What every node will hold when all `items` are everywhere. Taken before any is stored: catch-up may find it at once. */
function goalsOf<Item>(nodes: readonly StormNode<Item>[], items: readonly (readonly Item[])[]): readonly number[] {
  const records = items.reduce((sum, own) => sum + own.length, 0)
  return nodes.map(({ held }) => held.count + records)
}

/** Signatures a second, from the first send to the moment when the last node holds everything. */
async function stormRate<Item>(
  nodes: readonly StormNode<Item>[],
  storm: { items: readonly (readonly Item[])[]; goals: readonly number[]; signatures: number },
): Promise<number> {
  const { items, goals, signatures } = storm
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

/** An overlay as the agent has it, over one kind of record side, without chains. */
interface OverlayNode extends StormNode<CheckedRecord> {
  readonly overlay: Overlay
  /** Stores an own record, as everything is that may be sent. */
  readonly keep: (own: CheckedRecord) => Promise<unknown>
  readonly close: () => Promise<void>
}

/** What a node does with records: those it sends, and those it receives. */
interface RecordSide {
  readonly port: RecordPort
  readonly keep: (own: CheckedRecord) => Promise<unknown>
  readonly close: () => Promise<void>
}

/** Takes everything, keeps nothing. */
function bareSide(held: Tally): RecordSide {
  const none = async () => []
  return {
    port: {
      receive: async () => {
        held.add()
        return 'accept'
      },
      receiveCertificates: async () => {},
      buckets: none,
      prefixes: none,
      ids: none,
      missing: none,
      read: none,
      chainsFor: none,
    },
    keep: async () => {},
    close: async () => {},
  }
}

/** The record side of an agent: every record verified, then stored and synced. */
async function checkingSide(mesh: BenchMesh, directory: string, held: Tally): Promise<RecordSide> {
  const [clock, logger, provider] = [systemClock(), silentLogger(), createNativeProvider()]
  const database = await openDatabase(directory)
  const records = await openRecordStore({}, { database, clock, logger })
  const identity = { mesh: mesh.name, rootFingerprint: mesh.root.fingerprint, root: mesh.root }
  const trust = new MeshTrust(identity, { provider, clock, records })
  for (const { chain } of mesh.nodes) await trust.learn(chain.map(({ der }) => der))
  const fetchCertificates = () => {}
  const port = new RecordInbox({ clock, logger, provider, records, trust, fetchCertificates, onAdmitted: held.add })
  return {
    port,
    keep: (own) => records.admit(own, clock.now()),
    close: async () => {
      await records.close()
      await database.close()
    },
  }
}

async function startOverlayNode(
  mesh: BenchMesh,
  node: BenchNode,
  { bootstrap, held, side }: { bootstrap: readonly string[]; held: Tally; side: RecordSide },
): Promise<OverlayNode> {
  const overlay = await createOverlay(
    { mesh: mesh.name, privateKey: node.overlaySeed, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap, maxPeers: 50 },
    {
      clock: systemClock(),
      random: mesh.random,
      logger: silentLogger(),
      records: side.port,
      chains: {
        heads: async () => [],
        learn: async () => ({ kind: 'known' }),
        read: async () => [],
        receive: async () => 'accept',
      },
      encrypter: (sink) => meshTls(mesh, node, { sink }),
    },
  )
  await overlay.start()
  const send = async (record: CheckedRecord) => {
    held.add()
    await overlay.publish(record.bytes, 'anomaly')
  }
  const close = async () => {
    await overlay.stop()
    await side.close()
  }
  return { held, send, overlay, close, keep: side.keep }
}

async function startOverlayNodes(mesh: BenchMesh, sideOf: (node: BenchNode, held: Tally) => Promise<RecordSide>) {
  const nodes: OverlayNode[] = []
  for (const node of mesh.nodes) {
    const bootstrap = nodes.flatMap(({ overlay }) => overlay.addresses())
    const held = new Tally()
    nodes.push(await startOverlayNode(mesh, node, { bootstrap, held, side: await sideOf(node, held) }))
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

/** Makes signed records before the clock starts; their sequences rise, as a node's do. */
class RecordMaker {
  readonly #mesh: BenchMesh
  #sequence = 0

  constructor(mesh: BenchMesh) {
    this.#mesh = mesh
  }

  /** One storm: the records of each node. */
  make(storm: Storm): Promise<CheckedRecord[][]> {
    return Promise.all(this.#mesh.nodes.map((node) => this.#ofNode(node, storm)))
  }

  async #ofNode(node: BenchNode, { recordsPerNode, signaturesPerRecord }: Storm): Promise<CheckedRecord[]> {
    const records: CheckedRecord[] = []
    while (records.length < recordsPerNode) {
      const signatures = Array.from({ length: signaturesPerRecord }, () => anomaly(this.#mesh))
      this.#sequence += 1
      const content = anomalyContent(node, { signatures, sequence: this.#sequence })
      records.push(await signRecord(content, node.signer, { policy: 'hybrid' }))
    }
    return records
  }
}

/** Meshes of the same shape in this one process; those that do not storm are idle. */
class Weather {
  readonly #mesh: BenchMesh
  readonly #agents: readonly RunningNode[]
  readonly #full: readonly StormNode<readonly IngestEvent[]>[]
  readonly #checking: readonly OverlayNode[]
  readonly #bare: readonly OverlayNode[]
  readonly #maker: RecordMaker

  constructor(mesh: BenchMesh, meshes: { agents: RunningNode[]; checking: OverlayNode[]; bare: OverlayNode[] }) {
    this.#mesh = mesh
    this.#agents = meshes.agents
    this.#full = meshes.agents.map(stormNodeOf)
    this.#checking = meshes.checking
    this.#bare = meshes.bare
    this.#maker = new RecordMaker(mesh)
  }

  /** The same signed bytes through a mesh that checks and keeps them and through one that does not. */
  async measure(name: string, aim: string, storm: Storm): Promise<BenchRow> {
    const rate = (nodes: readonly OverlayNode[]) => () => this.#medianRate(nodes, storm)
    const figures = await byTurns({ rounds: storm.rounds, subject: rate(this.#checking), floor: rate(this.#bare) })
    return row({ name, aim, unit: 'signatures/s', ...figures })
  }

  /** What whole agents make of it: chaining and signing on the way out, chains of the whole mesh kept. */
  async measureAgents(name: string, storm: Storm): Promise<BenchRow> {
    const perNode = <Item>(make: () => Item) => Array.from({ length: storm.recordsPerNode }, make)
    const subject = async () => {
      const items = this.#mesh.nodes.map(() => perNode(() => eventsOf(this.#mesh, storm.signaturesPerRecord)))
      const goals = goalsOf(this.#full, items)
      const rate = await stormRate(this.#full, { items, goals, signatures: signaturesOf(storm) })
      await until(() => this.#atRest())
      return rate
    }
    const figures = await byTurns({ rounds: storm.rounds, subject, floor: () => this.#medianRate(this.#bare, storm) })
    return row({ name, aim: '', unit: 'signatures/s', ...figures })
  }

  async #medianRate(nodes: readonly OverlayNode[], storm: Storm): Promise<number> {
    const rates: number[] = []
    while (rates.length < STORMS_PER_TURN) {
      const items = await this.#maker.make(storm)
      const goals = goalsOf(nodes, items)
      await Promise.all(items.flatMap((own, at) => own.map((record) => nodes[at]!.keep(record))))
      rates.push(await stormRate(nodes, { items, goals, signatures: signaturesOf(storm) }))
    }
    return median(rates)
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
    await Promise.all([...this.#checking, ...this.#bare].map((node) => node.close()))
  }
}

function signaturesOf({ recordsPerNode, signaturesPerRecord }: Storm): number {
  return NODES * recordsPerNode * signaturesPerRecord
}

async function startWeather(directory: string): Promise<Weather> {
  const mesh = await makeMesh(NODES)
  const checking = await startOverlayNodes(mesh, ({ nodeId }, held) =>
    checkingSide(mesh, join(directory, nodeId), held),
  )
  const bare = await startOverlayNodes(mesh, async (_node, held) => bareSide(held))
  const agents = await startAgents(await enrolHomes(directory, NODES))
  await sleep(systemClock(), 2_000) // two heartbeats: gossip meshes are formed
  return new Weather(mesh, { agents, checking, bare })
}

const COALESCED: Storm = { recordsPerNode: 16, signaturesPerRecord: 64, rounds: 4 }
const SINGLE: Storm = { recordsPerNode: 60, signaturesPerRecord: 1, rounds: 4 }

/** What checking and keeping costs a mesh in a storm. */
export const stormBenchmark: Benchmark = {
  name: 'storm',
  rows: ['storm-coalesced', 'storm-single', 'storm-agents-coalesced', 'storm-agents-single'],
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const weather = await startWeather(directory)
      try {
        return [
          await weather.measure('storm-coalesced', '>= 0.7', COALESCED),
          await weather.measure('storm-single', '>= 0.3', SINGLE),
          await weather.measureAgents('storm-agents-coalesced', { ...COALESCED, recordsPerNode: 8 }),
          await weather.measureAgents('storm-agents-single', SINGLE),
        ]
      } finally {
        await weather.stop()
      }
    }),
}
