/**
 * The signed statement of an admission: a COSE_Sign as records have it (`records/cose.ts`).
 *
 * ```
 * content type    "application/gapmesh-admission"
 * signatures      2: identity key, then device key
 * payload         [protocol tstr, role 1 dialler | 2 listener, mesh tstr,
 *                  SHA-256 of the dialler's certificate, SHA-256 of the listener's certificate,
 *                  dialler's nonce 32, listener's nonce 32, channel binding 32, policy version uint, [* feature tstr]]
 * ```
 *
 * The channel binding on TCP is tls-exporter (RFC 9266): the statement means nothing on any other TLS connection. QUIC's is
 * weaker: see `quicBinding` and docs/adr/0013.
 */
import { CborReader, encodeCbor } from '../../core/index.ts'
import type { SignatureProvider, SigningKey } from '../../crypto/index.ts'
import {
  type CoseFrame,
  type NodeKeys,
  RECORDS_ERRORS,
  readCoseSign,
  signatureHolds,
  signedItems,
  signItems,
  writeCoseSign,
} from '../../records/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_FEATURE_BYTES, MAX_FEATURES } from '../limits.ts'
import { malformedFrame, NONCE_BYTES } from './admission.ts'

/** The libp2p protocol id of the link, and what a statement names. */
export const LINK_PROTOCOL = '/dadm-mesh/1'

/** Length of the channel binding, in bytes (RFC 9266 §2). */
export const CHANNEL_BINDING_BYTES = 32

const CONTENT_TYPE = 'application/gapmesh-admission'
const ROLES = { dialler: 1, listener: 2 } as const
const HASH_BYTES = 32

/** Which side opened the connection. */
export type LinkRole = keyof typeof ROLES

/** What both sides know of the connection, and what one side says about itself. */
export interface Statement {
  readonly protocol: string
  readonly role: LinkRole
  readonly mesh: string
  readonly diallerCertificate: Uint8Array
  readonly listenerCertificate: Uint8Array
  readonly diallerNonce: Uint8Array
  readonly listenerNonce: Uint8Array
  readonly channelBinding: Uint8Array
  /** Number of the signed mesh configuration that the side runs by. */
  readonly policyVersion: number
  /** Optional abilities of the side, sorted, each once. */
  readonly features: readonly string[]
}

/** A statement that decoded strictly; its signatures are not verified yet. */
export interface SignedStatement {
  readonly statement: Statement
  readonly frame: CoseFrame
}

/** Signs `statement` with every key, in the order given; answers the COSE_Sign. `aadItem` is of `externalAad()`. */
export async function signStatement(
  statement: Statement,
  { keys, aadItem }: { keys: readonly SigningKey[]; aadItem: Uint8Array },
): Promise<Uint8Array> {
  const items = signedItems(CONTENT_TYPE, encodePayload(statement))
  return writeCoseSign(items, await signItems(items, { keys, aadItem }))
}

/**
 * Reads a COSE_Sign strictly.
 * @throws OVERLAY_LINK_FRAME
 */
export function decodeStatement(sign: Uint8Array): SignedStatement {
  const frame = readFrame(sign)
  if (frame.contentType !== CONTENT_TYPE) throw malformedFrame('content type')
  return { statement: decodePayload(frame.payload), frame }
}

function readFrame(sign: Uint8Array): CoseFrame {
  try {
    return readCoseSign(sign)
  } catch (cause) {
    if (RECORDS_ERRORS.matches(cause)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { cause })
    throw cause
  }
}

/**
 * True when the identity key and the device key in `keys` have both signed: whoever copied the one, say from a disk, does not
 * have the other, which may live in hardware.
 */
export async function statementHolds(
  { frame }: SignedStatement,
  by: { keys: NodeKeys; aadItem: Uint8Array; provider: SignatureProvider },
): Promise<boolean> {
  const halves = new Set(frame.signatures.map(({ suite }) => suite.half))
  if (halves.size !== 2) return false
  const verdicts = await Promise.all(frame.signatures.map((signature) => signatureHolds(frame, signature, by)))
  return verdicts.every(Boolean)
}

function encodePayload(statement: Statement): Uint8Array {
  return encodeCbor([
    statement.protocol,
    ROLES[statement.role],
    statement.mesh,
    statement.diallerCertificate,
    statement.listenerCertificate,
    statement.diallerNonce,
    statement.listenerNonce,
    statement.channelBinding,
    statement.policyVersion,
    [...statement.features],
  ])
}

function decodePayload(payload: Uint8Array): Statement {
  const reader = new CborReader(payload, malformedFrame)
  const bytes = (what: string, length: number) => reader.bytes(what, { min: length, max: length })
  reader.array('payload', { min: 10, max: 10 })
  const statement: Statement = {
    protocol: reader.text('protocol', { max: 64 }),
    role: reader.uint('role', { min: 1, max: 2 }) === ROLES.dialler ? 'dialler' : 'listener',
    mesh: reader.text('mesh', { max: 63 }),
    diallerCertificate: bytes('dialler certificate', HASH_BYTES),
    listenerCertificate: bytes('listener certificate', HASH_BYTES),
    diallerNonce: bytes('dialler nonce', NONCE_BYTES),
    listenerNonce: bytes('listener nonce', NONCE_BYTES),
    channelBinding: bytes('channel binding', CHANNEL_BINDING_BYTES),
    policyVersion: reader.uint('policy version', {}),
    features: readFeatures(reader),
  }
  reader.end('payload')
  return statement
}

function readFeatures(reader: CborReader): string[] {
  const length = reader.array('features', { max: MAX_FEATURES })
  const features = Array.from({ length }, () => reader.text('feature', { min: 1, max: MAX_FEATURE_BYTES }))
  if (!areFeatures(features)) throw malformedFrame('features')
  return features
}

/** True for feature names as a statement carries them: few, short, sorted, each once. */
export function areFeatures(features: readonly string[]): boolean {
  return (
    features.length <= MAX_FEATURES &&
    features.every((feature, at) => {
      const size = Buffer.byteLength(feature)
      return size > 0 && size <= MAX_FEATURE_BYTES && (at === 0 || feature > (features[at - 1] ?? ''))
    })
  )
}
