import { CborReader } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'

/** Deepest nesting that is walked. */
const MAX_DEPTH = 16

/**
 * The items of a CBOR sequence (RFC 8742), as bytes, found by walking heads only: nothing is built. What an item means,
 * and whether it is deterministic, the strict decoder says afterwards.
 * @throws BUNDLES_MALFORMED when the bytes end within an item, or one nests too deeply or has an indefinite length;
 *   BUNDLES_TOO_MANY_BLOCKS when there are more than `maxItems`
 */
export function splitSequence(bytes: Uint8Array, maxItems: number): Uint8Array[] {
  const reader = new CborReader(bytes, (_, flaw) => BUNDLES_ERRORS.create('BUNDLES_MALFORMED', { detail: flaw }))
  const items: Uint8Array[] = []
  while (reader.next !== undefined) {
    if (items.length === maxItems) throw BUNDLES_ERRORS.create('BUNDLES_TOO_MANY_BLOCKS')
    const start = reader.at
    reader.skip('item', MAX_DEPTH)
    items.push(reader.since(start))
  }
  return items
}
