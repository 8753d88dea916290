import { crc32c, encodeEndpoint } from '../../bundles/codec/index.ts'
import type { Bundle } from '../../bundles/index.ts'
import { type CborValue, concatBytes, decodeCbor, encodeCbor } from '../../core/index.ts'

/** Data of a security block over `targets`. */
export function securityData(targets: number[]): Uint8Array {
  const results = targets.map(() => [[1, new Uint8Array(32)]])
  return concatBytes(...[targets, 1, 0, [2, [3, 0]], results].map((item) => encodeCbor(item as CborValue)))
}

/** Bytes of a bundle that {@link encodeBundle} would not make. CRCs left out, so that they are not what fails. */
export function unchecked({ primary, blocks }: Bundle): Uint8Array {
  const { flags, destination, source, reportTo, creation, lifetimeMs, fragment } = primary
  const crcType = primary.crcType === 0 ? 0 : 2
  const items: CborValue[] = [
    7,
    flags,
    crcType,
    ...[destination, source, reportTo].map((endpoint) => decodeCbor(encodeEndpoint(endpoint), { maxBytes: 2048 })),
  ]
  items.push(
    [creation.timeMs, creation.sequence],
    lifetimeMs,
    ...(fragment ? [fragment.offset, fragment.totalLength] : []),
  )
  if (crcType === 0) return wrap([encodeCbor(items), ...blocks.map(plainBlock)])
  const head = encodeCbor([...items, new Uint8Array(4)])
  new DataView(head.buffer).setUint32(head.length - 4, crc32c(head))
  return wrap([head, ...blocks.map(plainBlock)])
}

export function plainBlock({ type, number, flags, data }: Bundle['blocks'][number]): Uint8Array {
  return encodeCbor([type, number, flags, 0, data])
}

export function wrap(blocks: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(0x9f), ...blocks, Uint8Array.of(0xff))
}
