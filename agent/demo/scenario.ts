import type { Clock } from '../../core/index.ts'
import type { ControlMethods } from '../control/index.ts'
import type { IngestInput } from '../ingest/index.ts'
import type { LocalMesh } from './mesh.ts'
import type { Narrator } from './narrator.ts'
import { type RevocationReport, type RotationReport, TrustScenario } from './trust-scenario.ts'

/** What the demo found, as `--json` prints it. */
export interface DemoReport {
  readonly ok: boolean
  readonly nodes: number
  /** Alert, notice and weird events read from the log. */
  readonly alerts: number
  /** Anomaly signatures that every node must hold. */
  readonly signatures: number
  /** Records that carried them. */
  readonly records: number
  /** Anomaly signatures held, by node. */
  readonly delivered: Readonly<Record<string, number>>
  readonly offline: { readonly node: string; readonly missed: number; readonly caughtUp: number }
  readonly rotation: RotationReport
  readonly revocation: RevocationReport
  readonly link: { readonly protocol: string; readonly group: string; readonly signature: string }
  readonly elapsedMs: number
}

/** A node's line of the table at the end. */
export interface NodeRow {
  readonly nodeId: string
  readonly role: string
  readonly records: number
  readonly signatures: number
  readonly blocks: number
  readonly chainHolds: boolean
}

export interface Outcome {
  readonly report: DemoReport
  readonly rows: readonly NodeRow[]
}

export interface ScenarioOptions {
  readonly input: IngestInput
  readonly alerts: number
  readonly signal: AbortSignal
}

export interface ScenarioDependencies {
  readonly mesh: LocalMesh
  readonly clock: Clock
  readonly narrator: Narrator
}

/** Signatures published while one node is cut off. */
const MISSED = 12

const LIMIT_MS = 120_000

type Inventory = ControlMethods['records.inventory']['result']

/** The main job from beginning to end; every figure of the report is read from the nodes. */
export class Scenario {
  readonly #options: ScenarioOptions
  readonly #dependencies: ScenarioDependencies
  readonly #sensor: string
  readonly #reporter: string
  readonly #lost: string

  constructor(options: ScenarioOptions, dependencies: ScenarioDependencies) {
    const ids = dependencies.mesh.nodeIds
    const [sensor, reporter, lost] = [ids[0], ids[ids.length > 2 ? 1 : 0], ids.at(-1)]
    if (sensor === undefined || reporter === undefined || lost === undefined)
      throw new TypeError('a mesh has two nodes')
    this.#options = options
    this.#dependencies = dependencies
    this.#sensor = sensor
    this.#reporter = reporter
    this.#lost = lost
  }

  async run(startedMs: number): Promise<Outcome> {
    const { mesh, clock } = this.#dependencies
    const { alerts } = this.#options
    await this.#startAll()
    await this.#deliver(`${alerts} alerts become signed records on every node`, alerts, mesh.nodeIds)
    const link = await this.#link()
    const others = mesh.nodeIds.filter((nodeId) => nodeId !== this.#lost)
    const before = await this.#cutOff()
    await this.#deliver('the others hold what the lost node misses', alerts + MISSED, others)
    await this.#narrate(`${this.#lost} starts again`)
    await mesh.start(this.#lost)
    await this.#deliver(`${this.#lost} catches up`, alerts + MISSED, mesh.nodeIds)
    await this.#narrate('every chain is verified, every inventory compared')
    const inventories = await this.#inventories()
    const rows = await this.#rows(inventories)
    const caughtUp = (inventories.get(this.#lost)?.anomalies ?? 0) - before
    const delivered = Object.fromEntries(rows.map(({ nodeId, signatures }) => [nodeId, signatures]))
    const signatures = alerts + MISSED
    const agreed = agree(inventories, signatures) && rows.every(({ chainHolds }) => chainHolds)
    const { rotation, revocation } = await this.#changeTrust()
    const trustHolds = rotation.rotated === rows.length && rotation.lost === 0 && revocation.refusedBy === others.length
    const report: DemoReport = {
      ok: caughtUp === MISSED && agreed && trustHolds,
      nodes: mesh.nodeIds.length,
      alerts,
      signatures,
      records: inventories.get(this.#sensor)?.records ?? 0,
      delivered,
      offline: { node: this.#lost, missed: MISSED, caughtUp },
      rotation,
      revocation,
      link,
      elapsedMs: Math.round(clock.monotonic() - startedMs),
    }
    return { report, rows }
  }

  async #changeTrust(): Promise<{ rotation: RotationReport; revocation: RevocationReport }> {
    const publishers = [...new Set([this.#sensor, this.#reporter])]
    const { signal } = this.#options
    const trust = new TrustScenario({ publishers, revoked: this.#lost, limitMs: LIMIT_MS, signal }, this.#dependencies)
    return { rotation: await trust.rotate(), revocation: await trust.revoke() }
  }

  async #startAll(): Promise<void> {
    const { mesh } = this.#dependencies
    const ids = mesh.nodeIds
    await this.#narrate(`${ids.length} nodes join over post-quantum links`, ids.length)
    let joined = 0
    await mesh.startAll(ids.slice(1), () => this.#dependencies.narrator.reached(++joined))
    const { path, format } = this.#options.input
    // Folding would make the number of signatures depend on timing, and the demo compares numbers.
    await mesh.start(this.#sensor, [`--${format}`, path, '--ingest-fold', 'false'])
    await this.#connected(ids)
    this.#dependencies.narrator.reached(ids.length)
  }

  #connected(ids: readonly string[]): Promise<void> {
    const { mesh } = this.#dependencies
    return this.#until('all nodes are connected', async () => {
      const all = await Promise.all(ids.map((nodeId) => mesh.client(nodeId).call('status', {})))
      return all.every(({ peers }) => peers.connected >= ids.length - 1)
    })
  }

  async #deliver(text: string, signatures: number, ids: readonly string[]): Promise<void> {
    const { mesh, narrator } = this.#dependencies
    await this.#narrate(text, signatures * ids.length)
    await this.#until(text, async () => {
      const held = await Promise.all(ids.map((nodeId) => mesh.client(nodeId).call('records.inventory', {})))
      narrator.reached(held.reduce((sum, { anomalies }) => sum + anomalies, 0))
      return held.every(({ anomalies }) => anomalies >= signatures)
    })
  }

  /** Kills a node and publishes without it; answers how many signatures it held until then. */
  async #cutOff(): Promise<number> {
    const { mesh, narrator } = this.#dependencies
    await this.#narrate(`${this.#lost} is killed; ${MISSED} more are published on ${this.#reporter}`, MISSED)
    const { anomalies } = await mesh.client(this.#lost).call('records.inventory', {})
    await mesh.end(this.#lost, 'SIGKILL')
    for (let count = 1; count <= MISSED; count += 1) {
      await mesh.client(this.#reporter).call('records.publish', {
        indicator: `demo:outage:${count}`,
        kind: 'mitigation',
        severity: 3,
        source: `192.0.2.${count}`,
      })
      narrator.reached(count)
    }
    return anomalies
  }

  async #link(): Promise<DemoReport['link']> {
    const { nodes } = await this.#dependencies.mesh.client(this.#sensor).call('nodes.list', {})
    const { protocol = '', group = '', signature = '' } = nodes.find(({ link }) => link !== undefined)?.link ?? {}
    return { protocol: String(protocol), group: String(group), signature: String(signature) }
  }

  async #inventories(): Promise<ReadonlyMap<string, Inventory>> {
    const { mesh } = this.#dependencies
    const entries = mesh.nodeIds.map(async (id) => [id, await mesh.client(id).call('records.inventory', {})] as const)
    return new Map(await Promise.all(entries))
  }

  #rows(inventories: ReadonlyMap<string, Inventory>): Promise<NodeRow[]> {
    const { mesh } = this.#dependencies
    return Promise.all(
      [...inventories].map(async ([nodeId, { records, anomalies }]) => {
        const { ledger } = await mesh.client(nodeId).call('status', {})
        const { ok } = await mesh.client(nodeId).call('ledger.check', {})
        return {
          nodeId,
          role: this.#roleOf(nodeId),
          records,
          signatures: anomalies,
          blocks: ledger.headSeq,
          chainHolds: ok,
        }
      }),
    )
  }

  #roleOf(nodeId: string): string {
    if (nodeId === this.#sensor) return 'read the log'
    if (nodeId === this.#lost) return 'killed, came back'
    return nodeId === this.#reporter ? 'published during the outage' : ''
  }

  #narrate(text: string, total?: number): Promise<void> {
    return this.#dependencies.narrator.step(text, total)
  }

  #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const { signal } = this.#options
    return this.#dependencies.mesh.until(what, holds, { limitMs: LIMIT_MS, signal })
  }
}

/** True when every node holds exactly `signatures`, in the same records. */
function agree(inventories: ReadonlyMap<string, Inventory>, signatures: number): boolean {
  const [first] = inventories.values()
  return [...inventories.values()].every(
    ({ anomalies, buckets }) => anomalies === signatures && buckets.join() === first?.buckets.join(),
  )
}
