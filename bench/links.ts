import { silentLogger, systemClock } from '../core/index.ts'
import { type AdmissionSink, MeshQuic, MeshTls, type PeerGate } from '../overlay/index.ts'
import { noRevocations, PathCache, parseChain, validatePath } from '../records/path/index.ts'
import type { BenchMesh, BenchNode } from './mesh.ts'

export interface LinkOptions {
  /** Default: nobody is told. */
  readonly sink?: AdmissionSink
  /** Remembers whose certificate paths have been checked before. Default: one that is empty at first. */
  readonly paths?: PathCache | undefined
}

const NOBODY: AdmissionSink = { onAdmitted: () => {}, onRefusal: () => {} }

/** The link of a node over TCP, as an agent makes it. */
export function meshTls(mesh: BenchMesh, node: BenchNode, options: LinkOptions = {}): MeshTls {
  return makeLink(MeshTls, { mesh, node, options })
}

/** The link of a node over QUIC, as an agent makes it. */
export function meshQuic(mesh: BenchMesh, node: BenchNode): MeshQuic {
  return makeLink(MeshQuic, { mesh, node, options: {} })
}

function makeLink<Link>(
  kind: new (...parts: ConstructorParameters<typeof MeshTls>) => Link,
  { mesh, node, options }: { mesh: BenchMesh; node: BenchNode; options: LinkOptions },
): Link {
  const { identityKey, deviceKey, chain } = node
  const { sink = NOBODY } = options
  const paths = 'paths' in options ? options.paths : new PathCache()
  return new kind(
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
