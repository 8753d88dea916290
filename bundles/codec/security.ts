/*
 * Abstract security block (RFC 9172 §3.6): the data of a block integrity (11) or confidentiality (12) block, a CBOR
 * sequence
 *
 *   targets [uint, …], context id int, flags uint, source endpoint id,
 *   parameters [[id, value], …],          only when flag 1 is set
 *   results [[[id, value], …], …]         one list per target
 *
 * Only the frame is read here: parameters and results belong to the security context.
 */
import { type CborValue, decodeCbor, shape } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_EXTENSION_BYTES, MAX_SECURITY_TARGETS } from '../limits.ts'
import { type EndpointId, endpointFromCbor } from './endpoint.ts'
import { splitSequence } from './items.ts'

export interface SecurityFrame {
  /** Numbers of the blocks that it protects; 0 is the primary block. */
  readonly targets: readonly number[]
  readonly contextId: number
  readonly source: EndpointId
}

const PARAMETERS_PRESENT = 1

/**
 * The frame of a security block's data.
 * @throws BUNDLES_SECURITY_BLOCK
 */
export function decodeSecurityFrame(data: Uint8Array): SecurityFrame {
  try {
    return readFrame(data)
  } catch (cause) {
    throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { cause })
  }
}

function readFrame(data: Uint8Array): SecurityFrame {
  if (data.length > MAX_EXTENSION_BYTES) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK', { detail: 'too large' })
  const items = splitSequence(data, 6).map((bytes) =>
    decodeCbor(bytes, { maxBytes: MAX_EXTENSION_BYTES, maxItems: 1024 }),
  )
  const [targetList, contextId, flags, source] = items
  const targets = shape
    .array(targetList, 'targets', { min: 1, max: MAX_SECURITY_TARGETS })
    .map((target) => shape.uint(target, 'target'))
  const withParameters = shape.uint(flags, 'flags') % 2 === PARAMETERS_PRESENT
  shape.array(items, 'items', { min: withParameters ? 6 : 5, max: withParameters ? 6 : 5 })
  if (new Set(targets).size !== targets.length) throw BUNDLES_ERRORS.create('BUNDLES_SECURITY_BLOCK')
  if (withParameters) checkPairs(items[4])
  for (const results of shape.array(items.at(-1), 'results', { min: targets.length, max: targets.length })) {
    checkPairs(results)
  }
  return { targets, contextId: shape.int(contextId, 'context id'), source: endpointFromCbor(source) }
}

function checkPairs(value: CborValue | undefined): void {
  for (const pair of shape.array(value, 'pairs')) {
    shape.uint(shape.array(pair, 'pair', { min: 2, max: 2 })[0], 'id')
  }
}
