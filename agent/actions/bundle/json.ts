import {
  type AdministrativeRecord,
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  bundleId,
  type CanonicalBlock,
  DTN_EPOCH_MS,
  decodeAdministrativeRecord,
  decodeBundleAge,
  decodeHopCount,
  decodePreviousNode,
  decodeSecurityBlock,
  findSecurity,
  flagNames,
  hasFlag,
} from '../../../bundles/codec/index.ts'
import { isGapmeshError, toHex } from '../../../core/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'

/** A bundle as `bundle decode --json` prints it. `…Names`, `id` and `content` follow from the rest. */
export function bundleToJson(bundle: Bundle) {
  const { primary } = bundle
  const { encrypted } = findSecurity(bundle.blocks)
  const createdMs = primary.creation.timeMs === 0 ? undefined : DTN_EPOCH_MS + primary.creation.timeMs
  return {
    id: toHex(bundleId(bundle)),
    ...(createdMs !== undefined && { createdMs }),
    primary: { version: 7, ...primary, flagNames: flagNames(primary.flags, BUNDLE_FLAGS) },
    blocks: bundle.blocks.map((block) => {
      const content = encrypted.has(block.number) ? 'encrypted' : contentOf(block, bundle)
      return {
        ...block,
        typeName: typeName(block.type),
        flagNames: flagNames(block.flags, BLOCK_FLAGS),
        data: toHex(block.data),
        ...(content !== undefined && { content }),
      }
    }),
  }
}

/** Name of a block type; `unknown` for one that is carried without being read. */
export function typeName(type: number): string {
  return Object.entries(BLOCK_TYPES).find(([, number]) => number === type)?.[0] ?? 'unknown'
}

function contentOf({ type, data }: CanonicalBlock, { primary }: Bundle): unknown {
  if (type === BLOCK_TYPES.previousNode) return { node: decodePreviousNode(data) }
  if (type === BLOCK_TYPES.bundleAge) return { ageMs: decodeBundleAge(data) }
  if (type === BLOCK_TYPES.hopCount) return decodeHopCount(data)
  if (type === BLOCK_TYPES.integrity || type === BLOCK_TYPES.confidentiality) return securityToJson(data)
  const isRecord = hasFlag(primary.flags, BUNDLE_FLAGS.administrativeRecord) && primary.fragment === undefined
  return isRecord && type === BLOCK_TYPES.payload ? recordToJson(data) : undefined
}

function securityToJson(data: Uint8Array) {
  const { parameters, results, ...rest } = decodeSecurityBlock(data)
  const pairs = (values: readonly { id: number; value: Uint8Array }[]) =>
    values.map(({ id, value }) => ({ id, value: toHex(value) }))
  return { ...rest, ...(parameters && { parameters: pairs(parameters) }), results: results.map(pairs) }
}

/** A payload that is no record although it is flagged as one is shown as such: the bundle around it is sound. */
function recordToJson(data: Uint8Array): unknown {
  try {
    const record: AdministrativeRecord = decodeAdministrativeRecord(data)
    return 'report' in record ? record : { ...record, content: toHex(record.content) }
  } catch (error) {
    if (!isGapmeshError(error)) throw error
    return { error: error.code }
  }
}

/**
 * The bundle that a JSON document of {@link bundleToJson} describes.
 * @throws AGENT_BUNDLE_JSON
 */
export function bundleFromJson(text: string): Bundle {
  const document = parse(text)
  const primary = object(document.primary, 'primary')
  const creation = object(primary.creation, 'creation')
  const fragment = primary.fragment === undefined ? undefined : object(primary.fragment, 'fragment')
  if (!Array.isArray(document.blocks)) throw wrong('blocks')
  return {
    primary: {
      flags: number(primary, 'flags'),
      crcType: crcType(primary),
      destination: string(primary, 'destination'),
      source: string(primary, 'source'),
      reportTo: string(primary, 'reportTo'),
      creation: { timeMs: number(creation, 'timeMs'), sequence: number(creation, 'sequence') },
      lifetimeMs: number(primary, 'lifetimeMs'),
      ...(fragment && {
        fragment: { offset: number(fragment, 'offset'), totalLength: number(fragment, 'totalLength') },
      }),
    },
    blocks: document.blocks.map((value) => {
      const block = object(value, 'blocks')
      const [type, place, flags] = [number(block, 'type'), number(block, 'number'), number(block, 'flags')]
      return { type, number: place, flags, crcType: crcType(block), data: hex(block, 'data') }
    }),
  }
}

type Fields = Readonly<Record<string, unknown>>

function parse(text: string): Fields {
  try {
    return object(JSON.parse(text), 'document')
  } catch (cause) {
    if (isGapmeshError(cause)) throw cause
    throw AGENT_ERRORS.create('AGENT_BUNDLE_JSON', { detail: 'not JSON', cause })
  }
}

function object(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name)
  return value as Fields
}

function number(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrong(name)
  return value
}

function string(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw wrong(name)
  return value
}

function hex(fields: Fields, name: string): Uint8Array {
  const value = string(fields, name)
  if (!/^(?:[0-9a-f]{2})*$/i.test(value)) throw wrong(name)
  return new Uint8Array(Buffer.from(value, 'hex'))
}

function crcType(fields: Fields): 0 | 1 | 2 {
  const value = fields.crcType
  if (value !== 0 && value !== 1 && value !== 2) throw wrong('crcType')
  return value
}

function wrong(name: string): Error {
  return AGENT_ERRORS.create('AGENT_BUNDLE_JSON', { detail: name })
}
