/**
 * Keys on disk: a directory with one file per key, all wrapped by one key-encryption key that a passphrase or a key
 * file yields. Secrets enter by `generate` and `putSecret`, leave as imported keys or as copies that the caller wipes.
 */
export { DEFAULT_ROTATION_MS } from './keystore.ts'
export { createKeystore, openKeystore } from './open.ts'
export type { Keystore, KeystoreDependencies, KeystoreEntry, KeystoreOptions } from './types.ts'
export {
  DEFAULT_SCRYPT_COST,
  type KeyFileUnlockOptions,
  type KeystoreUnlock,
  type PassphraseUnlockOptions,
  type ScryptCost,
  unlockByKeyFile,
  unlockByPassphrase,
} from './unlock.ts'
