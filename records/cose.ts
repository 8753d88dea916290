/**
 * What is signed by a node's keys, be it a record or the admission statement of a link: an untagged COSE_Sign
 * (RFC 9052 §4.1) in deterministic CBOR.
 *
 *     84                                        array of 4
 *       58 ..  A1 03 78 .. content type         protected header: content type (3), text, and nothing else
 *       A0                                      unprotected header: always empty
 *       58 ..  payload                          of a record: see record.ts
 *       81 | 82                                 one signature, or two of different halves
 *         83                                    COSE_Signature
 *           58 ..  A2 01 alg 04 58 20 kid       protected header: algorithm (1), SHA-256 of the SPKI (4)
 *           A0
 *           58 ..  signature                    length fixed by the algorithm
 *
 * Headers are closed: an extension must be critical (2), and a critical header that is not known is refused with a code
 * of its own. A header that is not known and not critical is refused as malformed, because two encodings that mean the
 * same would be two records.
 */
import {
  CborReader,
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  equalBytes,
  type GapmeshError,
  isGapmeshError,
} from '../core/index.ts'
import {
  type PublicKey,
  type SignatureProvider,
  type SignatureSuite,
  type SigningKey,
  sha256,
  suiteByCoseAlgorithm,
} from '../crypto/index.ts'
import { RECORDS_ERRORS } from './errors.ts'
import { MAX_RECORD_BYTES } from './limits.ts'
import type { RecordSignature } from './types.ts'

/** Labels of COSE header parameters (RFC 9052 §3.1). */
const LABEL = { algorithm: 1, critical: 2, contentType: 3, keyId: 4 } as const

const KEY_ID_BYTES = 32

/** Start of dCBOR ["Signature", …4 more] (RFC 9052 §4.4). */
const SIG_STRUCTURE_START = concatBytes(Uint8Array.of(0x85), encodeCbor('Signature'))

/** Start of dCBOR ["gapmesh-record-1", protected, payload]. */
const ID_START = concatBytes(Uint8Array.of(0x83), encodeCbor('gapmesh-record-1'))

/** What is signed, and what a record is identified by: CBOR items, heads included, as they stand in its bytes. */
export interface SignedItems {
  /** The protected header as a byte string. */
  readonly protectedItem: Uint8Array
  /** The payload as a byte string. */
  readonly payloadItem: Uint8Array
}

/** One COSE_Signature with the header it signs. */
export interface CoseSignature extends RecordSignature {
  readonly protectedItem: Uint8Array
  readonly suite: SignatureSuite
}

/** A strictly decoded COSE_Sign. */
export interface CoseFrame extends SignedItems {
  readonly contentType: string
  readonly payload: Uint8Array
  readonly signatures: readonly CoseSignature[]
}

function malformed(what: string): GapmeshError {
  return RECORDS_ERRORS.create('RECORDS_MALFORMED', { detail: what, metadata: { what } })
}

/** The protected header and the payload as the byte-string items that are signed. */
export function signedItems(contentType: string, payload: Uint8Array): SignedItems {
  return {
    protectedItem: encodeCbor(encodeCbor(new Map([[LABEL.contentType, contentType]]))),
    payloadItem: encodeCbor(payload),
  }
}

/** The protected header of one signature as the byte-string item that is signed. */
export function signatureHeader(coseAlgorithm: number, keyId: Uint8Array): Uint8Array {
  const header = new Map<number, CborValue>([
    [LABEL.algorithm, coseAlgorithm],
    [LABEL.keyId, keyId],
  ])
  return encodeCbor(encodeCbor(header))
}

/** The bytes of a COSE_Sign: {@link readCoseSign} reads them. */
export function writeCoseSign(items: SignedItems, signatures: readonly RecordSignature[]): Uint8Array {
  const emptyMap = Uint8Array.of(0xa0)
  const parts = signatures.flatMap(({ coseAlgorithm, keyId, signature }) => [
    Uint8Array.of(0x83),
    signatureHeader(coseAlgorithm, keyId),
    emptyMap,
    encodeCbor(signature),
  ])
  const count = Uint8Array.of(0x80 + signatures.length)
  return concatBytes(Uint8Array.of(0x84), items.protectedItem, emptyMap, items.payloadItem, count, ...parts)
}

/** Id of the record with these items: SHA-256 of dCBOR `["gapmesh-record-1", protected, payload]`. */
export function idOf(items: SignedItems): Uint8Array {
  return sha256(concatBytes(ID_START, items.protectedItem, items.payloadItem))
}

/** external_aad of every signature in a mesh as a byte-string item: nothing that is signed means anything in another mesh. */
export function externalAad(mesh: string, rootFingerprint: Uint8Array): Uint8Array {
  return encodeCbor(encodeCbor([mesh, rootFingerprint]))
}

/** Sig_structure (RFC 9052 §4.4), the bytes that one signature covers. `aadItem` is from {@link externalAad}. */
export function sigStructure(items: SignedItems, headerItem: Uint8Array, aadItem: Uint8Array): Uint8Array {
  return concatBytes(SIG_STRUCTURE_START, items.protectedItem, headerItem, aadItem, items.payloadItem)
}

/**
 * Signs `items` with every key at the same time; the signatures stand in the order of the keys.
 * @throws {TypeError} when a key signs with another length than its suite's, and whatever the keys throw
 */
export async function signItems(
  items: SignedItems,
  { keys, aadItem }: { keys: readonly SigningKey[]; aadItem: Uint8Array },
): Promise<RecordSignature[]> {
  return Promise.all(
    keys.map(async (key) => {
      const { keyId, suite } = key.publicKey
      const header = signatureHeader(suite.coseAlgorithm, keyId)
      const signature = await key.sign(sigStructure(items, header, aadItem))
      if (signature.length !== suite.signatureBytes) throw new TypeError('a key signs with the length of its suite')
      return { coseAlgorithm: suite.coseAlgorithm, keyId, signature }
    }),
  )
}

/** Public keys of a node, as its certificate names them. */
export interface NodeKeys {
  readonly identityKey: PublicKey
  readonly deviceKey: PublicKey
}

/** True when `signature` is by the key of its half and holds over `items`. */
export async function signatureHolds(
  items: SignedItems,
  { suite, keyId, protectedItem, signature }: CoseSignature,
  { keys, aadItem, provider }: { keys: NodeKeys; aadItem: Uint8Array; provider: SignatureProvider },
): Promise<boolean> {
  const key = suite.half === 'classical' ? keys.deviceKey : keys.identityKey
  if (key.suite.coseAlgorithm !== suite.coseAlgorithm || !equalBytes(key.keyId, keyId)) return false
  return provider.verify(key, sigStructure(items, protectedItem, aadItem), signature)
}

/**
 * Decodes a COSE_Sign strictly; its parts are views into `bytes`. The caller has checked the size.
 * @throws RECORDS_MALFORMED, RECORDS_CRITICAL_HEADER, RECORDS_SIGNATURE_SET, RECORDS_ALGORITHM_UNKNOWN
 */
export function readCoseSign(bytes: Uint8Array): CoseFrame {
  const reader = new CborReader(bytes, malformed)
  reader.array('COSE_Sign', { min: 4, max: 4 })
  const protectedAt = reader.at
  const header = reader.bytes('protected header', { min: 1 })
  const protectedItem = reader.since(protectedAt)
  reader.map('unprotected header', { max: 0 })
  const payloadAt = reader.at
  const payload = reader.bytes('payload', { min: 1 })
  const payloadItem = reader.since(payloadAt)
  const contentType = readContentType(header)
  const count = reader.array('signatures', {})
  if (count < 1 || count > 2) throw RECORDS_ERRORS.create('RECORDS_SIGNATURE_SET', { metadata: { count } })
  const signatures = Array.from({ length: count }, () => readSignature(reader))
  reader.end('end of the record')
  return { protectedItem, payloadItem, payload, contentType, signatures: knownSet(signatures) }
}

type ReadSignature = Omit<CoseSignature, 'suite'> & { readonly suite: SignatureSuite | undefined }

function readSignature(reader: CborReader): ReadSignature {
  reader.array('COSE_Signature', { min: 3, max: 3 })
  const at = reader.at
  const header = reader.bytes('signature header', { min: 1 })
  const protectedItem = reader.since(at)
  reader.map('unprotected signature header', { max: 0 })
  const { coseAlgorithm, keyId } = readSignatureHeader(header)
  const suite = suiteByCoseAlgorithm(coseAlgorithm)
  const bytes = suite?.signatureBytes
  const signature = reader.bytes('signature', bytes === undefined ? { min: 1 } : { min: bytes, max: bytes })
  return { protectedItem, coseAlgorithm, keyId, suite, signature }
}

function readContentType(header: Uint8Array): string {
  return explainingCritical(header, () => {
    const reader = new CborReader(header, malformed)
    reader.map('protected header', { min: 1, max: 1 })
    reader.key('content type', LABEL.contentType)
    const contentType = reader.ascii('content type', { min: 1, max: 127 })
    reader.end('protected header')
    return contentType
  })
}

function readSignatureHeader(header: Uint8Array): { coseAlgorithm: number; keyId: Uint8Array } {
  return explainingCritical(header, () => {
    const reader = new CborReader(header, malformed)
    reader.map('signature header', { min: 2, max: 2 })
    reader.key('algorithm', LABEL.algorithm)
    const coseAlgorithm = reader.int('algorithm')
    if (typeof coseAlgorithm !== 'number') throw malformed('algorithm')
    reader.key('key id', LABEL.keyId)
    const keyId = reader.bytes('key id', { min: KEY_ID_BYTES, max: KEY_ID_BYTES })
    reader.end('signature header')
    return { coseAlgorithm, keyId }
  })
}

/** A header that is not in its one form may still be well formed and name what it holds critical; that has its own code. */
function explainingCritical<Header>(header: Uint8Array, read: () => Header): Header {
  try {
    return read()
  } catch (error) {
    if (namesUnknownCritical(header)) throw RECORDS_ERRORS.create('RECORDS_CRITICAL_HEADER')
    throw error
  }
}

function namesUnknownCritical(header: Uint8Array): boolean {
  try {
    const map = decodeCbor(header, { maxBytes: MAX_RECORD_BYTES, maxItems: 64, maxDepth: 4 })
    const critical = map instanceof Map ? map.get(LABEL.critical) : undefined
    const known: readonly CborValue[] = Object.values(LABEL)
    return Array.isArray(critical) && critical.some((label) => !known.includes(label))
  } catch (error) {
    if (isGapmeshError(error)) return false
    throw error
  }
}

/** One or two signatures of distinct halves by known algorithms. */
function knownSet(signatures: readonly ReadSignature[]): readonly CoseSignature[] {
  const known = signatures.filter((signature): signature is CoseSignature => signature.suite !== undefined)
  if (known.length < signatures.length) throw RECORDS_ERRORS.create('RECORDS_ALGORITHM_UNKNOWN')
  const halves = known.map(({ suite }) => suite.half)
  if (halves.length === 2 && halves[0] === halves[1]) {
    throw RECORDS_ERRORS.create('RECORDS_SIGNATURE_SET', { metadata: { halves } })
  }
  return known
}
