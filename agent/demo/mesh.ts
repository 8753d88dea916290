import { rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Clock, isGapmeshError, sleep } from '../../core/index.ts'
import { makeDirectory } from '../../core/store/index.ts'
import { ControlClient, controlSocketPath } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { type CommandInput, GapmeshProcess } from './processes.ts'

export interface MeshOptions {
  /** Directory of all homes; made when it is not there. */
  readonly directory: string
  /** Number of nodes, called `node-1` and so on. */
  readonly nodes: number
}

export interface MeshDependencies {
  readonly clock: Clock
}

/** A node of the mesh: its home, its place, and its process while it runs. */
interface DemoNode {
  readonly nodeId: string
  readonly home: string
  readonly address: string
  process: GapmeshProcess | undefined
}

const MESH = 'demo'
const POLL_MS = 50
const TOKEN_VALID_MS = 600_000

/** How many processes start at the same time: more would only make each of them slower. */
const STARTING = Math.max(2, Math.min(availableParallelism(), 4))

/** Processes that did not end this long after they were asked to are killed, in milliseconds. */
const END_PATIENCE_MS = 5_000

/** A CA and nodes on loopback, each in a process of its own, enrolled as an operator would do it. */
export class LocalMesh {
  readonly #options: MeshOptions
  readonly #dependencies: MeshDependencies
  readonly #nodes: DemoNode[] = []
  /** Whatever runs, commands included. */
  readonly #processes = new Set<GapmeshProcess>()
  #closed = false

  constructor(options: MeshOptions, dependencies: MeshDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get nodeIds(): readonly string[] {
    return this.#nodes.map(({ nodeId }) => nodeId)
  }

  /** Makes the CA, serves it from now on, and lets every node enrol with a token of its own. */
  async enrol(onEnrolled: (nodeId: string) => void = () => {}): Promise<void> {
    const { directory, nodes } = this.#options
    await makeDirectory(this.#cache)
    const common = ['--home', this.#caHome, '--key-file', join(directory, 'ca.key'), '--json']
    await this.#spawn({ args: ['ca', 'init', '--mesh', MESH, ...common] }).result()
    const server = this.#spawn({ args: ['ca', 'serve', '--listen', '127.0.0.1:0', ...common] })
    const { url } = await server.ready()
    for (let number = 1; number <= nodes; number += 1) this.#nodes.push(await this.#place(`node-${number}`))
    await severally(this.#nodes, async (node) => {
      await this.#enrolOne(node, String(url))
      onEnrolled(node.nodeId)
    })
  }

  /** The control socket of the serving CA. */
  authority(): ControlClient {
    return new ControlClient({ path: controlSocketPath(this.#caHome) }, this.#dependencies)
  }

  /** The CA's newest full revocation list, DER. */
  async revocationList(signal: AbortSignal): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const { bytes } of this.authority().stream('crl.read', { kind: 'full' }, signal)) {
      pieces.push(Buffer.from(bytes, 'base64'))
    }
    return Buffer.concat(pieces)
  }

  async #place(nodeId: string): Promise<DemoNode> {
    const home = join(this.#options.directory, nodeId)
    return { nodeId, home, address: `/ip4/127.0.0.1/tcp/${await freePort()}`, process: undefined }
  }

  /** The token comes from the CA's control socket, as `gapmesh ca token` gets it while the CA serves. */
  async #enrolOne({ nodeId, home, address }: DemoNode, url: string): Promise<void> {
    const { token } = await this.authority().call('ca.token', { validForMs: TOKEN_VALID_MS, nodeId })
    const where = ['--home', home, '--key-file', this.#keyFileOf(nodeId), '--address', address]
    const args = ['node', 'enroll', '--ca', url, '--node-id', nodeId, ...where, '--json']
    await this.#spawn({ args, env: { GAPMESH_TOKEN: token } }).result()
  }

  /** Starts nodes, a few at a time; resolves when all say that they are ready. */
  async startAll(nodeIds: readonly string[], onReady: (nodeId: string) => void = () => {}): Promise<void> {
    await severally(nodeIds, async (nodeId) => {
      await this.start(nodeId)
      onReady(nodeId)
    })
  }

  /** Starts a node; resolves when it says that it is ready. `args` are added to those of the mesh. */
  async start(nodeId: string, args: readonly string[] = []): Promise<void> {
    const node = this.#node(nodeId)
    const peers = this.#nodes.filter((other) => other !== node).flatMap(({ address }) => ['--mesh-bootstrap', address])
    const keys = ['--home', node.home, '--keystore-key-file', this.#keyFileOf(nodeId)]
    const own = [...keys, '--mesh-listen', node.address, '--mesh-mdns', 'false', '--log-level', 'warn', '--json']
    node.process = this.#spawn({ args: ['run', ...own, ...peers, ...args] })
    await node.process.ready()
  }

  /** Ends a node's process; resolves when it is gone. */
  async end(nodeId: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const node = this.#node(nodeId)
    const { process } = node
    node.process = undefined
    await process?.end(signal)
  }

  /** Ends whatever runs: SIGKILL when the homes are thrown away, else as an operator would. Nothing starts any more. */
  async close(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    this.#closed = true
    const endAll = (by: typeof signal) => Promise.all([...this.#processes].map((one) => one.end(by)))
    const impatience = this.#dependencies.clock.setTimer(END_PATIENCE_MS, () => void endAll('SIGKILL'))
    await endAll(signal)
    impatience.cancel()
    for (const node of this.#nodes) node.process = undefined
    await rm(this.#cache, { recursive: true, force: true })
  }

  isRunning(nodeId: string): boolean {
    return this.#node(nodeId).process !== undefined
  }

  homeOf(nodeId: string): string {
    return this.#node(nodeId).home
  }

  /** The control socket of a node. */
  client(nodeId: string): ControlClient {
    return new ControlClient({ path: controlSocketPath(this.#node(nodeId).home) }, this.#dependencies)
  }

  /**
   * Waits until `holds` is true for a node that may be starting.
   * @throws AGENT_DEMO_TIMEOUT after `limitMs`; the signal's reason
   */
  async until(
    what: string,
    holds: () => Promise<boolean>,
    options: { readonly limitMs: number; readonly signal: AbortSignal; readonly pollMs?: number },
  ): Promise<void> {
    const { clock } = this.#dependencies
    const { limitMs, signal, pollMs = POLL_MS } = options
    const endMs = clock.monotonic() + limitMs
    while (!(await unlessUnreachable(holds))) {
      if (clock.monotonic() > endMs) throw AGENT_ERRORS.create('AGENT_DEMO_TIMEOUT', { detail: what })
      await sleep(clock, pollMs, signal)
    }
  }

  /** The processes run the same code: what one of them compiled, the others take from here. */
  get #cache(): string {
    return join(this.#options.directory, '.compiled')
  }

  get #caHome(): string {
    return join(this.#options.directory, 'ca')
  }

  #keyFileOf(nodeId: string): string {
    return join(this.#options.directory, `${nodeId}.key`)
  }

  #spawn({ args, env = {} }: CommandInput): GapmeshProcess {
    if (this.#closed) throw AGENT_ERRORS.create('AGENT_DEMO_PROCESS', { detail: 'the mesh is closed' })
    const process = new GapmeshProcess({ args, env: { NODE_COMPILE_CACHE: this.#cache, ...env } })
    this.#processes.add(process)
    void process.gone().then(() => this.#processes.delete(process))
    return process
  }

  #node(nodeId: string): DemoNode {
    const node = this.#nodes.find((candidate) => candidate.nodeId === nodeId)
    if (node === undefined) throw new TypeError(`no node is called ${nodeId}`)
    return node
  }
}

/** A socket that is not there yet, or no longer, is an answer too: not now. */
async function unlessUnreachable(holds: () => Promise<boolean>): Promise<boolean> {
  try {
    return await holds()
  } catch (error) {
    if (isGapmeshError(error, 'AGENT_CONTROL_NOT_RUNNING') || isGapmeshError(error, 'AGENT_CONTROL_CLOSED'))
      return false
    throw error
  }
}

/** Does `work` for every item, a few at the same time. */
async function severally<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values()
  const worker = async () => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: STARTING }, worker))
}

/** A port that was free a moment ago; the node that gets it listens on it for the whole demo. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
