import { silentLogger, systemClock } from '../core/index.ts'
import { type AdmissionSink, MeshTls, type PeerGate } from '../overlay/index.ts'
import { noRevocations, PathCache, parseChain, validatePath } from '../records/path/index.ts'
import type { BenchMesh, BenchNode } from './mesh.ts'

export interface LinkOptions {
  /** Default: nobody is told. */
  readonly sink?: AdmissionSink
  /** Remembers whose certificate paths have been checked before. Default: one that is empty at first. */
  readonly paths?: PathCache | undefined
}

const NOBODY: AdmissionSink = { onAdmitted: () => {}, onRefusal: () => {} }

/** The link of a node, as an agent makes it. */
export function meshTls(mesh: BenchMesh, node: BenchNode, options: LinkOptions = {}): MeshTls {
  const { identityKey, deviceKey, chain } = node
  const { sink = NOBODY } = options
  const paths = 'paths' in options ? options.paths : new PathCache()
  return new MeshTls(
    { mesh: mesh.name, rootDer: mesh.root.der, chainDer: chain.map(({ der }) => der), identityKey, deviceKey },
    {
      gate: gateOf(mesh, paths),
      provider: mesh.provider,
      clock: systemClock(),
      random: mesh.random,
      logger: silentLogger(),
      sink,
    },
  )
}

function gateOf(mesh: BenchMesh, paths: PathCache | undefined): PeerGate {
  const clock = systemClock()
  const { root, policy, provider } = mesh
  return {
    judge: (chain) =>
      validatePath(
        { chain: parseChain(chain), root, atMs: clock.now(), revocations: noRevocations(), policy },
        { provider, cache: paths },
      ),
  }
}
