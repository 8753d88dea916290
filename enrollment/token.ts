import { fromHex, isDnsLabel, type RandomSource, toHex, utf8 } from '../core/index.ts'
import { sha256 } from '../crypto/index.ts'
import { base32Length, decodeBase32, encodeBase32 } from './base32.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import { MAX_TOKEN_CHARACTERS } from './limits.ts'

/**
 * Enrolment tokens, as text:
 *
 *     gm1.<mesh>.<root fingerprint>.<secret>.<checksum>
 *
 *     mesh         DNS label
 *     fingerprint  64 hexadecimal digits: SHA-256 of the root certificate, by which the node knows the CA
 *     secret       52 characters of base32: 256 random bits, by which the CA knows the token
 *     checksum     6 characters of base32: the first 30 bits of SHA-256 over everything before the last dot
 *
 * Written in lower case, read in either: in upper case a QR code needs its smaller alphanumeric mode only. In secret
 * and checksum i and l are read as 1, o as 0.
 */
export interface Token {
  readonly mesh: string
  /** 32 bytes. */
  readonly rootFingerprint: Uint8Array
  /** 32 bytes. */
  readonly secret: Uint8Array
}

const SECRET_BYTES = 32
const CHECKSUM_CHARACTERS = 6
const FORM = new RegExp(
  `^gm1\\.([a-z0-9-]{1,63})\\.([0-9a-f]{64})\\.([0-9a-z]{${base32Length(SECRET_BYTES)}})\\.([0-9a-z]{${CHECKSUM_CHARACTERS}})$`,
)

/** A token with a fresh secret. */
export function makeToken(root: Pick<Token, 'mesh' | 'rootFingerprint'>, random: RandomSource): Token {
  return { mesh: root.mesh, rootFingerprint: root.rootFingerprint, secret: random.bytes(SECRET_BYTES) }
}

/** Text of a token, in lower case. */
export function encodeToken(token: Token): string {
  const covered = `gm1.${token.mesh}.${toHex(token.rootFingerprint)}.${encodeBase32(token.secret)}`
  return `${covered}.${checksum(covered)}`
}

/**
 * Reads the text of a token; space around it is passed over.
 * @throws ENROLLMENT_TOKEN_FORMAT, ENROLLMENT_TOKEN_CHECKSUM
 */
export function decodeToken(text: string): Token {
  const format = () => ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_FORMAT')
  if (text.length > MAX_TOKEN_CHARACTERS) throw format()
  const match = FORM.exec(text.trim().toLowerCase())
  if (match === null) throw format()
  const [, mesh = '', fingerprint = '', secretText = '', sum = ''] = match
  const secret = decodeBase32(asWritten(secretText))
  const covered = `gm1.${mesh}.${fingerprint}.${asWritten(secretText)}`
  if (asWritten(sum) !== checksum(covered)) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_CHECKSUM')
  if (secret === undefined || !isDnsLabel(mesh)) throw format()
  return { mesh, rootFingerprint: fromHex(fingerprint), secret }
}

/**
 * What a CA keeps of a token: SHA-256 of its secret. A plain hash is enough because the secret has 256 random bits:
 * there is nothing to guess that a slow hash or a salt would make slower.
 */
export function tokenId(token: Pick<Token, 'secret'>): Uint8Array {
  return sha256(token.secret)
}

function checksum(covered: string): string {
  return encodeBase32(sha256(utf8(covered))).slice(0, CHECKSUM_CHARACTERS)
}

function asWritten(text: string): string {
  return text.replace(/[il]/g, '1').replace(/o/g, '0')
}
