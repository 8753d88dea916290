import type { Clock, RandomSource } from '../../core/index.ts'
import {
  createSealer,
  type Sealer,
  type SignatureProvider,
  type SoftwareSigningKey,
  withSecret,
} from '../../crypto/index.ts'
import { type Keystore, type KeystoreUnlock, openKeystore } from '../../crypto/store/index.ts'
import { NODE_KEYS, pseudonymKeyName } from '../../enrollment/keys/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { identityKeyOf, type NamedKey } from './identity-keys.ts'

/** What a running node signs and seals with, and the open keystore, which takes its new keys. */
export interface NodeKeys {
  readonly keystore: Keystore
  /** That of the certificate the node has at its start. */
  readonly identity: NamedKey
  readonly deviceKey: SoftwareSigningKey
  readonly overlayKey: SoftwareSigningKey
  /** Ed25519 seed behind the PeerId, 32 bytes. */
  readonly overlaySeed: Uint8Array
  /** Seals payloads and bundles on disk. */
  readonly sealer: Sealer
  /** Key of the pseudonym epoch that was asked for. */
  readonly pseudonymKey: Uint8Array
}

export interface OpenKeysOptions {
  /** Directory of the keystore. */
  readonly directory: string
  readonly unlock: KeystoreUnlock
  /** The node's own. */
  readonly certificate: Certificate
  readonly pseudonymEpoch: number
}

export interface OpenKeysDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
}

const ED25519_SEED_BYTES = 32

/**
 * Opens the keystore and takes out what a running node needs. Whoever calls closes it.
 * @throws CRYPTO_KEYSTORE_*, AGENT_HOME_BROKEN when a key is missing
 */
export async function openNodeKeys(options: OpenKeysOptions, dependencies: OpenKeysDependencies): Promise<NodeKeys> {
  const keystore = await openKeystore({ directory: options.directory, unlock: options.unlock }, dependencies)
  try {
    return await takeKeys(keystore, options, dependencies)
  } catch (error) {
    keystore.close()
    throw error
  }
}

async function takeKeys(
  keystore: Keystore,
  { certificate, pseudonymEpoch }: OpenKeysOptions,
  { random }: OpenKeysDependencies,
): Promise<NodeKeys> {
  const identity = await identityKeyOf(keystore, certificate)
  if (identity === undefined) throw missing('the key of the certificate')
  const overlayKey = await signingKey(keystore, NODE_KEYS.overlay)
  return {
    keystore,
    identity,
    deviceKey: await signingKey(keystore, NODE_KEYS.device),
    overlayKey,
    // PKCS#8 of an Ed25519 key ends in its seed (RFC 8410 §7).
    overlaySeed: withSecret(overlayKey.exportPrivate(), (pkcs8) => pkcs8.slice(-ED25519_SEED_BYTES)),
    sealer: withSecret(await secret(keystore, NODE_KEYS.store), (key) => createSealer(key, random)),
    pseudonymKey: await secret(keystore, pseudonymKeyName(pseudonymEpoch)),
  }
}

async function signingKey(keystore: Keystore, name: string): Promise<SoftwareSigningKey> {
  const key = await keystore.signingKey(name)
  if (key === undefined) throw missing(`key ${name}`)
  return key
}

async function secret(keystore: Keystore, name: string): Promise<Uint8Array> {
  const bytes = await keystore.secret(name)
  if (bytes === undefined) throw missing(`secret ${name}`)
  return bytes
}

function missing(what: string): Error {
  return AGENT_ERRORS.create('AGENT_HOME_BROKEN', { detail: `${what} is missing` })
}
