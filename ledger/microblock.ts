/*
 * Microblock: one event in a node's hash chain. Deterministic CBOR (RFC 8949 §4.2.1), an array of nine:
 *
 *   [ "M",            tstr          type
 *     node_id,        tstr          DNS label, 1 to 63 bytes
 *     seq,            uint          1 for the first block, then one more each; at most 2^53 − 1
 *     prev,           bstr 32       id of the block before; zeros for the first
 *     timestamp,      uint          milliseconds since the Unix epoch, as the node's clock said
 *     payload_hash,   bstr 32       SHA-256 of the payload
 *     event_type,     uint          EVENT_TYPES
 *     key_id,         bstr 32       SHA-256 of the signing key's SubjectPublicKeyInfo
 *     signature ]     bstr 64 / 96  Ed25519 and ECDSA P-256: 64, ECDSA P-384 (r ‖ s): 96
 *
 *   id          = SHA-256( dCBOR [ "gapmesh-block-1", all fields but the signature ... ] )
 *   signed bytes = dCBOR [ "gapmesh-block-signature-1", mesh, root fingerprint, id ]
 *
 * `prev` is an id, so a chain can be linked before its signatures exist, and a re-randomised signature is no new block.
 * The mesh and its root are in the signed bytes: a block means nothing in another mesh.
 */
import { type CborValue, concatBytes, decodeCbor, encodeCbor, equalBytes, isDnsLabel, shape } from '../core/index.ts'
import { sha256 } from '../crypto/index.ts'
import { LEDGER_ERRORS } from './errors.ts'
import { MAX_BLOCK_BYTES } from './limits.ts'

/** Event types by wire number. Append-only. */
export const EVENT_TYPES = { ids_alert: 1, mitigation: 2, threat_intel: 3, policy_update: 4 } as const

export type EventType = keyof typeof EVENT_TYPES

/** What a microblock says. */
export interface MicroblockFields {
  readonly nodeId: string
  /** 1 for the first block of a chain. */
  readonly seq: number
  /** Id of the block before; 32 zero bytes for the first. */
  readonly prev: Uint8Array
  /** Milliseconds since the Unix epoch. A claim: order is `seq`, not time. */
  readonly timestampMs: number
  /** SHA-256 of the payload. */
  readonly payloadHash: Uint8Array
  readonly eventType: EventType
  /** SHA-256 of the SubjectPublicKeyInfo of the key that signs. */
  readonly keyId: Uint8Array
}

/** A microblock that decoded strictly; whether its signature holds is another question. */
export interface Microblock extends MicroblockFields {
  readonly id: Uint8Array
  readonly signature: Uint8Array
  /** The exact bytes. */
  readonly bytes: Uint8Array
}

/** `prev` of the first block. */
export function noBlock(): Uint8Array {
  return new Uint8Array(32)
}

/** The eight fields one after another: the same bytes inside the signed block and inside what its id covers. */
function encodeFields(block: MicroblockFields): Uint8Array {
  const { nodeId, seq, prev, timestampMs, payloadHash, eventType, keyId } = block
  return encodeCbor(['M', nodeId, seq, prev, timestampMs, payloadHash, EVENT_TYPES[eventType], keyId]).subarray(1)
}

/** Head of an array of nine, and the tag that takes the place of the signature in what an id covers. */
const ARRAY_OF_NINE = Uint8Array.of(0x89)
const ID_DOMAIN = concatBytes(ARRAY_OF_NINE, encodeCbor('gapmesh-block-1'))

/** Id of a block: independent of its signature. */
export function microblockId(block: MicroblockFields): Uint8Array {
  return sha256(concatBytes(ID_DOMAIN, encodeFields(block)))
}

/** What binds blocks to one mesh. */
export interface MeshBinding {
  readonly mesh: string
  /** SHA-256 of the root certificate's DER. */
  readonly rootFingerprint: Uint8Array
}

/** The bytes that the device key signs for the block with `id`. */
export type SignedBytes = (id: Uint8Array) => Uint8Array

/** {@link SignedBytes} of one mesh. */
export function signedBytesOf(binding: MeshBinding): SignedBytes {
  const upToId = encodeCbor(['gapmesh-block-signature-1', binding.mesh, binding.rootFingerprint, noBlock()]).slice(
    0,
    -32,
  )
  return (id) => concatBytes(upToId, id)
}

/** The block with its signature, encoded. */
export function encodeMicroblock(fields: MicroblockFields, signature: Uint8Array): Uint8Array {
  return concatBytes(ARRAY_OF_NINE, encodeFields(fields), encodeCbor(signature))
}

/**
 * A block whose signature is still to be made: its id at once, its bytes later, the fields encoded only once.
 * @param fields what the block says
 */
export function beginMicroblock(fields: MicroblockFields): {
  id: Uint8Array
  finish(signature: Uint8Array): Microblock
} {
  const encoded = encodeFields(fields)
  const id = sha256(concatBytes(ID_DOMAIN, encoded))
  const finish = (signature: Uint8Array) => {
    const bytes = concatBytes(ARRAY_OF_NINE, encoded, encodeCbor(signature))
    return { ...fields, id, signature, bytes }
  }
  return { id, finish }
}

/**
 * A microblock from its bytes.
 * @throws LEDGER_BLOCK_TOO_LARGE, LEDGER_BLOCK_MALFORMED
 */
export function decodeMicroblock(bytes: Uint8Array): Microblock {
  if (bytes.length > MAX_BLOCK_BYTES) throw LEDGER_ERRORS.create('LEDGER_BLOCK_TOO_LARGE')
  try {
    const items = shape.array(decodeCbor(bytes, { maxBytes: MAX_BLOCK_BYTES, maxDepth: 1, maxItems: 10 }), 'block', {
      min: 9,
      max: 9,
    })
    const signature = readSignature(items[8])
    const fieldsEnd = bytes.length - signature.length - 2 // its own head is two bytes
    const id = sha256(concatBytes(ID_DOMAIN, bytes.subarray(1, fieldsEnd)))
    return { ...readFields(items), id, signature, bytes: new Uint8Array(bytes) }
  } catch (cause) {
    if (LEDGER_ERRORS.matches(cause)) throw cause
    throw LEDGER_ERRORS.create('LEDGER_BLOCK_MALFORMED', { cause })
  }
}

function readFields(items: readonly CborValue[]): MicroblockFields {
  shape.oneOf(items[0], 'type', ['M'])
  const fields = {
    nodeId: shape.text(items[1], 'node_id', { min: 1, max: 63 }),
    seq: shape.uint(items[2], 'seq', { min: 1 }),
    prev: shape.bytes(items[3], 'prev', { min: 32, max: 32 }),
    timestampMs: shape.uint(items[4], 'timestamp'),
    payloadHash: shape.bytes(items[5], 'payload_hash', { min: 32, max: 32 }),
    eventType: eventTypeOf(shape.uint(items[6], 'event_type')),
    keyId: shape.bytes(items[7], 'key_id', { min: 32, max: 32 }),
  }
  if (!isDnsLabel(fields.nodeId)) throw malformed('node_id')
  if ((fields.seq === 1) !== equalBytes(fields.prev, noBlock())) throw malformed('prev')
  return fields
}

function eventTypeOf(wireNumber: number): EventType {
  for (const [name, number] of Object.entries(EVENT_TYPES)) if (number === wireNumber) return name as EventType
  throw malformed('event_type')
}

function readSignature(value: CborValue | undefined): Uint8Array {
  const signature = shape.bytes(value, 'signature')
  if (signature.length !== 64 && signature.length !== 96) throw malformed('signature')
  return signature
}

function malformed(what: string): Error {
  return LEDGER_ERRORS.create('LEDGER_BLOCK_MALFORMED', { detail: what })
}
