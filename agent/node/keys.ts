import type { Clock, RandomSource } from '../../core/index.ts'
import {
  createSealer,
  type Sealer,
  type SignatureProvider,
  type SoftwareSigningKey,
  withSecret,
} from '../../crypto/index.ts'
import { type Keystore, type KeystoreUnlock, openKeystore } from '../../crypto/store/index.ts'
import { NODE_KEYS } from '../../enrollment/api/index.ts'
import { pseudonymKeyName } from '../../enrollment/store/index.ts'
import type { Pseudonym } from '../../records/index.ts'
import { AGENT_ERRORS } from '../errors.ts'

/** What a running node signs, seals and hashes with. */
export interface NodeKeys {
  readonly identityKey: SoftwareSigningKey
  readonly deviceKey: SoftwareSigningKey
  /** Ed25519 seed behind the PeerId, 32 bytes. */
  readonly overlaySeed: Uint8Array
  /** Seals payloads and bundles on disk. */
  readonly sealer: Sealer
  readonly pseudonym: Pseudonym
}

export interface OpenKeysOptions {
  /** Directory of the keystore. */
  readonly directory: string
  readonly unlock: KeystoreUnlock
  readonly pseudonymEpoch: number
}

export interface OpenKeysDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
}

const ED25519_SEED_BYTES = 32

/**
 * Opens the keystore once, takes out what a running node needs, and closes it.
 * @throws CRYPTO_KEYSTORE_*, AGENT_HOME_BROKEN when a key is missing
 */
export async function openNodeKeys(options: OpenKeysOptions, dependencies: OpenKeysDependencies): Promise<NodeKeys> {
  const keystore = await openKeystore({ directory: options.directory, unlock: options.unlock }, dependencies)
  try {
    const overlayKey = await signingKey(keystore, NODE_KEYS.overlay)
    return {
      identityKey: await signingKey(keystore, NODE_KEYS.identity),
      deviceKey: await signingKey(keystore, NODE_KEYS.device),
      // PKCS#8 of an Ed25519 key ends in its seed (RFC 8410 §7).
      overlaySeed: withSecret(overlayKey.exportPrivate(), (pkcs8) => pkcs8.slice(-ED25519_SEED_BYTES)),
      sealer: withSecret(await secret(keystore, NODE_KEYS.store), (key) => createSealer(key, dependencies.random)),
      pseudonym: {
        epoch: options.pseudonymEpoch,
        key: await secret(keystore, pseudonymKeyName(options.pseudonymEpoch)),
      },
    }
  } finally {
    keystore.close()
  }
}

async function signingKey(keystore: Keystore, name: string): Promise<SoftwareSigningKey> {
  const key = await keystore.signingKey(name)
  if (key === undefined) throw AGENT_ERRORS.create('AGENT_HOME_BROKEN', { detail: `key ${name} is missing` })
  return key
}

async function secret(keystore: Keystore, name: string): Promise<Uint8Array> {
  const bytes = await keystore.secret(name)
  if (bytes === undefined) throw AGENT_ERRORS.create('AGENT_HOME_BROKEN', { detail: `secret ${name} is missing` })
  return bytes
}
