import { join } from 'node:path'
import { equalBytes, isDnsLabel } from '../../core/index.ts'
import { CRYPTO_ERRORS } from '../errors.ts'
import { MAX_KEYSTORE_KEYS, MAX_SECRET_BYTES } from '../limits.ts'
import { AesGcmSealer } from '../sealer.ts'
import { wipe, withSecret } from '../secrets.ts'
import type { SoftwareSigningKey, SuiteName } from '../types.ts'
import { listFiles, namingFile, readPrivateFile, removeFile, replaceFile, writeNewFile } from './files.ts'
import { decodeKeyFile, encodeKeyFile, encodeKeyHeader, type KeyHeader } from './format.ts'
import type { Keystore, KeystoreDependencies, KeystoreEntry } from './types.ts'

/** End of the name of every key file; before it stands the key's name. */
export const KEY_SUFFIX = '.key'

/** How long a key serves before it should be replaced, unless told otherwise: 90 days. */
export const DEFAULT_ROTATION_MS = 90 * 86_400_000

export interface DirectoryKeystoreOptions {
  directory: string
  rotationMs: number
  keystoreId: Uint8Array
  /** What secrets are sealed under; wiped by the constructor, which keeps a copy until close. */
  wrappingKey: Uint8Array
}

/** What a key file says, apart from where and when it was made. */
type KeyFacts = Pick<KeyHeader, 'name' | 'kind' | 'suite' | 'keyId'>

/** A key file whose seal held. */
interface OpenedKey {
  readonly header: KeyHeader
  readonly secret: Uint8Array
}

/** A {@link Keystore} that is open: the wrapping key is in memory until it is closed. */
export class DirectoryKeystore implements Keystore {
  readonly #directory: string
  readonly #rotationMs: number
  readonly #keystoreId: Uint8Array
  readonly #dependencies: KeystoreDependencies
  readonly #imported = new Map<string, SoftwareSigningKey>()
  #sealer: AesGcmSealer | undefined

  constructor(options: DirectoryKeystoreOptions, dependencies: KeystoreDependencies) {
    this.#directory = options.directory
    this.#rotationMs = options.rotationMs
    this.#keystoreId = options.keystoreId
    this.#dependencies = dependencies
    this.#sealer = withSecret(options.wrappingKey, (key) => new AesGcmSealer({ key }, dependencies))
  }

  async generate(name: string, suite: SuiteName): Promise<SoftwareSigningKey> {
    await this.#checkFree(name)
    const key = await this.#dependencies.provider.generate(suite)
    const { keyId } = key.publicKey
    await withSecret(key.exportPrivate(), (pkcs8) => this.#write({ name, kind: 'signing-key', suite, keyId }, pkcs8))
    this.#imported.set(name, key)
    return key
  }

  async signingKey(name: string): Promise<SoftwareSigningKey | undefined> {
    this.#open()
    const known = this.#imported.get(name)
    if (known !== undefined) return known
    const entry = await this.#read(name)
    if (entry === undefined) return undefined
    const key = withSecret(entry.secret, (pkcs8) => {
      if (entry.header.kind !== 'signing-key') throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_KEY_KIND')
      return this.#dependencies.provider.importPrivate(pkcs8)
    })
    if (
      key.publicKey.suite.name !== entry.header.suite ||
      !equalBytes(key.publicKey.keyId, entry.header.keyId ?? NONE)
    ) {
      throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TAMPERED')
    }
    this.#imported.set(name, key)
    return key
  }

  async putSecret(name: string, secret: Uint8Array): Promise<void> {
    checkSecret(secret)
    await this.#checkFree(name)
    await this.#write({ name, kind: 'secret', suite: undefined, keyId: undefined }, secret)
  }

  async replaceSecret(name: string, secret: Uint8Array): Promise<void> {
    checkSecret(secret)
    const held = await this.secret(name)
    if (held === undefined) return this.putSecret(name, secret)
    wipe(held)
    await replaceFile(
      this.#path(name),
      this.#seal({ name, kind: 'secret', suite: undefined, keyId: undefined }, secret),
    )
  }

  async secret(name: string): Promise<Uint8Array | undefined> {
    const entry = await this.#read(name)
    if (entry === undefined) return undefined
    if (entry.header.kind === 'secret') return entry.secret
    wipe(entry.secret)
    throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_KEY_KIND')
  }

  async list(): Promise<readonly KeystoreEntry[]> {
    const entries: KeystoreEntry[] = []
    for (const name of await this.#names()) {
      const entry = await this.#read(name)
      if (entry === undefined) continue // removed since the directory was read
      wipe(entry.secret)
      const { keystoreId: _, ...told } = entry.header
      entries.push(told)
    }
    return entries
  }

  async remove(name: string): Promise<boolean> {
    this.#open()
    this.#imported.delete(name)
    return removeFile(this.#path(name))
  }

  close(): void {
    this.#sealer?.wipe()
    this.#sealer = undefined
    this.#imported.clear()
  }

  async #read(name: string): Promise<OpenedKey | undefined> {
    this.#open()
    const path = this.#path(name)
    const file = await readPrivateFile(path)
    if (file === undefined) return undefined
    const sealer = this.#open() // again: it may have been closed meanwhile
    return namingFile(path, () => this.#unwrap(name, file, sealer))
  }

  #unwrap(name: string, file: Uint8Array, sealer: AesGcmSealer): OpenedKey {
    const { header, context, sealed } = decodeKeyFile(file)
    if (header.name !== name || !equalBytes(header.keystoreId, this.#keystoreId)) {
      throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TAMPERED', { detail: 'the file belongs elsewhere' })
    }
    try {
      return { header, secret: sealer.open(sealed, context) }
    } catch (cause) {
      throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TAMPERED', { cause })
    }
  }

  async #write(key: KeyFacts, secret: Uint8Array): Promise<void> {
    const { random } = this.#dependencies
    const file = { path: this.#path(key.name), bytes: this.#seal(key, secret), random }
    if (!(await writeNewFile(file))) throw keyExists(key.name)
  }

  /** The bytes of a key file made now. */
  #seal(key: KeyFacts, secret: Uint8Array): Uint8Array {
    const sealer = this.#open()
    const { clock } = this.#dependencies
    const createdAtMs = clock.now()
    const header = { ...key, keystoreId: this.#keystoreId, createdAtMs, rotationDueMs: createdAtMs + this.#rotationMs }
    const context = encodeKeyHeader(header)
    return encodeKeyFile(context, sealer.seal(secret, context))
  }

  async #checkFree(name: string): Promise<void> {
    this.#open()
    if (!isDnsLabel(name)) throw new TypeError('the name of a key is a DNS label')
    const names = await this.#names()
    if (names.includes(name)) throw keyExists(name)
    if (names.length >= MAX_KEYSTORE_KEYS) throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_FULL')
  }

  async #names(): Promise<string[]> {
    this.#open()
    const files = await listFiles(this.#directory)
    return files
      .filter((file) => file.endsWith(KEY_SUFFIX))
      .map((file) => file.slice(0, -KEY_SUFFIX.length))
      .filter(isDnsLabel)
  }

  #path(name: string): string {
    if (!isDnsLabel(name)) throw new TypeError('the name of a key is a DNS label')
    return join(this.#directory, `${name}${KEY_SUFFIX}`)
  }

  #open(): AesGcmSealer {
    if (this.#sealer === undefined) throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_CLOSED')
    return this.#sealer
  }
}

const NONE = new Uint8Array()

function keyExists(name: string): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_KEY_EXISTS', { detail: name })
}

function checkSecret(secret: Uint8Array): void {
  if (secret.length > 0 && secret.length <= MAX_SECRET_BYTES) return
  throw new TypeError(`a secret is 1 to ${MAX_SECRET_BYTES} bytes long`)
}
