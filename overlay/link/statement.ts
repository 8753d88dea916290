/**
 * The signed statement of an admission: a COSE_Sign (RFC 9052 §4.1, untagged) with its payload inside.
 *
 * ```
 * COSE_Sign       [body protected bstr, {}, payload bstr, [1*2 COSE_Signature]]
 * body protected  {3: "application/gapmesh-admission"}
 * COSE_Signature  [protected bstr {1: alg, 4: kid = SHA-256 of the SPKI}, {}, signature bstr]
 * payload         [protocol tstr, role 1 dialler | 2 listener, mesh tstr,
 *                  SHA-256 of the dialler's certificate, SHA-256 of the listener's certificate,
 *                  dialler's nonce 32, listener's nonce 32, channel binding 32, policy version uint, [* feature tstr]]
 * signed          ["Signature", body protected, signature protected, external_aad, payload]   (RFC 9052 §4.4)
 * external_aad    [mesh tstr, root fingerprint bstr 32]
 * ```
 *
 * The channel binding is tls-exporter (RFC 9266): the statement means nothing on any other TLS connection.
 */
import { type CborValue, decodeCbor, encodeCbor, equalBytes, shape } from '../../core/index.ts'
import type { PublicKey, SignatureProvider, SigningKey } from '../../crypto/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_ADMISSION_FRAME_BYTES, MAX_ADMISSION_SIGNATURES, MAX_FEATURE_BYTES, MAX_FEATURES } from '../limits.ts'
import { NONCE_BYTES, readingFrame } from './admission.ts'

/** The libp2p protocol id of the link, and what a statement names. */
export const LINK_PROTOCOL = '/dadm-mesh/1'

/** Length of the channel binding, in bytes (RFC 9266 §2). */
export const CHANNEL_BINDING_BYTES = 32

const CONTENT_TYPE = 'application/gapmesh-admission'
const HEADER = { algorithm: 1, contentType: 3, keyId: 4 } as const
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
  readonly payload: Uint8Array
  readonly signatures: readonly StatementSignature[]
}

interface StatementSignature {
  readonly header: Uint8Array
  readonly coseAlgorithm: number
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

const BODY_HEADER = encodeHeader([[HEADER.contentType, CONTENT_TYPE]])

/** Signs `statement` with every key, in the order given; answers the COSE_Sign. */
export async function signStatement(
  statement: Statement,
  { keys, context }: { keys: readonly SigningKey[]; context: Uint8Array },
): Promise<CborValue> {
  const payload = encodePayload(statement)
  const signatures = await Promise.all(
    keys.map(async (key): Promise<CborValue> => {
      const { suite, keyId } = key.publicKey
      const header = encodeHeader([
        [HEADER.algorithm, suite.coseAlgorithm],
        [HEADER.keyId, keyId],
      ])
      return [header, new Map(), await key.sign(signedBytes({ header, context, payload }))]
    }),
  )
  return [BODY_HEADER, new Map(), payload, signatures]
}

/** The external_aad of a mesh: a statement of one mesh means nothing in another. */
export function statementContext(mesh: string, rootFingerprint: Uint8Array): Uint8Array {
  return encodeCbor([mesh, rootFingerprint])
}

/**
 * Reads a COSE_Sign strictly.
 * @throws OVERLAY_LINK_FRAME
 */
export function decodeStatement(sign: CborValue): SignedStatement {
  return readingFrame(() => {
    const [body, unprotected, payload, signatures] = shape.array(sign, 'COSE_Sign', { min: 4, max: 4 })
    if (!equalBytes(shape.bytes(body, 'protected'), BODY_HEADER)) {
      throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { detail: 'content type' })
    }
    shape.map(unprotected, 'unprotected', { required: [] })
    const list = shape.array(signatures, 'signatures', { min: 1, max: MAX_ADMISSION_SIGNATURES })
    const bytes = shape.bytes(payload, 'payload')
    return { statement: decodePayload(bytes), payload: bytes, signatures: list.map(decodeSignature) }
  })
}

/**
 * True when every signature holds, each by another of `keys`, and the first of `keys` is among them.
 * @param context see {@link statementContext}
 */
export async function statementHolds(
  signed: SignedStatement,
  { keys, context, provider }: { keys: readonly PublicKey[]; context: Uint8Array; provider: SignatureProvider },
): Promise<boolean> {
  const signers = signed.signatures.map(({ keyId, coseAlgorithm }) =>
    keys.find((key) => equalBytes(key.keyId, keyId) && key.suite.coseAlgorithm === coseAlgorithm),
  )
  if (signers.includes(undefined) || new Set(signers).size !== signers.length) return false
  if (keys[0] === undefined || !signers.includes(keys[0])) return false
  const verdicts = await Promise.all(
    signed.signatures.map(({ header, signature }, at) => {
      const message = signedBytes({ header, context, payload: signed.payload })
      return provider.verify(signers[at] as PublicKey, message, signature)
    }),
  )
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
  const items = shape.array(decodeCbor(payload, { maxBytes: MAX_ADMISSION_FRAME_BYTES, maxItems: 64 }), 'payload', {
    min: 10,
    max: 10,
  })
  const bytes = (at: number, what: string, length: number) => shape.bytes(items[at], what, { min: length, max: length })
  return {
    protocol: shape.text(items[0], 'protocol', { max: 64 }),
    role: shape.oneOf(items[1], 'role', Object.values(ROLES)) === ROLES.dialler ? 'dialler' : 'listener',
    mesh: shape.text(items[2], 'mesh', { max: 63 }),
    diallerCertificate: bytes(3, 'dialler certificate', HASH_BYTES),
    listenerCertificate: bytes(4, 'listener certificate', HASH_BYTES),
    diallerNonce: bytes(5, 'dialler nonce', NONCE_BYTES),
    listenerNonce: bytes(6, 'listener nonce', NONCE_BYTES),
    channelBinding: bytes(7, 'channel binding', CHANNEL_BINDING_BYTES),
    policyVersion: shape.uint(items[8], 'policy version'),
    features: readFeatures(items[9]),
  }
}

function readFeatures(value: CborValue | undefined): string[] {
  const features = shape
    .array(value, 'features', { max: MAX_FEATURES })
    .map((feature) => shape.text(feature, 'feature', { min: 1, max: MAX_FEATURE_BYTES }))
  if (!areFeatures(features)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_FRAME', { detail: 'features' })
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

function decodeSignature(value: CborValue): StatementSignature {
  const [header, unprotected, signature] = shape.array(value, 'COSE_Signature', { min: 3, max: 3 })
  shape.map(unprotected, 'unprotected', { required: [] })
  const headerBytes = shape.bytes(header, 'protected', { max: 64 })
  const fields = shape.map(decodeCbor(headerBytes, { maxBytes: 64, maxItems: 8 }), 'protected', {
    required: [HEADER.algorithm, HEADER.keyId],
  })
  return {
    header: headerBytes,
    coseAlgorithm: shape.int(fields.get(HEADER.algorithm), 'alg'),
    keyId: shape.bytes(fields.get(HEADER.keyId), 'kid', { min: HASH_BYTES, max: HASH_BYTES }),
    signature: shape.bytes(signature, 'signature'),
  }
}

function encodeHeader(fields: readonly (readonly [number, CborValue])[]): Uint8Array {
  return encodeCbor(new Map(fields))
}

function signedBytes(parts: { header: Uint8Array; context: Uint8Array; payload: Uint8Array }): Uint8Array {
  return encodeCbor(['Signature', BODY_HEADER, parts.header, parts.context, parts.payload])
}
