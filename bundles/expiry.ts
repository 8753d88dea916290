import { type Bundle, bundleAgeMs, DTN_EPOCH_MS } from './codec/index.ts'

export interface Reception {
  /** The node's clock when the bundle came in, in milliseconds since the Unix epoch. */
  readonly receivedAtMs: number
  /** False while the node does not know the time: then the Bundle Age block counts, not the creation time. */
  readonly clockTrusted: boolean
}

/**
 * When the lifetime of a bundle ends, on the node's own clock (RFC 9171 §4.2.2, §4.4.2): creation time plus lifetime
 * where both ends have a clock, else what the age leaves of the lifetime. Without age either, a whole lifetime remains.
 */
export function expiresAtMs(bundle: Bundle, { receivedAtMs, clockTrusted }: Reception): number {
  const { creation, lifetimeMs } = bundle.primary
  const endMs =
    creation.timeMs !== 0 && clockTrusted
      ? DTN_EPOCH_MS + creation.timeMs + lifetimeMs
      : receivedAtMs + lifetimeMs - (readableAgeMs(bundle) ?? 0)
  return Math.min(Math.max(endMs, 0), Number.MAX_SAFE_INTEGER)
}

/** An encrypted age is none: its bytes decode to something else, or to nothing. */
function readableAgeMs(bundle: Bundle): number | undefined {
  try {
    return bundleAgeMs(bundle)
  } catch {
    return undefined
  }
}
