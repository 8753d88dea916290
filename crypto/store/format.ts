/**
 * Codec of the keystore's files. Both kinds are one frame of deterministic CBOR, so that a cut file is told from an
 * altered one by its length heads:
 *
 * ```
 * file          = [header: bstr .cbor array, body: bstr]
 *
 * keystore.cbor   header = ["gapmesh-keystore", version, keystore id (16), created ms, unlock parameters, check (32)]
 *                 body   = SHA-256 of the header bytes: finds damage; the check finds a wrong key
 *                 unlock parameters = ["scrypt", log2 N, r, p, salt (32)] | ["key-file"]
 *
 * <name>.key      header = ["gapmesh-key", version, keystore id (16), name, kind, suite, key id (32 or 0),
 *                           created ms, rotation due ms]
 *                 body   = [nonce 12][ciphertext][tag 16] of the secret, AES-256-GCM, header bytes as context
 *                 kind   = "signing-key" (secret is PKCS#8) | "secret" (raw; suite is "", key id empty)
 * ```
 */
import { CborReader, type CborValue, decodeCbor, encodeCbor, equalBytes, shape } from '../../core/index.ts'
import { CRYPTO_ERRORS } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { MAX_KEYSTORE_FILE_BYTES } from '../limits.ts'
import { SUITES } from '../suites.ts'
import type { SuiteName } from '../types.ts'

/** Version of both files that this release writes. */
export const KEYSTORE_VERSION = 1

export const KEYSTORE_ID_BYTES = 16
export const CHECK_BYTES = 32

const KEYSTORE_FORMAT = 'gapmesh-keystore'
const KEY_FORMAT = 'gapmesh-key'
const KEY_ID_BYTES = 32

/** How the key-encryption key is obtained: the method's name, then what it needs. */
export type UnlockParameters = readonly [method: string, ...CborValue[]]

export interface KeystoreHeader {
  readonly keystoreId: Uint8Array
  readonly createdAtMs: number
  readonly unlock: UnlockParameters
  /** Derived from the key-encryption key: equal only when that key is the right one. */
  readonly check: Uint8Array
}

export type KeyKind = 'signing-key' | 'secret'

/** What is told of a key without its secret. */
export interface KeyHeader {
  readonly keystoreId: Uint8Array
  readonly name: string
  readonly kind: KeyKind
  /** Undefined for a secret. */
  readonly suite: SuiteName | undefined
  /** SHA-256 of the SPKI; undefined for a secret. */
  readonly keyId: Uint8Array | undefined
  readonly createdAtMs: number
  readonly rotationDueMs: number
}

/** A key file taken apart; nothing is authenticated yet. */
export interface KeyFile {
  readonly header: KeyHeader
  /** The exact header bytes: the context of `sealed`. */
  readonly context: Uint8Array
  readonly sealed: Uint8Array
}

/** The bytes of `keystore.cbor`. */
export function encodeKeystoreHeader(header: KeystoreHeader): Uint8Array {
  const { keystoreId, createdAtMs, unlock, check } = header
  const bytes = encodeCbor([KEYSTORE_FORMAT, KEYSTORE_VERSION, keystoreId, createdAtMs, [...unlock], check])
  return encodeCbor([bytes, sha256(bytes)])
}

/**
 * Reads `keystore.cbor`.
 * @throws CRYPTO_KEYSTORE_TRUNCATED, CRYPTO_KEYSTORE_TAMPERED, CRYPTO_KEYSTORE_VERSION
 */
export function decodeKeystoreHeader(file: Uint8Array): KeystoreHeader {
  const [bytes, digest] = decodeFrame(file)
  if (!equalBytes(digest, sha256(bytes))) throw tampered()
  return strictly(() => {
    const fields = decodeFields(bytes, KEYSTORE_FORMAT, 6)
    return {
      keystoreId: shape.bytes(fields[2], 'keystore id', { min: KEYSTORE_ID_BYTES, max: KEYSTORE_ID_BYTES }),
      createdAtMs: shape.uint(fields[3], 'created'),
      unlock: decodeUnlock(fields[4]),
      check: shape.bytes(fields[5], 'check', { min: CHECK_BYTES, max: CHECK_BYTES }),
    }
  })
}

/** The header bytes of a key file: what its secret is sealed with as context. */
export function encodeKeyHeader(header: KeyHeader): Uint8Array {
  return encodeCbor([
    KEY_FORMAT,
    KEYSTORE_VERSION,
    header.keystoreId,
    header.name,
    header.kind,
    header.suite ?? '',
    header.keyId ?? new Uint8Array(),
    header.createdAtMs,
    header.rotationDueMs,
  ])
}

/** The bytes of a key file. */
export function encodeKeyFile(headerBytes: Uint8Array, sealed: Uint8Array): Uint8Array {
  return encodeCbor([headerBytes, sealed])
}

/**
 * Reads a key file.
 * @throws CRYPTO_KEYSTORE_TRUNCATED, CRYPTO_KEYSTORE_TAMPERED, CRYPTO_KEYSTORE_VERSION
 */
export function decodeKeyFile(file: Uint8Array): KeyFile {
  const [context, sealed] = decodeFrame(file)
  return { header: strictly(() => decodeKeyHeader(context)), context, sealed }
}

function decodeKeyHeader(bytes: Uint8Array): KeyHeader {
  const fields = decodeFields(bytes, KEY_FORMAT, 9)
  const kind = shape.oneOf<KeyKind>(fields[4], 'kind', ['signing-key', 'secret'])
  const isKey = kind === 'signing-key'
  const suite = shape.oneOf(fields[5], 'suite', isKey ? (Object.keys(SUITES) as SuiteName[]) : [''])
  const keyIdBytes = isKey ? KEY_ID_BYTES : 0
  const keyId = shape.bytes(fields[6], 'key id', { min: keyIdBytes, max: keyIdBytes })
  return {
    keystoreId: shape.bytes(fields[2], 'keystore id', { min: KEYSTORE_ID_BYTES, max: KEYSTORE_ID_BYTES }),
    name: shape.text(fields[3], 'name', { min: 1, max: 63 }),
    kind,
    suite: suite === '' ? undefined : suite,
    keyId: isKey ? keyId : undefined,
    createdAtMs: shape.uint(fields[7], 'created'),
    rotationDueMs: shape.uint(fields[8], 'rotation due'),
  }
}

function decodeUnlock(value: CborValue | undefined): UnlockParameters {
  const [method, ...rest] = shape.array(value, 'unlock', { min: 1, max: 8 })
  return [shape.text(method, 'unlock method', { min: 1, max: 32 }), ...rest]
}

/** The array in a header, once its format and version are known to be ours. */
function decodeFields(bytes: Uint8Array, format: string, count: number): CborValue[] {
  const fields = shape.array(decodeCbor(bytes, { maxBytes: MAX_KEYSTORE_FILE_BYTES }), 'header', { min: 2 })
  shape.oneOf(fields[0], 'format', [format])
  const version = shape.uint(fields[1], 'version', { min: 1 })
  if (version > KEYSTORE_VERSION) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_VERSION', { metadata: { found: version, known: KEYSTORE_VERSION } })
  }
  return shape.array(fields, 'header', { min: count, max: count })
}

/** The parts of a frame; views into `file`. */
function decodeFrame(file: Uint8Array): [header: Uint8Array, body: Uint8Array] {
  if (file.length > MAX_KEYSTORE_FILE_BYTES) throw tampered()
  const reader = new CborReader(file, (_, flaw) =>
    flaw === 'cut short' ? CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TRUNCATED') : tampered(),
  )
  reader.array('file', { min: 2, max: 2 })
  const header = reader.bytes('header', { max: MAX_KEYSTORE_FILE_BYTES })
  const body = reader.bytes('body', { max: MAX_KEYSTORE_FILE_BYTES })
  reader.end('file')
  return [header, body]
}

/** Runs a decoder; whatever the CBOR layer refuses means that somebody altered the file. */
function strictly<Value>(decodeIt: () => Value): Value {
  try {
    return decodeIt()
  } catch (cause) {
    throw CRYPTO_ERRORS.matches(cause) ? cause : tampered(cause)
  }
}

function tampered(cause?: unknown): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TAMPERED', { cause })
}
