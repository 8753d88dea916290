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
import { CborReader, CborWriter, concatBytes, encodeCbor, equalBytes, isDnsLabel } from '../core/index.ts'
import { sha256 } from '../crypto/index.ts'
import { LEDGER_ERRORS } from './errors.ts'
import { MAX_BLOCK_BYTES } from './limits.ts'

/** Event types by wire number. Append-only. */
export const EVENT_TYPES = { ids_alert: 1, mitigation: 2, threat_intel: 3, policy_update: 4 } as const

export type EventType = keyof typeof EVENT_TYPES

const EVENT_TYPE_NAMES: ReadonlyMap<number, EventType> = new Map(
  Object.entries(EVENT_TYPES).map(([name, wireNumber]) => [wireNumber, name as EventType]),
)

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

/** Head of an array of nine, and the tag that takes the place of the signature in what an id covers. */
const ARRAY_OF_NINE = 0x89
const ID_DOMAIN = Uint8Array.of(ARRAY_OF_NINE, ...encodeCbor('gapmesh-block-1'))

/** A block whose signature is still to be made: its id at once, its bytes later. */
export interface BegunMicroblock {
  readonly id: Uint8Array
  /** Call it once. */
  finish(signature: Uint8Array): Microblock
}

/** Writes the blocks of one node under one key: what is the same in all of them is encoded once. */
export class MicroblockWriter {
  readonly #nodeId: string
  readonly #keyId: Uint8Array
  readonly #upToSeq: Uint8Array

  constructor({ nodeId, keyId }: Pick<MicroblockFields, 'nodeId' | 'keyId'>) {
    this.#nodeId = nodeId
    this.#keyId = keyId
    this.#upToSeq = concatBytes(ID_DOMAIN, encodeCbor(['M', nodeId]).subarray(1))
  }

  begin({
    seq,
    prev,
    timestampMs,
    payloadHash,
    eventType,
  }: Omit<MicroblockFields, 'nodeId' | 'keyId'>): BegunMicroblock {
    const keyId = this.#keyId
    const writer = new CborWriter(ID_DOMAIN.length + MAX_BLOCK_BYTES).encoded(this.#upToSeq)
    writer.uint(seq).bytes(prev).uint(timestampMs).bytes(payloadHash).uint(EVENT_TYPES[eventType]).bytes(keyId)
    const id = sha256(writer.written)
    const fields = { nodeId: this.#nodeId, seq, prev, timestampMs, payloadHash, eventType, keyId }
    const finish = (signature: Uint8Array) => {
      // The block is what its id covers, with its own head right before the fields and the signature behind them.
      const bytes = writer.bytes(signature).written.subarray(ID_DOMAIN.length - 1)
      bytes[0] = ARRAY_OF_NINE
      return { ...fields, id, signature, bytes }
    }
    return { id, finish }
  }
}

/** Id of a block: independent of its signature. */
export function microblockId(block: MicroblockFields): Uint8Array {
  return new MicroblockWriter(block).begin(block).id
}

/** The block with its signature, encoded. */
export function encodeMicroblock(block: MicroblockFields, signature: Uint8Array): Uint8Array {
  return new MicroblockWriter(block).begin(block).finish(signature).bytes
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

/**
 * A microblock from its bytes, which it copies.
 * @throws LEDGER_BLOCK_TOO_LARGE, LEDGER_BLOCK_MALFORMED
 */
export function decodeMicroblock(encoded: Uint8Array): Microblock {
  if (encoded.length > MAX_BLOCK_BYTES) throw LEDGER_ERRORS.create('LEDGER_BLOCK_TOO_LARGE')
  const bytes = new Uint8Array(encoded)
  const reader = new CborReader(bytes, malformed)
  reader.array('block', { min: 9, max: 9 })
  const fields = readFields(reader)
  const id = sha256(concatBytes(ID_DOMAIN, bytes.subarray(1, reader.at)))
  const signature = reader.bytes('signature', { min: 64, max: 96 })
  if (signature.length !== 64 && signature.length !== 96) throw malformed('signature')
  reader.end('block')
  return { ...fields, id, signature, bytes }
}

const HASH = { min: 32, max: 32 } as const

function readFields(reader: CborReader): MicroblockFields {
  if (reader.ascii('type', { max: 1 }) !== 'M') throw malformed('type')
  const fields = {
    nodeId: reader.ascii('node_id', { min: 1, max: 63 }),
    seq: reader.uint('seq', { min: 1 }),
    prev: reader.bytes('prev', HASH),
    timestampMs: reader.uint('timestamp', {}),
    payloadHash: reader.bytes('payload_hash', HASH),
    eventType: eventTypeOf(reader.uint('event_type', {})),
    keyId: reader.bytes('key_id', HASH),
  }
  if (!isDnsLabel(fields.nodeId)) throw malformed('node_id')
  if ((fields.seq === 1) !== equalBytes(fields.prev, noBlock())) throw malformed('prev')
  return fields
}

function eventTypeOf(wireNumber: number): EventType {
  const name = EVENT_TYPE_NAMES.get(wireNumber)
  if (name === undefined) throw malformed('event_type')
  return name
}

function malformed(what: string): Error {
  return LEDGER_ERRORS.create('LEDGER_BLOCK_MALFORMED', { detail: what })
}
