import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { loadConfig } from '../../agent/config/index.ts'
import { type NodeHome, nodeHome, type RunningNode, startNode, writeIdentity } from '../../agent/index.ts'
import { type Clock, type Logger, silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import { createKeystore, unlockByKeyFile } from '../../crypto/store/index.ts'
import { enrollNode, serveCa } from '../../enrollment/api/index.ts'
import type { MeshCa } from '../../enrollment/store/index.ts'
import { makeTestCa, testDependencies } from '../helpers/ca.ts'

/** The home of an enrolled node, below `parent`, and the file that opens its keystore. */
export interface EnrolledHome {
  readonly home: NodeHome
  readonly keyFile: string
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gm-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Enrols `sensor-1` with a CA that lives as long as the test and answers during this call alone. */
export async function enrolHome(t: Test, parent: string): Promise<EnrolledHome> {
  const { ca } = await makeTestCa(t, { home: join(parent, 'ca') })
  const server = await serveCa({ ca, port: 0 }, testDependencies())
  try {
    return await enrolAt({ ca, url: server.url }, { parent, nodeId: 'sensor-1' })
  } finally {
    await server.close()
  }
}

/** Enrols a node with a CA that answers at `url`, into a home of its own. */
export async function enrolAt(
  { ca, url }: { ca: MeshCa; url: string },
  { parent, nodeId }: { parent: string; nodeId: string },
): Promise<EnrolledHome> {
  const dependencies = testDependencies()
  const home = nodeHome(join(parent, nodeId))
  const keyFile = join(parent, `${nodeId}.key`)
  const unlock = unlockByKeyFile({ path: keyFile })
  const keystore = await createKeystore({ directory: home.keystore, unlock }, dependencies)
  try {
    const { token } = await ca.createToken({ nodeId })
    const { mesh, path, chain, config } = await enrollNode({ keystore, url, token }, dependencies)
    const rootFingerprint = path.chain.at(-1)?.fingerprint ?? new Uint8Array()
    const known = { mesh, nodeId, rootFingerprint, pseudonymEpoch: config.pseudonymEpoch, bootstrapPeers: [], chain }
    await writeIdentity(home, { ...known, caUrl: url, enrolledAtMs: path.leaf.notBeforeMs })
  } finally {
    keystore.close()
  }
  return { home, keyFile }
}

export interface StartOptions {
  /** EVE log to follow. */
  readonly eve?: string
  readonly logger?: Logger
  readonly clock?: Clock
  /** Multiaddrs of peers. */
  readonly bootstrap?: readonly string[]
  /** Further settings. */
  readonly flags?: Readonly<Record<string, string>>
}

/** Starts the node of a home on loopback, alone unless it is told of peers. */
export async function startAlone(t: Test, at: EnrolledHome, options: StartOptions = {}): Promise<RunningNode> {
  const { eve, logger = silentLogger(), clock = systemClock(), bootstrap = [] } = options
  const flags = {
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
    'mesh.bootstrap': bootstrap,
    'ingest.fold': false,
    ...options.flags,
    ...(eve !== undefined && { 'ingest.eve': [eve] }),
  }
  const config = await loadConfig({ home: at.home.directory, flags, env: {}, workingDirectory: '/' })
  const unlock = unlockByKeyFile({ path: at.keyFile })
  const node = await startNode({ home: at.home, config, unlock }, { clock, random: systemRandom(), logger })
  t.teardown(() => node.stop())
  return node
}
