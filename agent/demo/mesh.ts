import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type Clock, isGapmeshError, type RandomSource, sleep, toHex } from '../../core/index.ts'
import { ControlClient, controlSocketPath } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { GapmeshProcess, runCommand } from './processes.ts'

export interface MeshOptions {
  /** Directory of all homes; made when it is not there. */
  readonly directory: string
  /** Number of nodes, called `node-1` and so on. */
  readonly nodes: number
}

export interface MeshDependencies {
  readonly clock: Clock
  readonly random: RandomSource
}

/** A node of the mesh: its home, its place, and its process while it runs. */
interface DemoNode {
  readonly nodeId: string
  readonly home: string
  readonly address: string
  process: GapmeshProcess | undefined
}

const MESH = 'demo'
const POLL_MS = 100

/** A CA and nodes on loopback, each in a process of its own, enrolled as an operator would do it. */
export class LocalMesh {
  readonly #options: MeshOptions
  readonly #dependencies: MeshDependencies
  readonly #nodes: DemoNode[] = []

  constructor(options: MeshOptions, dependencies: MeshDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get nodeIds(): readonly string[] {
    return this.#nodes.map(({ nodeId }) => nodeId)
  }

  /** Makes the CA, serves it while every node enrols with a token of its own, and closes it. */
  async enrol(onEnrolled: (nodeId: string) => void = () => {}): Promise<void> {
    const { directory } = this.#options
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const ca = join(directory, 'ca')
    const passphraseFile = join(directory, 'ca.passphrase')
    await writeFile(passphraseFile, toHex(this.#dependencies.random.bytes(16)), { mode: 0o600 })
    const common = ['--home', ca, '--passphrase-file', passphraseFile, '--json']
    await runCommand({ args: ['ca', 'init', '--mesh', MESH, ...common] })
    const server = new GapmeshProcess({ args: ['ca', 'serve', '--listen', '127.0.0.1:0', ...common] })
    try {
      const { url } = await server.ready()
      const ids = Array.from({ length: this.#options.nodes }, (_, at) => `node-${at + 1}`)
      for (const nodeId of ids) this.#nodes.push(await this.#place(nodeId))
      for (const pair of inPairs(this.#nodes)) {
        await Promise.all(pair.map((node) => this.#enrolOne(node, { ca, url: String(url) })))
        for (const { nodeId } of pair) onEnrolled(nodeId)
      }
    } finally {
      await server.end('SIGTERM')
    }
  }

  async #place(nodeId: string): Promise<DemoNode> {
    const home = join(this.#options.directory, nodeId)
    return { nodeId, home, address: `/ip4/127.0.0.1/tcp/${await freePort()}`, process: undefined }
  }

  async #enrolOne({ nodeId, home, address }: DemoNode, { ca, url }: { ca: string; url: string }): Promise<void> {
    const { token } = await runCommand({ args: ['ca', 'token', '--home', ca, '--node-id', nodeId, '--json'] })
    const keyFile = join(this.#options.directory, `${nodeId}.key`)
    await runCommand({
      args: [
        'node',
        'enroll',
        '--home',
        home,
        '--ca',
        url,
        '--node-id',
        nodeId,
        '--key-file',
        keyFile,
        '--address',
        address,
        '--json',
      ],
      env: { GAPMESH_TOKEN: String(token) },
    })
  }

  /** Starts a node; resolves when it says that it is ready. `args` are added to those of the mesh. */
  async start(nodeId: string, args: readonly string[] = []): Promise<void> {
    const node = this.#node(nodeId)
    const peers = this.#nodes.filter((other) => other !== node).flatMap(({ address }) => ['--mesh-bootstrap', address])
    const keyFile = join(this.#options.directory, `${nodeId}.key`)
    const own = [
      '--home',
      node.home,
      '--keystore-key-file',
      keyFile,
      '--mesh-listen',
      node.address,
      '--mesh-mdns',
      'false',
    ]
    node.process = new GapmeshProcess({ args: ['run', ...own, ...peers, '--log-level', 'warn', '--json', ...args] })
    await node.process.ready()
  }

  /** Ends a node's process; resolves when it is gone. */
  async end(nodeId: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const node = this.#node(nodeId)
    const { process } = node
    node.process = undefined
    await process?.end(signal)
  }

  /** Ends whatever runs. */
  async close(): Promise<void> {
    await Promise.all(this.#nodes.map(({ nodeId }) => this.end(nodeId, 'SIGTERM')))
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
    { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock } = this.#dependencies
    const endMs = clock.monotonic() + limitMs
    while (!(await unlessUnreachable(holds))) {
      if (clock.monotonic() > endMs) throw AGENT_ERRORS.create('AGENT_DEMO_TIMEOUT', { detail: what })
      await sleep(clock, POLL_MS, signal)
    }
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

function inPairs<Item>(items: readonly Item[]): Item[][] {
  return items.flatMap((_, at) => (at % 2 === 0 ? [items.slice(at, at + 2)] : []))
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
