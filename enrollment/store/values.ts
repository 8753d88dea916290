import { type CborValue, decodeCbor, shape } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_SERIAL_BYTES } from '../limits.ts'

/** How values in the CA's database are read: arrays whose first item is the version of their form. */

const MAX_VALUE_BYTES = 32 * 1024

/**
 * What `build` makes of the items after the version; any flaw means that the database is damaged.
 * @throws ENROLLMENT_CA_DAMAGED
 */
export function readValue<T>(
  bytes: Uint8Array,
  { version, items, maxBytes = MAX_VALUE_BYTES }: { version: number; items: number; maxBytes?: number },
  build: (values: CborValue[]) => T,
): T {
  return orDamaged(() => {
    const [found, ...values] = shape.array(decodeCbor(bytes, { maxBytes }), 'value', { min: items + 1, max: items + 1 })
    shape.oneOf(found, 'version', [version])
    return build(values)
  })
}

/** Version of the form of a value; 0 when it has none. */
export function versionOf(bytes: Uint8Array): number {
  // An array of at most 23 items begins with one byte; a version below 24 is the next.
  return bytes[1] ?? 0
}

/** @throws ENROLLMENT_CA_DAMAGED for whatever `read` throws */
export function orDamaged<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED', { cause })
  }
}

export const keyId = (value: CborValue | undefined): Uint8Array => shape.bytes(value, 'key id', { min: 32, max: 32 })

export const serial = (value: CborValue | undefined): Uint8Array =>
  shape.bytes(value, 'serial number', { min: 1, max: MAX_SERIAL_BYTES })

export const nodeIdOf = (value: CborValue | undefined): string => shape.text(value, 'node_id', { min: 1, max: 63 })

export function booleanOf(value: CborValue | undefined): boolean {
  if (typeof value !== 'boolean') throw new RangeError('boolean')
  return value
}

/** `null` as undefined, anything else as `read` has it. */
export function optional<T>(value: CborValue | undefined, read: (value: CborValue | undefined) => T): T | undefined {
  return value === null ? undefined : read(value)
}
