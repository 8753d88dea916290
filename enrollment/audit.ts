import { type CborValue, decodeCbor, encodeCbor, equalBytes, shape } from '../core/index.ts'
import { sha256 } from '../crypto/index.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import { MAX_AUDIT_DETAIL_CHARACTERS } from './limits.ts'

/**
 * What a CA decided, in a chain: each entry names the SHA-256 of the one before, so that none can be changed, taken out
 * or moved without breaking all that follow. Deterministic CBOR:
 *
 *     [2, previous hash, atMs, event, actor kind, actor name, node_id or null, token id or null, serial or null, detail]
 *
 * The first entry follows 32 zero bytes. Entries of the form 1, which were no chain, may come first and are followed like
 * any other.
 */
export interface AuditEntry {
  readonly atMs: number
  readonly event: AuditEvent
  readonly actor: Actor
  readonly nodeId: string | undefined
  readonly tokenId: Uint8Array | undefined
  readonly serialNumber: Uint8Array | undefined
  /** What else there is to say: a reason, a rule, a number. */
  readonly detail: string
}

/** What can happen at a CA. Append-only. */
export const AUDIT_EVENTS = [
  'ca-made',
  'ca-restored',
  'token-created',
  'certificate-issued',
  'certificate-renewed',
  'certificate-renewed-in-grace',
  'certificate-revoked',
  'operator-added',
  'policy-changed',
  'list-issued',
  'pseudonym-key-changed',
  'issuing-ca-signed',
  'list-imported',
  'root-change-approved',
  'root-changed',
  'refused',
] as const

export type AuditEvent = (typeof AUDIT_EVENTS)[number]

/** Who made a CA do something: somebody at its own keyboard, an operator by certificate, a node, or its policy. */
export interface Actor {
  readonly kind: 'local' | 'operator' | 'node' | 'policy'
  /** Name of the operator or node; empty for others. */
  readonly name: string
}

/** Somebody at the CA's own keyboard. */
export const LOCAL_ACTOR: Actor = Object.freeze({ kind: 'local', name: '' })

/** The policy of the mesh, without anybody asking. */
export const POLICY_ACTOR: Actor = Object.freeze({ kind: 'policy', name: '' })

const ACTOR_KINDS = ['local', 'operator', 'node', 'policy'] as const

/** What the first entry follows. */
export const AUDIT_START: Uint8Array = new Uint8Array(32)

/** An entry in which what is left out is nothing. */
export function auditEntry(given: Pick<AuditEntry, 'atMs' | 'event' | 'actor'> & Partial<AuditEntry>): AuditEntry {
  return { nodeId: undefined, tokenId: undefined, serialNumber: undefined, detail: '', ...given }
}

/** What the entry after `bytes` names. */
export function auditHash(bytes: Uint8Array): Uint8Array {
  return sha256(bytes)
}

/** The entry that follows `previous`, a hash. */
export function encodeAudit(entry: AuditEntry, previous: Uint8Array): Uint8Array {
  const { atMs, event, actor, nodeId = null, tokenId = null, serialNumber = null } = entry
  const detail = entry.detail.slice(0, MAX_AUDIT_DETAIL_CHARACTERS)
  return encodeCbor([2, previous, atMs, event, actor.kind, actor.name, nodeId, tokenId, serialNumber, detail])
}

/**
 * An entry, with the hash that it follows; undefined for one of the form 1.
 * @throws ENROLLMENT_CA_DAMAGED
 */
export function decodeAudit(bytes: Uint8Array): { entry: AuditEntry; previous: Uint8Array | undefined } {
  try {
    const items = shape.array(decodeCbor(bytes, { maxBytes: 4096 }), 'audit', { min: 6, max: 10 })
    if (items[0] === 1) return { entry: firstForm(items), previous: undefined }
    shape.oneOf(items[0], 'version', [2])
    return { entry: secondForm(items), previous: shape.bytes(items[1], 'previous', { min: 32, max: 32 }) }
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED', { cause })
  }
}

function secondForm(items: CborValue[]): AuditEntry {
  const [, , atMs, event, kind, name, nodeId, tokenId, serialNumber, detail] = items
  return {
    atMs: shape.uint(atMs, 'atMs'),
    event: shape.oneOf(event, 'event', AUDIT_EVENTS),
    actor: { kind: shape.oneOf(kind, 'actor', ACTOR_KINDS), name: shape.text(name, 'name', { max: 63 }) },
    nodeId: nodeId === null ? undefined : shape.text(nodeId, 'node_id', { max: 63 }),
    tokenId: tokenId === null ? undefined : shape.bytes(tokenId, 'token id', { min: 32, max: 32 }),
    serialNumber: serialNumber === null ? undefined : shape.bytes(serialNumber, 'serial', { min: 1, max: 20 }),
    detail: shape.text(detail, 'detail', { max: 4 * MAX_AUDIT_DETAIL_CHARACTERS }),
  }
}

function firstForm([, atMs, event, nodeId, tokenId, serialNumber]: CborValue[]): AuditEntry {
  return {
    atMs: shape.uint(atMs, 'atMs'),
    event: shape.oneOf(event, 'event', ['token-created', 'certificate-issued'] as const),
    actor: LOCAL_ACTOR,
    nodeId: nodeId === null ? undefined : shape.text(nodeId, 'node_id', { max: 63 }),
    tokenId: shape.bytes(tokenId, 'token id', { min: 32, max: 32 }),
    serialNumber: serialNumber === null ? undefined : shape.bytes(serialNumber, 'serial', { min: 1, max: 20 }),
    detail: '',
  }
}

function previousOf(bytes: Uint8Array, broken: (cause: unknown) => Error): Uint8Array | undefined {
  try {
    return decodeAudit(bytes).previous
  } catch (cause) {
    throw broken(cause)
  }
}

/**
 * Checks a chain from its first entry on.
 * @returns the number of entries, and the hash that the next one would name: whoever noted it knows whether entries were cut off the end
 * @throws ENROLLMENT_AUDIT_BROKEN with the number of the first wrong entry, counted from 1
 */
export async function verifyAudit(
  chain: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ entries: number; head: Uint8Array }> {
  let head = AUDIT_START
  let entries = 0
  let chained = false
  for await (const bytes of chain) {
    entries += 1
    const broken = (cause?: unknown) =>
      ENROLLMENT_ERRORS.create('ENROLLMENT_AUDIT_BROKEN', { detail: `entry ${entries}`, metadata: { entries }, cause })
    const previous = previousOf(bytes, broken)
    if (previous === undefined ? chained : !equalBytes(previous, head)) throw broken()
    chained = previous !== undefined
    head = auditHash(bytes)
  }
  return { entries, head }
}
