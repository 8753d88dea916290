import { decodeCbor, encodeCbor, shape } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_BUNDLE_FRAME_BYTES } from '../limits.ts'
import { REFUSAL, REFUSAL_REASON, type RefusalAnswer, reasonOf } from '../streams/index.ts'

/*
 * Messages of /dadm-mesh/bundles/1: deterministic CBOR arrays in frames (see streams/frames.ts). One bundle at a time, each
 * answered before the next is sent. Numbers are append-only.
 *
 *   request   [1, bundle: bstr]
 *   answer    [1, outcome]        0 taken: it is durable · 1 duplicate · 2 no resources now · 3 never
 *             [0, reason]         1 busy, 2 malformed, 3 failed
 */

/** A bundle that is handed over, as opaque bytes. */
export interface BundleRequest {
  readonly kind: 'bundle'
  readonly bytes: Uint8Array
}

/** What became of a bundle, by wire number. */
export const OUTCOMES = ['taken', 'duplicate', 'no-resources', 'unacceptable'] as const

export type BundleAnswer = { readonly kind: 'bundle'; readonly outcome: (typeof OUTCOMES)[number] } | RefusalAnswer

const BUNDLE = 1

export function encodeBundleRequest({ bytes }: BundleRequest): Uint8Array {
  return encodeCbor([BUNDLE, bytes])
}

/** @throws OVERLAY_BUNDLE_MALFORMED */
export function decodeBundleRequest(frame: Uint8Array): BundleRequest {
  const items = read(frame)
  if (items[0] !== BUNDLE) throw OVERLAY_ERRORS.create('OVERLAY_BUNDLE_MALFORMED')
  return { kind: 'bundle', bytes: reading(() => shape.bytes(items[1], 'bundle')) }
}

export function encodeBundleAnswer(answer: BundleAnswer): Uint8Array {
  if (answer.kind === 'refusal') return encodeCbor([REFUSAL, REFUSAL_REASON[answer.reason]])
  return encodeCbor([BUNDLE, OUTCOMES.indexOf(answer.outcome)])
}

/** @throws OVERLAY_BUNDLE_MALFORMED */
export function decodeBundleAnswer(frame: Uint8Array): BundleAnswer {
  const [kind, value] = read(frame)
  const reason = kind === REFUSAL ? reasonOf(value) : undefined
  if (reason !== undefined) return { kind: 'refusal', reason }
  const outcome = kind === BUNDLE && typeof value === 'number' ? OUTCOMES[value] : undefined
  if (outcome === undefined) throw OVERLAY_ERRORS.create('OVERLAY_BUNDLE_MALFORMED')
  return { kind: 'bundle', outcome }
}

function read(frame: Uint8Array) {
  return reading(() => {
    const limits = { maxBytes: MAX_BUNDLE_FRAME_BYTES, maxDepth: 1, maxItems: 3 }
    return shape.array(decodeCbor(frame, limits), 'message', { min: 2, max: 2 })
  })
}

function reading<Value>(action: () => Value): Value {
  try {
    return action()
  } catch (cause) {
    throw OVERLAY_ERRORS.create('OVERLAY_BUNDLE_MALFORMED', { cause })
  }
}
