import { type RandomSource, systemClock, systemRandom } from '../core/index.ts'
import { createNativeProvider, type SignatureProvider, type SoftwareSigningKey } from '../crypto/index.ts'
import { type Authority, issueNodeCertificate, issueRoot, signOverlayKey } from '../enrollment/index.ts'
import {
  type AnomalySignature,
  encodeAnomalyBody,
  type RecordContent,
  type RecordSigner,
  type RecordTrust,
} from '../records/index.ts'
import { type Certificate, noRevocations, type PathPolicy } from '../records/path/index.ts'

const DAY_MS = 86_400_000

/** A mesh with a root, real keys and certificates, all in memory. */
export interface BenchMesh {
  readonly name: string
  readonly root: Certificate
  readonly provider: SignatureProvider
  readonly random: RandomSource
  readonly nodes: readonly BenchNode[]
  readonly policy: PathPolicy
}

/** A member of a {@link BenchMesh}. */
export interface BenchNode {
  readonly nodeId: string
  readonly identityKey: SoftwareSigningKey
  readonly deviceKey: SoftwareSigningKey
  /** Ed25519 key behind the PeerId, and its seed. */
  readonly overlayKey: SoftwareSigningKey
  readonly overlaySeed: Uint8Array
  /** Leaf, then root. */
  readonly chain: readonly [Certificate, Certificate]
  readonly signer: RecordSigner
}

/** Makes a mesh with nodes `node-1`, `node-2` and so on: ML-DSA-87 identity keys, Ed25519 device keys. */
export async function makeMesh(nodeCount: number): Promise<BenchMesh> {
  const name = 'bench'
  const provider = createNativeProvider()
  const random = systemRandom()
  const keys = { main: await provider.generate('ml-dsa-87'), alternative: await provider.generate('ecdsa-p384') }
  const issuer = await issueRoot({ mesh: name, nowMs: systemClock().now(), keys }, { random })
  const nodeIds = Array.from({ length: nodeCount }, (_, at) => `node-${at + 1}`)
  const nodes = await Promise.all(nodeIds.map((nodeId) => makeNode(nodeId, { name, provider, random, issuer })))
  const root = issuer.certificate
  const policy = { mesh: name, rootFingerprint: root.fingerprint, signaturePolicy: 'hybrid', purpose: 'node' } as const
  return { name, root, provider, random, nodes, policy }
}

async function makeNode(
  nodeId: string,
  mesh: Pick<BenchMesh, 'name' | 'provider' | 'random'> & { issuer: Authority },
): Promise<BenchNode> {
  const { name, provider, random, issuer } = mesh
  const identityKey = await provider.generate('ml-dsa-87')
  const deviceKey = await provider.generate('ed25519')
  const overlayKey = await provider.generate('ed25519')
  const { spki } = identityKey.publicKey
  const keys = { spki, altSpki: deviceKey.publicKey.spki, overlayKey: await signOverlayKey(overlayKey, spki) }
  const nowMs = systemClock().now()
  const leaf = await issueNodeCertificate({ mesh: name, nodeId, roles: ['node'], keys, issuer, nowMs }, { random })
  return {
    nodeId,
    identityKey,
    deviceKey,
    overlayKey,
    overlaySeed: overlayKey.exportPrivate().slice(-32),
    chain: [leaf, issuer.certificate],
    signer: { mesh: name, rootFingerprint: issuer.certificate.fingerprint, identityKey, deviceKey },
  }
}

/** An anomaly signature like those of an intrusion detection system, with hashed addresses. */
export function anomaly(mesh: Pick<BenchMesh, 'random'>): AnomalySignature {
  const seenMs = systemClock().now()
  const bytes = mesh.random.bytes(96)
  return {
    indicator: 'suricata:1:2001219',
    kind: 'ids_alert',
    severity: 4,
    score: 700,
    firstSeenMs: seenMs,
    lastSeenMs: seenMs + 20,
    count: 3,
    expiresAtMs: seenMs + DAY_MS,
    blockId: bytes.slice(0, 32),
    addresses: { epoch: 1, source: bytes.slice(32, 64), destination: bytes.slice(64) },
  }
}

/** An anomaly record of `node` that is still to be signed. */
export function anomalyContent(
  node: BenchNode,
  { signatures, sequence }: { signatures: readonly AnomalySignature[]; sequence: number },
): RecordContent {
  const [leaf] = node.chain
  return {
    type: 'anomaly',
    origin: node.nodeId,
    issuerKeyId: leaf.authorityKeyId,
    serialNumber: leaf.serialNumber,
    sequence,
    createdAtMs: systemClock().now(),
    lifetimeMs: DAY_MS,
    body: encodeAnomalyBody(signatures),
  }
}

/** What a member of `mesh` knows and believes; `held` is its store. */
export function trustOf(
  mesh: BenchMesh,
  held: Pick<RecordTrust, 'headOf' | 'isDuplicate'> & { chain: RecordTrust['chainFor'] },
): RecordTrust {
  return {
    mesh: mesh.name,
    rootFingerprint: mesh.root.fingerprint,
    root: mesh.root,
    revocations: noRevocations(),
    policyAt: () => 'hybrid',
    headOf: (origin, type) => held.headOf(origin, type),
    isDuplicate: (id, createdAtMs) => held.isDuplicate(id, createdAtMs),
    chainFor: (issuerKeyId, serialNumber) => held.chain(issuerKeyId, serialNumber),
  }
}
