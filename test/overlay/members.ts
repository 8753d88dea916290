/** Nodes with real certificates and real links, and bare hosts with the same link for nodes that misbehave. */
import { yamux } from '@chainsafe/libp2p-yamux'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import {
  type AdmissionSink,
  createOverlay,
  MeshTls,
  type Overlay,
  type OverlayOptions,
  type Refusal,
} from '../../overlay/index.ts'
import { type Certificate, parseChain, validatePath } from '../../records/path/index.ts'
import type { TestMesh } from '../helpers/pki.ts'
import { MemoryChains, MemoryRecords } from './harness.ts'

export type Scene = { teardown(action: () => unknown): void }

export const TCP = '/ip4/127.0.0.1/tcp/0'

/** The certificates that a node knows to be revoked. */
export class Revoked extends Set<Certificate> {
  find({ serialNumber }: Pick<Certificate, 'serialNumber'>) {
    const isRevoked = [...this].some((certificate) => Buffer.compare(certificate.serialNumber, serialNumber) === 0)
    return isRevoked ? { revokedAtMs: 0, keyCompromise: true } : undefined
  }
}

export interface Member {
  readonly nodeId: string
  readonly overlay: Overlay
  readonly records: MemoryRecords
  readonly refusals: Refusal[]
  readonly revoked: Revoked
  /** The first address on TCP. */
  address(): string
  /** Addresses through relays. */
  relayed(): string[]
}

const shared = { clock: systemClock(), random: systemRandom(), logger: silentLogger() }

function linkOf(mesh: TestMesh, nodeId: string, { revoked, sink }: { revoked: Revoked; sink: AdmissionSink }): MeshTls {
  const { chain: chainDer, identityKey, deviceKey } = mesh.node(nodeId)
  const gate = {
    judge: (chain: readonly Uint8Array[]) =>
      validatePath(
        { chain: parseChain(chain), atMs: shared.clock.now(), revocations: revoked, policy: mesh.policy() },
        { provider: mesh.provider },
      ),
  }
  const options = { mesh: mesh.mesh, rootDer: mesh.root.certificate.der, chainDer, identityKey, deviceKey }
  return new MeshTls(options, { ...shared, gate, provider: mesh.provider, sink })
}

/** A started node on a free loopback port; the test stops it. */
export async function startMember(
  test: Scene,
  mesh: TestMesh,
  setup: { readonly nodeId: string } & Partial<OverlayOptions>,
): Promise<Member> {
  const { nodeId, ...options } = setup
  const records = new MemoryRecords()
  const revoked = new Revoked()
  const overlay = await createOverlay(
    {
      mesh: mesh.mesh,
      privateKey: privateKeyFromRaw(mesh.node(nodeId).overlayRawKey),
      listen: [TCP],
      redial: { baseMs: 200, maxMs: 1_000 },
      sync: { minGapMs: 50 },
      ...options,
    },
    { ...shared, records, chains: new MemoryChains(), encrypter: (sink) => linkOf(mesh, nodeId, { revoked, sink }) },
  )
  const refusals: Refusal[] = []
  overlay.on('refused', (refusal) => refusals.push(refusal))
  await overlay.start()
  test.teardown(() => overlay.stop())
  const isRelayed = (address: string) => address.includes('/p2p-circuit')
  return {
    nodeId,
    overlay,
    records,
    refusals,
    revoked,
    address: () => overlay.addresses().find((address) => !isRelayed(address)) ?? '',
    relayed: () => overlay.addresses().filter(isRelayed),
  }
}

/** A libp2p host that every member admits as `nodeId`, and that does what `services` make it do. */
export async function startAdmittedHost<Services extends Record<string, unknown>>(
  test: Scene,
  mesh: TestMesh,
  setup: {
    readonly nodeId: string
    readonly services: Libp2pOptions<Services>['services']
    /** Default: TCP on a free loopback port. */
    readonly transports?: Libp2pOptions['transports']
    readonly listen?: string[]
  },
): Promise<Libp2p<Services>> {
  const sink: AdmissionSink = { onAdmitted: () => {}, onRefusal: () => {} }
  const link = linkOf(mesh, setup.nodeId, { revoked: new Revoked(), sink })
  const host = await createLibp2p({
    privateKey: privateKeyFromRaw(mesh.node(setup.nodeId).overlayRawKey),
    addresses: { listen: setup.listen ?? [TCP] },
    transports: setup.transports ?? [tcp()],
    connectionEncrypters: [() => link],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping(), ...setup.services },
  })
  test.teardown(() => host.stop())
  return host as unknown as Libp2p<Services>
}
