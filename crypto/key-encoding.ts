/**
 * Codec of encoded keys. For each suite exactly one SubjectPublicKeyInfo and one PKCS#8 form is read and written, all
 * of fixed length, so that a key has one encoding and its key id names it:
 *
 * ```
 * SPKI    [prefix: SEQUENCE, AlgorithmIdentifier, BIT STRING head][raw public key]
 * PKCS#8  [prefix: SEQUENCE, version 0, AlgorithmIdentifier, OCTET STRING head][secret]
 *         ECDSA goes on with [01 tag and head of the public key][raw public key]
 *
 * suite       raw public key            SPKI   secret          PKCS#8   source
 * ed25519     32 point                    44   32 seed             48   RFC 8410
 * ecdsa-p256  65 uncompressed point       91   32 scalar          138   RFC 5480, RFC 5915
 * ecdsa-p384  97 uncompressed point      120   48 scalar          185   RFC 5480, RFC 5915
 * ml-dsa-65   1952                      1974   32 seed, tag [0]    54   RFC 9881 §6 seed form
 * ml-dsa-87   2592                      2614   32 seed, tag [0]    54   RFC 9881 §6 seed form
 * ```
 *
 * Other forms that OpenSSL would read (compressed points, PKCS#8 without the public key, expanded ML-DSA keys,
 * trailing bytes) are refused. Whether the raw bytes are a valid key is the importer's business.
 */
import { concatBytes, equalBytes, fromHex } from '../core/index.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import { MAX_ENCODED_KEY_BYTES } from './limits.ts'
import { SUITES } from './suites.ts'
import type { SignatureSuite, SuiteName } from './types.ts'

interface KeyForm {
  /** AlgorithmIdentifier, DER. */
  readonly algorithm: string
  readonly spkiPrefix: string
  readonly publicBytes: number
  readonly pkcs8Prefix: string
  readonly secretBytes: number
  /** What stands between the secret and the public key where PKCS#8 carries both. */
  readonly pkcs8Middle: string | undefined
}

const FORMS: Readonly<Record<SuiteName, KeyForm>> = {
  ed25519: {
    algorithm: '300506032b6570',
    spkiPrefix: '302a300506032b6570032100',
    publicBytes: 32,
    pkcs8Prefix: '302e020100300506032b657004220420',
    secretBytes: 32,
    pkcs8Middle: undefined,
  },
  'ecdsa-p256': {
    algorithm: '301306072a8648ce3d020106082a8648ce3d030107',
    spkiPrefix: '3059301306072a8648ce3d020106082a8648ce3d030107034200',
    publicBytes: 65,
    pkcs8Prefix: '308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420',
    secretBytes: 32,
    pkcs8Middle: 'a144034200',
  },
  'ecdsa-p384': {
    algorithm: '301006072a8648ce3d020106052b81040022',
    spkiPrefix: '3076301006072a8648ce3d020106052b81040022036200',
    publicBytes: 97,
    pkcs8Prefix: '3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430',
    secretBytes: 48,
    pkcs8Middle: 'a164036200',
  },
  'ml-dsa-65': {
    algorithm: '300b0609608648016503040312',
    spkiPrefix: '308207b2300b0609608648016503040312038207a100',
    publicBytes: 1952,
    pkcs8Prefix: '3034020100300b060960864801650304031204228020',
    secretBytes: 32,
    pkcs8Middle: undefined,
  },
  'ml-dsa-87': {
    algorithm: '300b0609608648016503040313',
    spkiPrefix: '30820a32300b060960864801650304031303820a2100',
    publicBytes: 2592,
    pkcs8Prefix: '3034020100300b060960864801650304031304228020',
    secretBytes: 32,
    pkcs8Middle: undefined,
  },
}

/** First byte of an uncompressed point (SEC 1 §2.3.3); the raw public key of ECDSA begins with it. */
const UNCOMPRESSED_POINT = 0x04

/** What an SPKI says. `raw` is a view into it. */
export interface DecodedPublicKey {
  readonly suite: SignatureSuite
  readonly raw: Uint8Array
}

/** What a PKCS#8 says. Both byte strings are views into it. */
export interface DecodedPrivateKey {
  readonly suite: SignatureSuite
  /** Seed or scalar. */
  readonly secret: Uint8Array
  /** Present where the form carries it (ECDSA). */
  readonly rawPublic: Uint8Array | undefined
}

/**
 * Reads a SubjectPublicKeyInfo.
 * @throws CRYPTO_KEY_MALFORMED, CRYPTO_SUITE_UNKNOWN
 */
export function decodeSpki(spki: Uint8Array): DecodedPublicKey {
  const suite = suiteOf(spki, 0)
  const form = FORMS[suite.name]
  const [raw] = split(spki, [form.spkiPrefix, form.publicBytes])
  return { suite, raw: checkPoint(suite, raw) }
}

/** The SubjectPublicKeyInfo of a raw public key of the right length. */
export function encodeSpki(suite: SuiteName, raw: Uint8Array): Uint8Array {
  const form = FORMS[suite]
  if (raw.length !== form.publicBytes) throw new TypeError('raw public key of the wrong length')
  return concatBytes(fromHex(form.spkiPrefix), raw)
}

/**
 * Reads a PKCS#8 PrivateKeyInfo.
 * @throws CRYPTO_KEY_MALFORMED, CRYPTO_SUITE_UNKNOWN
 */
export function decodePkcs8(pkcs8: Uint8Array): DecodedPrivateKey {
  const suite = suiteOf(pkcs8, PKCS8_VERSION.length)
  const form = FORMS[suite.name]
  if (form.pkcs8Middle === undefined) {
    const [secret] = split(pkcs8, [form.pkcs8Prefix, form.secretBytes])
    return { suite, secret, rawPublic: undefined }
  }
  const [secret, rawPublic] = split(pkcs8, [form.pkcs8Prefix, form.secretBytes], [form.pkcs8Middle, form.publicBytes])
  return { suite, secret, rawPublic: checkPoint(suite, rawPublic) }
}

/** The PKCS#8 of a seed or scalar; `rawPublic` goes in where the form carries it. The caller wipes the result. */
export function encodePkcs8(suite: SuiteName, secret: Uint8Array, rawPublic: Uint8Array): Uint8Array {
  const form = FORMS[suite]
  if (secret.length !== form.secretBytes || rawPublic.length !== form.publicBytes) {
    throw new TypeError('seed, scalar or public key of the wrong length')
  }
  const head = fromHex(form.pkcs8Prefix)
  return form.pkcs8Middle === undefined
    ? concatBytes(head, secret)
    : concatBytes(head, secret, fromHex(form.pkcs8Middle), rawPublic)
}

/** INTEGER 0: what PKCS#8 has before its AlgorithmIdentifier. */
const PKCS8_VERSION = fromHex('020100')

/** Finds the suite by the AlgorithmIdentifier that stands `skip` bytes into the outer SEQUENCE. */
function suiteOf(der: Uint8Array, skip: number): SignatureSuite {
  if (der.length > MAX_ENCODED_KEY_BYTES || der.length < 16 || der[0] !== 0x30) throw malformed()
  const lengthByte = der[1] ?? 0
  const at = (lengthByte < 0x80 ? 2 : 2 + (lengthByte & 0x7f)) + skip
  for (const suite of Object.values(SUITES)) {
    const algorithm = fromHex(FORMS[suite.name].algorithm)
    if (equalBytes(der.subarray(at, at + algorithm.length), algorithm)) return suite
  }
  if (der[at] !== 0x30) throw malformed()
  throw CRYPTO_ERRORS.create('CRYPTO_SUITE_UNKNOWN')
}

type Piece = readonly [prefix: string, length: number]

/** Cuts `der` into its pieces; every prefix must match and nothing may be left. */
function split<const Pieces extends readonly Piece[]>(
  der: Uint8Array,
  ...pieces: Pieces
): { [Index in keyof Pieces]: Uint8Array } {
  const total = pieces.reduce((sum, [prefix, length]) => sum + prefix.length / 2 + length, 0)
  if (der.length !== total) throw malformed()
  let at = 0
  const out: Uint8Array[] = []
  for (const [prefixHex, length] of pieces) {
    const prefix = fromHex(prefixHex)
    if (!equalBytes(der.subarray(at, at + prefix.length), prefix)) throw malformed()
    at += prefix.length
    out.push(der.subarray(at, at + length))
    at += length
  }
  return out as { [Index in keyof Pieces]: Uint8Array }
}

function checkPoint(suite: SignatureSuite, raw: Uint8Array): Uint8Array {
  if (suite.name.startsWith('ecdsa') && raw[0] !== UNCOMPRESSED_POINT) throw malformed()
  return raw
}

function malformed(): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEY_MALFORMED')
}
