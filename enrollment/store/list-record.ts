import { type CborValue, encodeCbor, shape } from '../../core/index.ts'
import { numberFromBytes, numberToBytes } from '../crl/index.ts'
import { MAX_CRL_BYTES, MAX_CRL_NUMBER_BYTES } from '../limits.ts'
import { booleanOf, keyId, optional, readValue } from './values.ts'

/** A published list without its DER. */
export interface ListEntry {
  readonly number: bigint
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  /** SHA-256 of the DER. */
  readonly hash: Uint8Array
  readonly sizeBytes: number
}

/** Which full list the deltas of an authority go on from, and what it had in it. */
export interface DeltaBase {
  readonly number: bigint
  /** Sequence of the last revocation in it. */
  readonly covers: number
}

/**
 * What a CA publishes for one authority, deterministic CBOR:
 *
 *     [1, authority key id, own, number, covers, [base number, base covers] or null, full, delta or null]
 *     full, delta: [number, thisUpdateMs, nextUpdateMs, SHA-256 of the DER, size]
 *
 * Numbers are byte strings, big-endian.
 */
export interface ListRecord {
  readonly authorityKeyId: Uint8Array
  /** Whether this CA signs the lists; else they were imported. */
  readonly own: boolean
  /** The next list has a higher number than this. */
  readonly number: bigint
  /** Sequence of the last revocation that the lists have in them. */
  readonly covers: number
  readonly base: DeltaBase | undefined
  readonly full: ListEntry
  readonly delta: ListEntry | undefined
}

export function encodeListRecord(record: ListRecord): Uint8Array {
  const { authorityKeyId, own, number, covers, base, full, delta } = record
  return encodeCbor([
    1,
    authorityKeyId,
    own,
    numberToBytes(number),
    covers,
    base === undefined ? null : [numberToBytes(base.number), base.covers],
    encodeEntry(full),
    delta === undefined ? null : encodeEntry(delta),
  ])
}

function encodeEntry({ number, thisUpdateMs, nextUpdateMs, hash, sizeBytes }: ListEntry): CborValue {
  return [numberToBytes(number), thisUpdateMs, nextUpdateMs, hash, sizeBytes]
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeListRecord(bytes: Uint8Array): ListRecord {
  return readValue(bytes, { version: 1, items: 7 }, ([authorityKeyId, own, number, covers, base, full, delta]) => ({
    authorityKeyId: keyId(authorityKeyId),
    own: booleanOf(own),
    number: readNumber(number),
    covers: shape.uint(covers, 'covers'),
    base: optional(base, readBase),
    full: readEntry(full),
    delta: optional(delta, readEntry),
  }))
}

function readBase(value: CborValue | undefined): DeltaBase {
  const [number, covers] = shape.array(value, 'base', { min: 2, max: 2 })
  return { number: readNumber(number), covers: shape.uint(covers, 'covers') }
}

function readEntry(value: CborValue | undefined): ListEntry {
  const [number, thisUpdateMs, nextUpdateMs, hash, sizeBytes] = shape.array(value, 'list', { min: 5, max: 5 })
  return {
    number: readNumber(number),
    thisUpdateMs: shape.uint(thisUpdateMs, 'thisUpdateMs'),
    nextUpdateMs: shape.uint(nextUpdateMs, 'nextUpdateMs'),
    hash: keyId(hash),
    sizeBytes: shape.uint(sizeBytes, 'size', { min: 1, max: MAX_CRL_BYTES }),
  }
}

function readNumber(value: CborValue | undefined): bigint {
  return numberFromBytes(shape.bytes(value, 'number', { max: MAX_CRL_NUMBER_BYTES }))
}
