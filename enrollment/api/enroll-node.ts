import type { Clock, RandomSource } from '../../core/index.ts'
import type { SignatureProvider, SuiteName } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import type { ValidPath } from '../../records/path/index.ts'
import { buildCsr } from '../csr.ts'
import { NODE_KEYS, pseudonymKeyName } from '../keys/index.ts'
import { checkSuite } from '../redemption.ts'
import { ensureSecret, ensureSigningKey } from '../store/index.ts'
import type { MeshSettings } from '../types.ts'
import { type RequestEnrollmentOptions, requestEnrollment } from './client.ts'

export interface EnrollNodeOptions extends Omit<RequestEnrollmentOptions, 'makeCsr'> {
  /** The node's open keystore; keys that are missing are made in it. */
  keystore: Keystore
  /** Name of the identity key in the keystore. Default: that of a first enrolment. */
  identityKeyName?: string | undefined
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
 * Makes a node's keys where they are missing, of the CA's suite, and asks the CA for its certificate. After any failure the call may be
 * repeated with the same keystore and token: the CA knows the keys again.
 * @throws ENROLLMENT_CSR_SUITE when the keystore has keys for another mesh; what `requestEnrollment` and the keystore throw
 */
export async function enrollNode(
  options: EnrollNodeOptions,
  dependencies: EnrollNodeDependencies,
): Promise<NodeEnrollment> {
  const { keystore, identityKeyName = NODE_KEYS.identity, ...request } = options
  const makeCsr = async (suite: SuiteName) => {
    const identityKey = await ensureSigningKey(keystore, identityKeyName, suite)
    checkSuite(identityKey.publicKey, suite)
    const deviceKey = await ensureSigningKey(keystore, NODE_KEYS.device, 'ed25519')
    const overlayKey = await ensureSigningKey(keystore, NODE_KEYS.overlay, 'ed25519')
    return buildCsr({ identityKey, deviceKey, overlayKey })
  }
  await ensureSecret(keystore, NODE_KEYS.store, () => dependencies.random.bytes(STORE_SECRET_BYTES))
  const { nodeId, path, chain, config } = await requestEnrollment({ ...request, makeCsr }, dependencies)
  const { pseudonym, ...settings } = config
  await ensureSecret(keystore, pseudonymKeyName(pseudonym.epoch), () => pseudonym.key)
  return { mesh: path.mesh, nodeId, path, chain, config: { ...settings, pseudonymEpoch: pseudonym.epoch } }
}
