/*
 * Abstract security block (RFC 9172 §3.6): the data of a block integrity (11) or confidentiality (12) block, a CBOR
 * sequence
 *
 *   targets [uint, …], context id int, flags uint, source endpoint id,
 *   parameters [[id, value], …],          only when flag 1 is set
 *   results [[[id, value], …], …]         one list per target
 *
 * What a value means is the security context's: here it is the CBOR item as it came.
 */
import { CborWriter, concatBytes, encodeCbor } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_EXTENSION_BYTES, MAX_SECURITY_TARGETS } from '../limits.ts'
import type { EndpointId } from './endpoint.ts'
import { encodeEndpoint, readEndpoint } from './endpoint-cbor.ts'
import { hasFlag } from './flags.ts'
import { BlockReader } from './reader.ts'

/** A parameter or result of a security context (RFC 9172 §3.10). */
export interface SecurityValue {
  readonly id: number
  /** One CBOR item. */
  readonly value: Uint8Array
}

/** What an integrity or confidentiality block holds. */
export interface SecurityBlock {
  /** Numbers of the blocks that it protects; 0 is the primary block. */
  readonly targets: readonly number[]
  readonly contextId: number
  /** {@link SECURITY_FLAGS}; unknown bits are kept. */
  readonly flags: number
  readonly source: EndpointId
  /** Present when the flags say so, may be empty then. */
  readonly parameters?: readonly SecurityValue[]
  /** One list for each target, in their order. */
  readonly results: readonly (readonly SecurityValue[])[]
}

/** Flags of a security block (RFC 9172 §3.6). */
export const SECURITY_FLAGS = { parametersPresent: 0x1 } as const

/** Deepest nesting of a value. */
const MAX_VALUE_DEPTH = 16

/**
 * Data of a security block.
 * @throws BUNDLES_SECURITY_BLOCK for one that {@link decodeSecurityBlock} would refuse
 */
export function encodeSecurityBlock(block: SecurityBlock): Uint8Array {
  const { targets, contextId, flags, source, parameters, results } = block
  const data = concatBytes(
    encodeCbor([...targets]),
    encodeCbor(contextId),
    encodeCbor(flags),
    encodeEndpoint(source),
    ...(parameters === undefined ? [] : [encodePairs(parameters)]),
    new CborWriter(9).array(results.length).written,
    ...results.map(encodePairs),
  )
  decodeSecurityBlock(data)
  return data
}

function encodePairs(values: readonly SecurityValue[]): Uint8Array {
  const head = (length: number) => new CborWriter(9).array(length).written
  return concatBytes(head(values.length), ...values.flatMap(({ id, value }) => [head(2), encodeCbor(id), value]))
}

/**
 * What a security block's data says. Encoding it gives the same bytes.
 * @throws BUNDLES_SECURITY_BLOCK, BUNDLES_SECURITY_TARGET
 */
export function decodeSecurityBlock(data: Uint8Array): SecurityBlock {
  if (data.length > MAX_EXTENSION_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { detail: 'too large' })
  let block: SecurityBlock
  try {
    block = readSecurityBlock(new BlockReader(data, 'BUNDLES_SECURITY_BLOCK'))
  } catch (cause) {
    throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { cause })
  }
  if (new Set(block.targets).size !== block.targets.length)
    throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_TARGET', { detail: 'a target twice' })
  return block
}

function readSecurityBlock(source: BlockReader): SecurityBlock {
  const { cbor } = source
  const count = cbor.array('targets', { min: 1, max: MAX_SECURITY_TARGETS })
  const targets = Array.from({ length: count }, () => cbor.uint('target', {}))
  const contextId = Number(cbor.int('context id'))
  if (!Number.isSafeInteger(contextId)) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { detail: 'context id' })
  const flags = cbor.uint('flags', {})
  const securitySource = readEndpoint(source)
  const parameters = hasFlag(flags, SECURITY_FLAGS.parametersPresent) ? readPairs(source) : undefined
  cbor.array('results', { min: count, max: count })
  const results = targets.map(() => readPairs(source))
  cbor.end('data')
  return { targets, contextId, flags, source: securitySource, ...(parameters && { parameters }), results }
}

function readPairs({ cbor }: BlockReader): SecurityValue[] {
  const values: SecurityValue[] = []
  for (let left = cbor.array('pairs'); left > 0; left -= 1) {
    cbor.array('pair', { min: 2, max: 2 })
    const id = cbor.uint('id', {})
    const start = cbor.at
    cbor.skip('value', MAX_VALUE_DEPTH)
    values.push({ id, value: new Uint8Array(cbor.since(start)) })
  }
  return values
}
