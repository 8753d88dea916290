import type { Clock, RandomSource } from '../../core/index.ts'
import type { SignatureProvider, SoftwareSigningKey, SuiteName } from '../types.ts'
import type { KeyKind } from './format.ts'
import type { KeystoreUnlock } from './unlock.ts'

export interface KeystoreOptions {
  /** The keystore's own directory (mode 0700); made by {@link createKeystore}. */
  directory: string
  /** How the key-encryption key is obtained; used once per open. */
  unlock: KeystoreUnlock
  /** From a key's creation to its rotationDueMs, in milliseconds. Default {@link DEFAULT_ROTATION_MS}. */
  rotationMs?: number
}

export interface KeystoreDependencies {
  provider: SignatureProvider
  clock: Clock
  random: RandomSource
}

/** What {@link Keystore.list} tells of an entry; no secrets. */
export interface KeystoreEntry {
  readonly name: string
  readonly kind: KeyKind
  /** Undefined for a secret. */
  readonly suite: SuiteName | undefined
  /** SHA-256 of the SPKI; undefined for a secret. */
  readonly keyId: Uint8Array | undefined
  readonly createdAtMs: number
  /** When the key should have been replaced; nothing refuses it afterwards. */
  readonly rotationDueMs: number
}

/**
 * A directory of keys, each in a file of its own, all wrapped by one key-encryption key.
 *
 * A name is a DNS label and is never overwritten, but for a secret by `replaceSecret`: rotation makes a key under a new name, and the certificate that names
 * a key id tells which one is current. Every method may throw CRYPTO_KEYSTORE_CLOSED, _IO, _PERMISSIONS; every method
 * that reads also _TRUNCATED, _TAMPERED, _VERSION. Putting back an older copy of a whole file is not noticed.
 */
export interface Keystore {
  /**
   * Makes a signing key.
   * @throws CRYPTO_KEYSTORE_KEY_EXISTS, CRYPTO_KEYSTORE_FULL
   */
  generate(name: string, suite: SuiteName): Promise<SoftwareSigningKey>
  /**
   * The signing key of that name, imported once; undefined when there is none.
   * @throws CRYPTO_KEYSTORE_KEY_KIND when the name holds a secret
   */
  signingKey(name: string): Promise<SoftwareSigningKey | undefined>
  /**
   * Wraps a copy of 1 to 8,192 bytes; the caller wipes its own.
   * @throws CRYPTO_KEYSTORE_KEY_EXISTS, CRYPTO_KEYSTORE_FULL
   */
  putSecret(name: string, secret: Uint8Array): Promise<void>
  /**
   * As {@link putSecret}, also over the secret of that name: a crash leaves the old one or the new.
   * @throws CRYPTO_KEYSTORE_FULL; CRYPTO_KEYSTORE_KEY_KIND when the name holds a signing key
   */
  replaceSecret(name: string, secret: Uint8Array): Promise<void>
  /**
   * A fresh copy of the secret of that name, which the caller wipes; undefined when there is none.
   * @throws CRYPTO_KEYSTORE_KEY_KIND when the name holds a signing key
   */
  secret(name: string): Promise<Uint8Array | undefined>
  /** All entries by name, each authenticated. */
  list(): Promise<readonly KeystoreEntry[]>
  /** Deletes the file of a retired key; false when there was none. A flash medium may keep the sealed bytes. */
  remove(name: string): Promise<boolean>
  /** Wipes the key-encryption key. Signing keys that were handed out go on working. */
  close(): void
}
