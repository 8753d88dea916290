import { checkOptionKeys, checkWholeNumber } from '../../../core/index.ts'
import type { EndpointId } from '../../codec/index.ts'
import { LINK_SEGMENT_BYTES, LINK_WINDOW_BUNDLES, LINK_WINDOW_BYTES, MAX_BUNDLE_BYTES } from '../../limits.ts'

/**
 * Whether TLS is spoken: `required` ends a session without it; `allowed` uses it where the peer has it too, which a
 * man in the middle can prevent; `refused` never.
 */
export type TlsPolicy = 'required' | 'allowed' | 'refused'

/** What one side of a session wants. */
export interface SessionOptions {
  /** This node's own endpoint. */
  readonly nodeId: EndpointId
  readonly tls: TlsPolicy
  /** Seconds without a message after which a KEEPALIVE goes out; 0: none; the smaller of both sides counts. Default 30. */
  readonly keepaliveS?: number
  /** Longest bundle that is taken, in bytes: the Transfer MRU. Default and most MAX_BUNDLE_BYTES. */
  readonly maxBundleBytes?: number
  /** Most data in one segment that is sent, in bytes. Default LINK_SEGMENT_BYTES. */
  readonly segmentBytes?: number
  /** Bundles that may wait to be stored. Default LINK_WINDOW_BUNDLES. */
  readonly windowBundles?: number
  /** Bytes of such bundles. Default LINK_WINDOW_BYTES. */
  readonly windowBytes?: number
  /** Time for contact headers, TLS and SESS_INIT together, in milliseconds. Default 10,000. */
  readonly establishMs?: number
  /** Time in which MIN_LINK_PROGRESS_BYTES come while something is under way, in milliseconds. Default 60,000. */
  readonly stallMs?: number
  /** Time in which something that was sent is acknowledged, in milliseconds. Default 120,000. */
  readonly ackMs?: number
  /** Time to end in good order, in milliseconds. Default 10,000. */
  readonly terminateMs?: number
  /** Time without a transfer after which the session ends, in milliseconds; 0: never. Default 0. */
  readonly idleMs?: number
}

/** The same, complete. */
export type SessionSettings = Required<SessionOptions>

const HOUR_MS = 3_600_000

const BOUNDS: Readonly<Partial<Record<keyof SessionOptions, { min: number; max: number }>>> = {
  keepaliveS: { min: 0, max: 0xffff },
  maxBundleBytes: { min: 1, max: MAX_BUNDLE_BYTES },
  segmentBytes: { min: 1, max: MAX_BUNDLE_BYTES },
  windowBundles: { min: 1, max: 65_536 },
  windowBytes: { min: 1, max: 64 * MAX_BUNDLE_BYTES },
  establishMs: { min: 1, max: HOUR_MS },
  stallMs: { min: 1, max: 24 * HOUR_MS },
  ackMs: { min: 1, max: 24 * HOUR_MS },
  terminateMs: { min: 1, max: HOUR_MS },
  idleMs: { min: 0, max: 24 * HOUR_MS },
}

const DEFAULTS = {
  keepaliveS: 30,
  maxBundleBytes: MAX_BUNDLE_BYTES,
  segmentBytes: LINK_SEGMENT_BYTES,
  windowBundles: LINK_WINDOW_BUNDLES,
  windowBytes: LINK_WINDOW_BYTES,
  establishMs: 10_000,
  stallMs: 60_000,
  ackMs: 120_000,
  terminateMs: 10_000,
  idleMs: 0,
}

/** Options with their defaults. @throws {TypeError} */
export function sessionSettings(options: SessionOptions): SessionSettings {
  checkOptionKeys('TCPCLv4 session', options, ['nodeId', 'tls', ...Object.keys(DEFAULTS)])
  if (!['required', 'allowed', 'refused'].includes(options.tls))
    throw new TypeError('tls: required, allowed or refused')
  const settings = { ...DEFAULTS, ...options }
  for (const [key, bounds] of Object.entries(BOUNDS)) {
    checkWholeNumber(key, settings[key as keyof typeof DEFAULTS], bounds)
  }
  return settings
}
