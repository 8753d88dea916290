import { checkOptionKeys, checkWholeNumber } from '../../../core/index.ts'
import { LINK_WINDOW_BUNDLES, LINK_WINDOW_BYTES, MAX_BUNDLE_BYTES } from '../../limits.ts'

/** Settings of a link without acknowledgements. */
export interface FramedOptions {
  /** `HOST:PORT` each, or `PORT` on the loopback. Default: nowhere. */
  readonly listen?: readonly string[]
  /** Default MAX_LINK_SESSIONS. */
  readonly maxSessions?: number
  /** Default MAX_LINK_SESSIONS_PER_ADDRESS. */
  readonly maxSessionsPerAddress?: number
  /** Longest bundle either way, in bytes. Default and most MAX_BUNDLE_BYTES. */
  readonly maxBundleBytes?: number
  /** Bundles of a connection that may wait to be stored. Default LINK_WINDOW_BUNDLES. */
  readonly windowBundles?: number
  /** Bytes of such bundles. Default LINK_WINDOW_BYTES. */
  readonly windowBytes?: number
  /** Time to connect, in milliseconds. Default 10,000. */
  readonly connectMs?: number
  /** Time in which MIN_LINK_PROGRESS_BYTES come or go while a bundle is under way, in milliseconds. Default 60,000. */
  readonly stallMs?: number
  /** Silence after which a connection that only receives is closed, in milliseconds. Default 600,000. */
  readonly idleMs?: number
}

/** The same, complete. */
export type FramedSettings = Required<Omit<FramedOptions, 'listen' | 'maxSessions' | 'maxSessionsPerAddress'>>

const DAY_MS = 24 * 3_600_000

const DEFAULTS: FramedSettings = {
  maxBundleBytes: MAX_BUNDLE_BYTES,
  windowBundles: LINK_WINDOW_BUNDLES,
  windowBytes: LINK_WINDOW_BYTES,
  connectMs: 10_000,
  stallMs: 60_000,
  idleMs: 600_000,
}

const MOST: FramedSettings = {
  maxBundleBytes: MAX_BUNDLE_BYTES,
  windowBundles: 65_536,
  windowBytes: 64 * MAX_BUNDLE_BYTES,
  connectMs: DAY_MS,
  stallMs: DAY_MS,
  idleMs: DAY_MS,
}

/** Options with their defaults. @throws {TypeError} */
export function framedSettings(options: Omit<FramedOptions, 'listen'>): FramedSettings {
  const { maxSessions: _most, maxSessionsPerAddress: _each, ...rest } = options
  checkOptionKeys('bundle link', rest, Object.keys(DEFAULTS))
  const settings = { ...DEFAULTS, ...rest }
  for (const [key, max] of Object.entries(MOST)) {
    checkWholeNumber(key, settings[key as keyof FramedSettings], { min: 1, max })
  }
  return settings
}
