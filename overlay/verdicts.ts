import { checkOptionKeys } from '../core/index.ts'
import type { ValidPath } from '../records/index.ts'

/**
 * What a node thinks of a peer whose path holds: `trusted`; `stale`, judged by lists that are too old; `unreachable`, whoever
 * could say more cannot be asked; `untrusted`, which never stays connected. Four different things, never merged.
 */
export type PeerVerdict = 'trusted' | 'stale' | 'unreachable' | 'untrusted'

/** A verdict, and why, in a few words each. */
export interface Opinion {
  readonly verdict: PeerVerdict
  readonly reasons: readonly string[]
}

/** A path that held, and what the gate thinks of its leaf. */
export type Judgement = ValidPath & Opinion

/**
 * What this node lets a peer take part in. The trust stream is outside of it, and so are directives: they carry what makes
 * a verdict better.
 */
export interface Capabilities {
  /** Is sent records, by gossip and catch-up. */
  readonly receive: boolean
  /** Its records of other origins are taken. */
  readonly forward: boolean
  /** Records of which it is the origin are taken, from whomever they come. */
  readonly publish: boolean
  /** Its votes count. */
  readonly validate: boolean
}

/** A peer that stays connected has one of these verdicts. */
export type AdmittedVerdict = Exclude<PeerVerdict, 'untrusted'>

export type CapabilityTable = Readonly<Record<AdmittedVerdict, Capabilities>>

/** Changes to the table; what is not named stays as it is by default. */
export type CapabilityOptions = Readonly<Partial<Record<AdmittedVerdict, Partial<Capabilities>>>>

/** What this node thinks of a peer, and what follows from it. */
export interface Standing extends Opinion {
  readonly verdict: AdmittedVerdict
  readonly capabilities: Capabilities
}

const EVERYTHING: Capabilities = { receive: true, forward: true, publish: true, validate: true }
const CARRIER: Capabilities = { receive: true, forward: true, publish: false, validate: false }

const DEFAULTS: CapabilityTable = { trusted: EVERYTHING, stale: CARRIER, unreachable: CARRIER }

/**
 * The table with the changes of `options`.
 * @throws {TypeError} for an unknown verdict or capability, or one that is neither true nor false
 */
export function resolveCapabilities(options: CapabilityOptions = {}): CapabilityTable {
  checkOptionKeys('overlay.capabilities', options, Object.keys(DEFAULTS))
  for (const [verdict, changes] of Object.entries(options)) {
    checkOptionKeys(`overlay.capabilities.${verdict}`, changes, Object.keys(EVERYTHING))
    for (const [name, value] of Object.entries(changes)) {
      if (typeof value !== 'boolean') throw new TypeError(`capabilities.${verdict}.${name} must be true or false`)
    }
  }
  return {
    trusted: { ...DEFAULTS.trusted, ...options.trusted },
    stale: { ...DEFAULTS.stale, ...options.stale },
    unreachable: { ...DEFAULTS.unreachable, ...options.unreachable },
  }
}

/** What a gate thinks of the leaf of `path`: a gate that says nothing trusts it. */
export function opinionOf({ verdict = 'trusted', reasons = [] }: Partial<Opinion>): Opinion {
  return { verdict, reasons }
}

/** What follows from an opinion on a peer that stays connected. */
export function standingOf({ verdict, reasons }: Opinion, table: CapabilityTable): Standing {
  if (verdict === 'untrusted') throw new TypeError('an untrusted peer has no standing')
  return { verdict, reasons, capabilities: table[verdict] }
}
