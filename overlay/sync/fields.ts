import { type CborValue, compareBytes, isDnsLabel, shape } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'

/** Length of ids and digests. */
const DIGEST_BYTES = 32

/** 32 bytes. */
export function readDigest(value: CborValue | undefined): Uint8Array {
  return shape.bytes(value, 'digest', { min: DIGEST_BYTES, max: DIGEST_BYTES })
}

/** A node_id. */
export function readOrigin(value: CborValue | undefined): string {
  const origin = shape.text(value, 'origin', { min: 1, max: 63 })
  if (!isDnsLabel(origin)) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
  return origin
}

/** True or false. */
export function readBoolean(value: CborValue | undefined): boolean {
  if (typeof value !== 'boolean') throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
  return value
}

/** Ids as one byte string. */
export function joinIds(ids: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(ids.length * DIGEST_BYTES)
  for (const [at, id] of ids.entries()) joined.set(id, at * DIGEST_BYTES)
  return joined
}

/** Ids from one byte string: within `bounds`, in rising order, each once. */
export function splitIds(value: CborValue | undefined, bounds: { min: number; max: number }): Uint8Array[] {
  const joined = shape.bytes(value, 'ids', { min: bounds.min * DIGEST_BYTES, max: bounds.max * DIGEST_BYTES })
  if (joined.length % DIGEST_BYTES !== 0) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
  const ids = Array.from({ length: joined.length / DIGEST_BYTES }, (_, at) =>
    joined.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
  )
  return rising(ids, compareBytes)
}

/** `items`, which must rise strictly by `order`. */
export function rising<Item>(items: Item[], order: (a: Item, b: Item) => number): Item[] {
  for (let at = 1; at < items.length; at += 1) {
    if (order(items[at - 1] as Item, items[at] as Item) >= 0) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
  }
  return items
}

/** `fields`, which must be exactly `count`. */
export function only(fields: readonly CborValue[], count: number): readonly CborValue[] {
  if (fields.length !== count) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED')
  return fields
}

/** What `read` makes of a value, or undefined for null. */
export function optional<Value>(value: CborValue | undefined, read: (value: CborValue) => Value): Value | undefined {
  return value === null || value === undefined ? undefined : read(value)
}

/** What `read` answers; whatever it throws becomes an error of this room. */
export function reading<Message>(read: () => Message): Message {
  try {
    return read()
  } catch (cause) {
    if (OVERLAY_ERRORS.matches(cause)) throw cause
    throw OVERLAY_ERRORS.create('OVERLAY_SYNC_MALFORMED', { cause })
  }
}

/** An array of at most `max` items, in strictly rising order where `order` is given. */
export function readList<Item>(
  value: CborValue | undefined,
  max: number,
  read: (item: CborValue) => Item,
  order?: (a: Item, b: Item) => number,
): Item[] {
  const items = shape.array(value, 'list', { max }).map(read)
  return order === undefined ? items : rising(items, order)
}
