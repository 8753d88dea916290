import { type Clock, sleep } from '../../core/index.ts'
import type { LocalMesh } from './mesh.ts'
import type { Narrator } from './narrator.ts'

/** What the change of every certificate came to. */
export interface RotationReport {
  /** Nodes that have another certificate than before. */
  readonly rotated: number
  /** Signatures published meanwhile that some node never got. */
  readonly lost: number
}

/** What a revocation came to. */
export interface RevocationReport {
  /** The node that was revoked. */
  readonly node: string
  /** Nodes that closed its connections and refuse it. */
  readonly refusedBy: number
  /** From the arrival of the list at the first node until the last one refused, in milliseconds. */
  readonly withinMs: number
}

export interface TrustScenarioOptions {
  /** Nodes that publish while certificates change. */
  readonly publishers: readonly string[]
  /** The node that is revoked; the list arrives at the first of the others. */
  readonly revoked: string
  readonly limitMs: number
  readonly signal: AbortSignal
}

export interface TrustScenarioDependencies {
  readonly mesh: LocalMesh
  readonly clock: Clock
  readonly narrator: Narrator
}

/** Between two publications, in milliseconds. */
const TRAFFIC_MS = 20

/** Between two looks at who is refused, in milliseconds. */
const LOOK_MS = 10

/** Certificates that change under traffic, and a node that is thrown out. */
export class TrustScenario {
  readonly #options: TrustScenarioOptions
  readonly #dependencies: TrustScenarioDependencies

  constructor(options: TrustScenarioOptions, dependencies: TrustScenarioDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Every node changes its certificate while others publish. */
  async rotate(): Promise<RotationReport> {
    const { mesh, narrator } = this.#dependencies
    const ids = mesh.nodeIds
    await narrator.step(`${ids.length} nodes change their certificates under traffic`, ids.length)
    const [held, serials] = await Promise.all([this.#held(), this.#serials()])
    let changed = 0
    const changes = ids.map(async (nodeId) => {
      await mesh.client(nodeId).call('node.rotate', {})
      narrator.reached(++changed)
    })
    const published = await this.#publishUntil(Promise.all(changes))
    await this.#until(
      'all nodes hold what was published meanwhile',
      async () => (await this.#held()) >= held + published,
    )
    const now = await this.#serials()
    const rotated = ids.filter((_, at) => now[at] !== serials[at]).length
    return { rotated, lost: held + published - (await this.#held()) }
  }

  /** The CA revokes a node; its list is carried to one other node, and comes to the rest from there. */
  async revoke(): Promise<RevocationReport> {
    const { mesh, clock, narrator } = this.#dependencies
    const { revoked, signal } = this.#options
    const others = mesh.nodeIds.filter((nodeId) => nodeId !== revoked)
    const [first = ''] = others
    await narrator.step(`${revoked} is revoked; the list is carried to ${first}`, others.length)
    await mesh.authority().call('ca.revoke', { nodeId: revoked, reason: 'keyCompromise' })
    const der = (await mesh.revocationList(signal)).toString('base64')
    const arrivedMs = clock.monotonic()
    await mesh.client(first).call('crl.import', { der })
    let refusing = 0
    await this.#until(`${revoked} is refused by all others`, async () => {
      const views = await Promise.all(others.map((nodeId) => this.#refuses(nodeId)))
      refusing = views.filter((refuses) => refuses).length
      narrator.reached(refusing)
      return refusing === others.length
    })
    const withinMs = Math.round(clock.monotonic() - arrivedMs)
    await this.#until(`${revoked} stays alone`, async () => {
      const { peers } = await mesh.client(revoked).call('status', {})
      return peers.connected === 0
    })
    return { node: revoked, refusedBy: refusing, withinMs }
  }

  async #refuses(nodeId: string): Promise<boolean> {
    const { nodes } = await this.#dependencies.mesh.client(nodeId).call('nodes.list', {})
    const seen = nodes.find((node) => node.nodeId === this.#options.revoked)
    return seen === undefined || (!seen.connected && seen.verdict === 'untrusted')
  }

  /** Publishes on every publisher in turn until `end` resolves; answers how many signatures that were. */
  async #publishUntil(end: Promise<unknown>): Promise<number> {
    const { mesh, clock } = this.#dependencies
    const { publishers, signal } = this.#options
    let ended = false
    const ending = end.finally(() => {
      ended = true
    })
    let count = 0
    while (!ended) {
      const publisher = mesh.client(publishers[count % publishers.length] ?? '')
      const indicator = `demo:rotation:${count + 1}`
      await publisher.call('records.publish', { indicator, kind: 'mitigation', severity: 2 })
      count += 1
      await sleep(clock, TRAFFIC_MS, signal)
    }
    await ending
    return count
  }

  /** Signatures that every node holds. */
  async #held(): Promise<number> {
    const { mesh } = this.#dependencies
    const inventories = mesh.nodeIds.map((nodeId) => mesh.client(nodeId).call('records.inventory', {}))
    return Math.min(...(await Promise.all(inventories)).map(({ anomalies }) => anomalies))
  }

  async #serials(): Promise<string[]> {
    const { mesh } = this.#dependencies
    const states = await Promise.all(mesh.nodeIds.map((nodeId) => mesh.client(nodeId).call('status', {})))
    return states.map(({ certificate }) => certificate.serialNumber)
  }

  #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const { limitMs, signal } = this.#options
    return this.#dependencies.mesh.until(what, holds, { limitMs, signal, pollMs: LOOK_MS })
  }
}
