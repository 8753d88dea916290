import { join } from 'node:path'
import { type NodeHome, nodeHome, writeIdentity } from '../agent/index.ts'
import { silentLogger, systemClock, systemRandom } from '../core/index.ts'
import { createNativeProvider } from '../crypto/index.ts'
import { createKeystore, type KeystoreUnlock, unlockByKeyFile } from '../crypto/store/index.ts'
import { enrollNode, serveCa } from '../enrollment/api/index.ts'
import { initCa, type MeshCa } from '../enrollment/store/index.ts'

/** The home of an enrolled node, and what unlocks it. */
export interface BenchHome {
  readonly nodeId: string
  readonly home: NodeHome
  /** File of random bytes that unlocks the keystore. */
  readonly keyFile: string
  readonly unlock: KeystoreUnlock
}

const dependencies = () => ({
  provider: createNativeProvider(),
  clock: systemClock(),
  random: systemRandom(),
  logger: silentLogger(),
})

/** Enrols nodes `node-1`, `node-2` and so on with a CA of their own, all below `directory`. */
export async function enrolHomes(directory: string, count: number): Promise<BenchHome[]> {
  const unlock = unlockByKeyFile({ path: join(directory, 'ca.key') })
  const ca = await initCa({ home: join(directory, 'ca'), mesh: 'bench', unlock }, dependencies())
  const server = await serveCa({ ca, port: 0 }, dependencies())
  try {
    const nodeIds = Array.from({ length: count }, (_, at) => `node-${at + 1}`)
    return await Promise.all(nodeIds.map((nodeId) => enrolHome(nodeId, { ca, url: server.url, directory })))
  } finally {
    await server.close()
    await ca.close()
  }
}

async function enrolHome(
  nodeId: string,
  { ca, url, directory }: { ca: MeshCa; url: string; directory: string },
): Promise<BenchHome> {
  const home = nodeHome(join(directory, nodeId))
  const keyFile = join(directory, `${nodeId}.key`)
  const unlock = unlockByKeyFile({ path: keyFile })
  const { token } = await ca.createToken({ nodeId })
  const keystore = await createKeystore({ directory: home.keystore, unlock }, dependencies())
  const { mesh, path, chain, config } = await enrollNode({ keystore, url, token }, dependencies())
  keystore.close()
  const { pseudonymEpoch } = config
  await writeIdentity(home, {
    mesh,
    nodeId,
    rootFingerprint: path.chain.at(-1)!.fingerprint,
    pseudonymEpoch,
    bootstrapPeers: [],
    chain,
  })
  return { nodeId, home, keyFile, unlock }
}
