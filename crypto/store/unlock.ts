import { scrypt } from 'node:crypto'
import { checkOptionKeys, checkWholeNumber, type RandomSource, utf8 } from '../../core/index.ts'
import { CRYPTO_ERRORS } from '../errors.ts'
import { MAX_PASSPHRASE_BYTES, SCRYPT_BOUNDS } from '../limits.ts'
import { wipe } from '../secrets.ts'
import { readPrivateFile, writeNewFile } from './files.ts'
import type { UnlockParameters } from './format.ts'

/** Length of a key-encryption key in bytes. */
export const KEK_BYTES = 32

const SALT_BYTES = 32

/**
 * A way to obtain the key-encryption key of a keystore: a passphrase, a key file, later a TPM. Keys that it returns
 * belong to the keystore, which wipes them.
 */
export interface KeystoreUnlock {
  /** Name in the keystore header. */
  readonly method: string
  /** What is thrown when the key turns out to be another one. */
  readonly wrongKeyCode: 'CRYPTO_KEYSTORE_WRONG_PASSPHRASE' | 'CRYPTO_KEYSTORE_WRONG_KEY_FILE'
  /** A key for a new keystore, and what {@link recover} needs to find it again. */
  create(random: RandomSource): Promise<{ key: Uint8Array; parameters: UnlockParameters }>
  /**
   * The key of an existing keystore, right or wrong.
   * @throws CRYPTO_KEYSTORE_TAMPERED when the parameters are out of bounds
   */
  recover(parameters: UnlockParameters): Promise<Uint8Array>
}

/** Cost of scrypt (RFC 7914): N is 2^log2N; memory is 128 · N · r bytes. */
export interface ScryptCost {
  log2N: number
  r: number
  p: number
}

/** About 0.4 s and 128 MiB, once per open. */
export const DEFAULT_SCRYPT_COST: ScryptCost = { log2N: 17, r: 8, p: 1 }

export interface PassphraseUnlockOptions {
  /** Text is taken in Unicode normalisation form C as UTF-8; bytes are taken as they are. 1 to 1,024 bytes. */
  passphrase: string | Uint8Array
  /** For a new keystore; an existing one states its own. Default {@link DEFAULT_SCRYPT_COST}. */
  cost?: ScryptCost
}

/**
 * Unlocks by a passphrase through scrypt.
 * @throws CRYPTO_KEYSTORE_PASSPHRASE_SIZE
 * @throws {TypeError} when the cost is out of bounds or an option is unknown
 */
export function unlockByPassphrase(options: PassphraseUnlockOptions): KeystoreUnlock {
  checkOptionKeys('unlockByPassphrase', options, ['passphrase', 'cost'])
  const { passphrase, cost = DEFAULT_SCRYPT_COST } = options
  const secret = typeof passphrase === 'string' ? utf8(passphrase.normalize('NFC')) : passphrase.slice()
  if (secret.length === 0 || secret.length > MAX_PASSPHRASE_BYTES) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_PASSPHRASE_SIZE')
  }
  checkWholeNumber('log2N', cost.log2N, SCRYPT_BOUNDS.log2N)
  checkWholeNumber('r', cost.r, SCRYPT_BOUNDS.r)
  checkWholeNumber('p', cost.p, SCRYPT_BOUNDS.p)
  if (!isWithinBounds(cost)) throw new TypeError('the scrypt cost needs more memory than its cap')
  return {
    method: 'scrypt',
    wrongKeyCode: 'CRYPTO_KEYSTORE_WRONG_PASSPHRASE',
    async create(random) {
      const salt = random.bytes(SALT_BYTES)
      return { key: await derive(secret, salt, cost), parameters: ['scrypt', cost.log2N, cost.r, cost.p, salt] }
    },
    async recover(parameters) {
      const { salt, ...stored } = readScryptParameters(parameters)
      return derive(secret, salt, stored)
    },
  }
}

function readScryptParameters(parameters: UnlockParameters): ScryptCost & { salt: Uint8Array } {
  const [, log2N, r, p, salt] = parameters
  if (typeof log2N !== 'number' || typeof r !== 'number' || typeof p !== 'number') throw badParameters()
  if (!(salt instanceof Uint8Array) || salt.length !== SALT_BYTES || parameters.length !== 5) throw badParameters()
  if (!isWithinBounds({ log2N, r, p })) throw badParameters()
  return { log2N, r, p, salt }
}

function isWithinBounds({ log2N, r, p }: ScryptCost): boolean {
  const within = (value: number, { min, max }: { min: number; max: number }) => value >= min && value <= max
  return (
    within(log2N, SCRYPT_BOUNDS.log2N) &&
    within(r, SCRYPT_BOUNDS.r) &&
    within(p, SCRYPT_BOUNDS.p) &&
    128 * 2 ** log2N * r <= SCRYPT_BOUNDS.maxMemoryBytes
  )
}

function derive(secret: Uint8Array, salt: Uint8Array, { log2N, r, p }: ScryptCost): Promise<Uint8Array> {
  const N = 2 ** log2N
  const maxmem = 128 * r * (N + p + 2) // OpenSSL counts its work buffers too
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, KEK_BYTES, { N, r, p, maxmem }, (error, key) => {
      if (error) reject(CRYPTO_ERRORS.create('CRYPTO_OPERATION_FAILED', { cause: error }))
      else resolve(new Uint8Array(key.buffer, key.byteOffset, key.length))
    })
  })
}

export interface KeyFileUnlockOptions {
  /** A file of exactly 32 random bytes that only its owner can read. Made when a keystore is created without one. */
  path: string
}

/** Unlocks by a key file: for machines that start unattended. Keep it on another medium than the keystore's backup. */
export function unlockByKeyFile(options: KeyFileUnlockOptions): KeystoreUnlock {
  checkOptionKeys('unlockByKeyFile', options, ['path'])
  const { path } = options
  return {
    method: 'key-file',
    wrongKeyCode: 'CRYPTO_KEYSTORE_WRONG_KEY_FILE',
    async create(random) {
      const existing = await readPrivateFile(path)
      return {
        key: existing === undefined ? await makeKeyFile(path, random) : sized(existing),
        parameters: ['key-file'],
      }
    },
    async recover(parameters) {
      if (parameters.length !== 1) throw badParameters()
      const key = await readPrivateFile(path)
      if (key === undefined) {
        throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_MISSING', { detail: path, metadata: { path } })
      }
      return sized(key)
    },
  }
}

async function makeKeyFile(path: string, random: RandomSource): Promise<Uint8Array> {
  const key = random.bytes(KEK_BYTES)
  const written = await writeNewFile({ path, bytes: key, random })
  if (!written) throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_EXISTS', { detail: path })
  return key
}

function sized(key: Uint8Array): Uint8Array {
  if (key.length === KEK_BYTES) return key
  wipe(key)
  throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_WRONG_KEY_FILE', { metadata: { bytes: key.length } })
}

function badParameters(): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TAMPERED', { detail: 'unlock parameters out of bounds' })
}
