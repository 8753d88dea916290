import { join } from 'node:path'
import { checkOptionKeys, checkWholeNumber, utf8 } from '../../core/index.ts'
import { CRYPTO_ERRORS } from '../errors.ts'
import { equalSecrets, hkdfSha384 } from '../hash.ts'
import { SEAL_KEY_BYTES } from '../sealer.ts'
import { wipe, withSecret } from '../secrets.ts'
import {
  checkPrivateDirectory,
  listFiles,
  makePrivateDirectory,
  namingFile,
  readPrivateFile,
  writeNewFile,
} from './files.ts'
import { CHECK_BYTES, decodeKeystoreHeader, encodeKeystoreHeader, KEYSTORE_ID_BYTES } from './format.ts'
import { DEFAULT_ROTATION_MS, DirectoryKeystore, KEY_SUFFIX } from './keystore.ts'
import type { Keystore, KeystoreDependencies, KeystoreOptions } from './types.ts'

const HEADER_FILE = 'keystore.cbor'

/** Longest time that a key may be told to serve: a century. */
const MAX_ROTATION_MS = 100 * 365 * 86_400_000

/**
 * Makes a keystore in a directory that has none, and opens it.
 * @throws CRYPTO_KEYSTORE_EXISTS, CRYPTO_KEYSTORE_PERMISSIONS, CRYPTO_KEYSTORE_IO
 */
export async function createKeystore(options: KeystoreOptions, dependencies: KeystoreDependencies): Promise<Keystore> {
  checkKeystoreOptions(options)
  const { directory, unlock } = options
  await makePrivateDirectory(directory)
  const isOurs = (file: string) => file === HEADER_FILE || file.endsWith(KEY_SUFFIX)
  if ((await listFiles(directory)).some(isOurs)) throw exists(directory)
  const keystoreId = dependencies.random.bytes(KEYSTORE_ID_BYTES)
  const { key, parameters } = await unlock.create(dependencies.random)
  const { wrappingKey, check } = withSecret(key, (kek) => deriveKeys(kek, keystoreId))
  const header = { keystoreId, createdAtMs: dependencies.clock.now(), unlock: parameters, check }
  const { random } = dependencies
  const written = await writeNewFile({
    path: join(directory, HEADER_FILE),
    bytes: encodeKeystoreHeader(header),
    random,
  })
  if (!written) throw exists(directory)
  return opened(options, { keystoreId, wrappingKey }, dependencies)
}

/**
 * Opens the keystore in a directory: one scrypt or one key file read.
 * @throws CRYPTO_KEYSTORE_MISSING, _PERMISSIONS, _TRUNCATED, _TAMPERED, _VERSION, _IO, _UNLOCK_METHOD,
 * _WRONG_PASSPHRASE, _WRONG_KEY_FILE
 */
export async function openKeystore(options: KeystoreOptions, dependencies: KeystoreDependencies): Promise<Keystore> {
  checkKeystoreOptions(options)
  const { directory, unlock } = options
  await checkPrivateDirectory(directory)
  const path = join(directory, HEADER_FILE)
  const file = await readPrivateFile(path)
  if (file === undefined) throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_MISSING', { detail: directory })
  const header = namingFile(path, () => decodeKeystoreHeader(file))
  if (header.unlock[0] !== unlock.method) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_UNLOCK_METHOD', { metadata: { method: header.unlock[0] } })
  }
  const kek = await unlock.recover(header.unlock)
  const { wrappingKey, check } = withSecret(kek, (key) => deriveKeys(key, header.keystoreId))
  if (!equalSecrets(check, header.check)) {
    wipe(wrappingKey)
    throw CRYPTO_ERRORS.create(unlock.wrongKeyCode)
  }
  return opened(options, { keystoreId: header.keystoreId, wrappingKey }, dependencies)
}

function opened(
  { directory, rotationMs = DEFAULT_ROTATION_MS }: KeystoreOptions,
  keys: { keystoreId: Uint8Array; wrappingKey: Uint8Array },
  dependencies: KeystoreDependencies,
): Keystore {
  return new DirectoryKeystore({ directory, rotationMs, ...keys }, dependencies)
}

function exists(directory: string): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_EXISTS', { detail: directory })
}

function checkKeystoreOptions(options: KeystoreOptions): void {
  checkOptionKeys('keystore', options, ['directory', 'unlock', 'rotationMs'])
  if (options.rotationMs !== undefined) {
    checkWholeNumber('rotationMs', options.rotationMs, { min: 1, max: MAX_ROTATION_MS })
  }
}

/** One key per use, and bound to this keystore: two keystores with one key file share no wrapping key. */
function deriveKeys(kek: Uint8Array, keystoreId: Uint8Array): { wrappingKey: Uint8Array; check: Uint8Array } {
  const derived = (label: string, length: number) =>
    hkdfSha384({ secret: kek, salt: keystoreId, info: utf8(label), length })
  return {
    wrappingKey: derived('gapmesh-keystore-1 wrap', SEAL_KEY_BYTES),
    check: derived('gapmesh-keystore-1 check', CHECK_BYTES),
  }
}
