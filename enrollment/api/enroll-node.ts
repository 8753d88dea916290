import type { Clock, RandomSource } from '../../core/index.ts'
import type { SignatureProvider, SuiteName } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import type { ValidPath } from '../../records/path/index.ts'
import { buildCsr } from '../csr.ts'
import { ensureSecret, ensureSigningKey, pseudonymKeyName } from '../store/index.ts'
import type { MeshSettings } from '../types.ts'
import { type RequestEnrollmentOptions, requestEnrollment } from './client.ts'

/** Names of a node's keys in its keystore. The mesh's pseudonym key is beside them, by epoch. */
export const NODE_KEYS = {
  /** ML-DSA signing key: the subject of the certificate. */
  identity: 'identity',
  /** Classical signing key of record signatures and admission. */
  device: 'device',
  /** Ed25519 signing key behind the PeerId. */
  overlay: 'overlay',
  /** 32-byte secret under which the node's store seals payloads. */
  store: 'store',
} as const

export interface EnrollNodeOptions extends Omit<RequestEnrollmentOptions, 'csr'> {
  /** The node's open keystore; keys that are missing are made in it. */
  keystore: Keystore
  /** Suite of an identity key made now. Default `ml-dsa-87`. */
  identitySuite?: SuiteName | undefined
}

export interface EnrollNodeDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
}

/** A node's membership, without secrets: those are in its keystore. */
export interface NodeEnrollment {
  readonly mesh: string
  readonly nodeId: string
  readonly path: ValidPath
  /** DER: leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly config: MeshSettings & { readonly crlUrl: string; readonly pseudonymEpoch: number }
}

const STORE_SECRET_BYTES = 32

/**
 * Makes a node's keys where they are missing and asks a CA for its certificate. After any failure the call may be
 * repeated with the same keystore and token: the CA knows the keys again.
 * @throws what `requestEnrollment` and the keystore throw
 */
export async function enrollNode(
  options: EnrollNodeOptions,
  dependencies: EnrollNodeDependencies,
): Promise<NodeEnrollment> {
  const { keystore, identitySuite = 'ml-dsa-87', ...request } = options
  const csr = await buildCsr({
    identityKey: await ensureSigningKey(keystore, NODE_KEYS.identity, identitySuite),
    deviceKey: await ensureSigningKey(keystore, NODE_KEYS.device, 'ed25519'),
    overlayKey: await ensureSigningKey(keystore, NODE_KEYS.overlay, 'ed25519'),
  })
  await ensureSecret(keystore, NODE_KEYS.store, () => dependencies.random.bytes(STORE_SECRET_BYTES))
  const { nodeId, path, chain, config } = await requestEnrollment({ ...request, csr }, dependencies)
  const { pseudonym, ...settings } = config
  await ensureSecret(keystore, pseudonymKeyName(pseudonym.epoch), () => pseudonym.key)
  return { mesh: path.mesh, nodeId, path, chain, config: { ...settings, pseudonymEpoch: pseudonym.epoch } }
}
