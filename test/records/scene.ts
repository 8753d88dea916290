/** A mesh with one sensor, and what it takes to make and judge its records. */
import { SimulatedClock } from '../../core/index.ts'
import type { SignaturePolicy } from '../../crypto/index.ts'
import {
  type AnomalySignature,
  type CheckedRecord,
  encodeAnomalyBody,
  type RecordContent,
  type RecordSigner,
  type RecordTrust,
  signRecord,
  type VerifiedRecord,
  verify,
} from '../../records/index.ts'
import { type Certificate, noRevocations, PathCache, parseChain } from '../../records/path/index.ts'
import { makeTestMesh, type TestMesh, type TestMeshOptions, type TestNode } from '../helpers/pki.ts'

export const DAY_MS = 86_400_000

/** A fixed time for tests that do not depend on today. */
export const NOW_MS = Date.UTC(2026, 5, 1)

export function anomaly(changes: Partial<AnomalySignature> = {}): AnomalySignature {
  return {
    indicator: 'suricata:1:2001219',
    kind: 'ids_alert',
    severity: 4,
    score: 700,
    firstSeenMs: NOW_MS,
    lastSeenMs: NOW_MS + 20,
    count: 3,
    expiresAtMs: NOW_MS + DAY_MS,
    blockId: new Uint8Array(32).fill(7),
    ...changes,
  }
}

export class Scene {
  readonly mesh: TestMesh
  readonly node: TestNode
  readonly chain: readonly Certificate[]
  readonly signer: RecordSigner
  readonly clock = new SimulatedClock(NOW_MS)
  readonly paths = new PathCache()

  constructor(mesh: TestMesh, node: TestNode) {
    this.mesh = mesh
    this.node = node
    this.chain = parseChain(node.chain)
    this.signer = {
      mesh: mesh.mesh,
      rootFingerprint: mesh.root.certificate.fingerprint,
      identityKey: node.identityKey,
      deviceKey: node.deviceKey,
    }
  }

  content(changes: Partial<RecordContent> = {}): RecordContent {
    return {
      type: 'anomaly',
      origin: this.node.nodeId,
      issuerKeyId: this.node.certificate.authorityKeyId,
      serialNumber: this.node.certificate.serialNumber,
      sequence: 0,
      createdAtMs: NOW_MS,
      lifetimeMs: DAY_MS,
      body: encodeAnomalyBody([anomaly()]),
      ...changes,
    }
  }

  sign(changes: Partial<RecordContent> = {}, policy: SignaturePolicy = 'hybrid'): Promise<CheckedRecord> {
    return signRecord(this.content(changes), this.signer, { policy })
  }

  trust(changes: Partial<RecordTrust> = {}): RecordTrust {
    return {
      mesh: this.mesh.mesh,
      rootFingerprint: this.mesh.root.certificate.fingerprint,
      revocations: noRevocations(),
      policyAt: () => 'hybrid',
      headOf: () => undefined,
      isDuplicate: () => false,
      chainFor: () => this.chain,
      ...changes,
    }
  }

  verify(record: Uint8Array, changes: Partial<RecordTrust> = {}): Promise<VerifiedRecord> {
    const input = { record, trust: this.trust(changes), clock: this.clock }
    return verify(input, { provider: this.mesh.provider, paths: this.paths })
  }
}

/** A mesh at {@link NOW_MS} with the node `sensor-01`. */
export async function makeScene(options: TestMeshOptions = {}): Promise<Scene> {
  const mesh = await makeTestMesh({ nowMs: NOW_MS, nodes: ['sensor-01'], ...options })
  return new Scene(mesh, mesh.node('sensor-01'))
}
