import { type CborValue, decodeCbor, encodeCbor, isDnsLabel, shape } from '../core/index.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import {
  DEFAULT_GRACE_COUNT,
  DEFAULT_GRACE_MS,
  DEFAULT_LEAF_LIFETIME_MS,
  MAX_ALLOWED_NODES,
  MAX_GRACE_COUNT,
  MAX_GRACE_MS,
  MAX_LEAF_LIFETIME_MS,
  MIN_LEAF_LIFETIME_MS,
} from './limits.ts'

/** Who may be in the mesh and for how long, as its operators decided. */
export interface EnrollmentPolicy {
  /** node_ids that may be members; undefined: any. */
  readonly allow: readonly string[] | undefined
  /** Most nodes with a certificate; undefined: any number. */
  readonly maxNodes: number | undefined
  /** What a node_id looks like: `*` stands for any characters, `?` for one. Undefined: anything. */
  readonly namePattern: string | undefined
  /** Whether a node must prove its device before it gets a certificate. */
  readonly attestation: 'none' | 'required'
  /** Whether a node that leaves `allow` is revoked. */
  readonly revokeOnRemoval: boolean
  /** Lifetime of node certificates, in milliseconds. */
  readonly leafLifetimeMs: number
  /** For how long after its end a certificate may still be renewed, in milliseconds; 0: never. */
  readonly graceMs: number
  /** How often one node may be renewed like that before it must be enrolled anew. */
  readonly graceCount: number
}

/** What a mesh begins with. */
export const DEFAULT_POLICY: EnrollmentPolicy = Object.freeze({
  allow: undefined,
  maxNodes: undefined,
  namePattern: undefined,
  attestation: 'none',
  revokeOnRemoval: false,
  leafLifetimeMs: DEFAULT_LEAF_LIFETIME_MS,
  graceMs: DEFAULT_GRACE_MS,
  graceCount: DEFAULT_GRACE_COUNT,
})

/** Who asks for a certificate. */
export interface Candidate {
  readonly nodeId: string
  /** Whether the node has a certificate already: it does not add to the number. */
  readonly isMember: boolean
  /** Nodes that have a certificate now. */
  readonly members: number
  /** Whether evidence of the device was verified. */
  readonly attested: boolean
}

/**
 * Whether a node may get a certificate.
 * @throws ENROLLMENT_POLICY with what it lacks in its metadata as `rule`
 */
export function checkPolicy(policy: EnrollmentPolicy, candidate: Candidate): void {
  const { nodeId, isMember, members, attested } = candidate
  const { allow, namePattern, maxNodes } = policy
  if (allow !== undefined && !allow.includes(nodeId)) throw refused('allow')
  if (namePattern !== undefined && !matchesPattern(nodeId, namePattern)) throw refused('namePattern')
  if (maxNodes !== undefined && !isMember && members >= maxNodes) throw refused('maxNodes')
  if (policy.attestation === 'required' && !attested) throw refused('attestation')
}

function refused(rule: keyof EnrollmentPolicy) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_POLICY', { detail: rule, metadata: { rule } })
}

/** True when all of `text` fits `pattern`, in which `*` is any characters and `?` is one. Goes back to the last star only. */
export function matchesPattern(text: string, pattern: string): boolean {
  let [at, place, star, mark] = [0, 0, -1, 0]
  while (at < text.length) {
    if (pattern[place] === '*') {
      star = place
      mark = at
      place += 1
    } else if (pattern[place] === '?' || pattern[place] === text[at]) {
      at += 1
      place += 1
    } else if (star >= 0) {
      mark += 1
      at = mark
      place = star + 1
    } else return false
  }
  while (pattern[place] === '*') place += 1
  return place === pattern.length
}

const PATTERN = /^[a-z0-9*?-]{1,63}$/

/**
 * Checks a policy that an operator gives.
 * @throws ENROLLMENT_POLICY_MALFORMED naming the member
 */
export function checkedPolicy(policy: EnrollmentPolicy): EnrollmentPolicy {
  const { allow, maxNodes, namePattern, attestation, revokeOnRemoval, leafLifetimeMs, graceMs, graceCount } = policy
  const whole = (value: unknown, min: number, max: number) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
  const flaws: [string, boolean][] = [
    ['allow', allow !== undefined && (allow.length > MAX_ALLOWED_NODES || !allow.every(isDnsLabel))],
    ['maxNodes', maxNodes !== undefined && !whole(maxNodes, 0, Number.MAX_SAFE_INTEGER)],
    ['namePattern', namePattern !== undefined && !PATTERN.test(namePattern)],
    ['attestation', attestation !== 'none' && attestation !== 'required'],
    ['revokeOnRemoval', typeof revokeOnRemoval !== 'boolean'],
    ['leafLifetimeMs', !whole(leafLifetimeMs, MIN_LEAF_LIFETIME_MS, MAX_LEAF_LIFETIME_MS)],
    ['graceMs', !whole(graceMs, 0, MAX_GRACE_MS)],
    ['graceCount', !whole(graceCount, 0, MAX_GRACE_COUNT)],
  ]
  const flaw = flaws.find(([, flawed]) => flawed)?.[0]
  if (flaw !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_POLICY_MALFORMED', { detail: flaw })
  return policy
}

/** Deterministic CBOR `[1, allow or null, maxNodes or null, pattern or null, attestation, revoke, life, grace, count]`. */
export function encodePolicy(policy: EnrollmentPolicy): Uint8Array {
  return encodeCbor([
    1,
    policy.allow === undefined ? null : [...policy.allow],
    policy.maxNodes ?? null,
    policy.namePattern ?? null,
    policy.attestation,
    policy.revokeOnRemoval,
    policy.leafLifetimeMs,
    policy.graceMs,
    policy.graceCount,
  ])
}

// A node_id has at most 63 characters, and two bytes before it.
const MAX_POLICY_BYTES = 65 * MAX_ALLOWED_NODES + 1024
const MAX_POLICY_ITEMS = MAX_ALLOWED_NODES + 16

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodePolicy(bytes: Uint8Array): EnrollmentPolicy {
  try {
    const items = shape.array(decodeCbor(bytes, { maxBytes: MAX_POLICY_BYTES, maxItems: MAX_POLICY_ITEMS }), 'policy', {
      min: 9,
      max: 9,
    })
    const [version, allow, maxNodes, namePattern, attestation, revokeOnRemoval, life, graceMs, graceCount] = items
    shape.oneOf(version, 'version', [1])
    return checkedPolicy({
      allow: optional(allow, (value) => shape.array(value, 'allow').map((name) => shape.text(name, 'node_id'))),
      maxNodes: optional(maxNodes, (value) => shape.uint(value, 'maxNodes')),
      namePattern: optional(namePattern, (value) => shape.text(value, 'namePattern')),
      attestation: shape.oneOf(attestation, 'attestation', ['none', 'required'] as const),
      revokeOnRemoval: revokeOnRemoval as boolean,
      leafLifetimeMs: shape.uint(life, 'leafLifetimeMs'),
      graceMs: shape.uint(graceMs, 'graceMs'),
      graceCount: shape.uint(graceCount, 'graceCount'),
    })
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED', { cause })
  }
}

function optional<T>(value: CborValue | undefined, read: (value: CborValue | undefined) => T): T | undefined {
  return value === null ? undefined : read(value)
}
