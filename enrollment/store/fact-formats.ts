import { encodeCbor, shape } from '../../core/index.ts'
import { MAX_CHAIN_LENGTH } from '../../records/path/index.ts'
import { MAX_OWN_AUTHORITIES, MAX_ROOT_APPROVALS } from '../limits.ts'
import { nodeIdOf, readValue } from './values.ts'

/**
 * Single values of a CA, deterministic CBOR:
 *
 *     authorities  [1, active, [[kind, main key name, alternative key name, [DER]], …]]
 *     approvals    [1, [[operator, atMs], …]]
 *     recovery     [1, restores, last restore, behind since or null]
 *     revocations  [1, sequence of the last one]
 */

/** An authority whose keys are in the CA's keystore. */
export interface AuthorityRecord {
  readonly kind: 'root' | 'issuing'
  /** Names of its keys in the keystore. */
  readonly main: string
  readonly alternative: string
  /** DER: its own certificate first, the mesh's root last. */
  readonly chain: readonly Uint8Array[]
}

export interface AuthorityRecords {
  /** Place of the one that signs new certificates. */
  readonly active: number
  readonly authorities: readonly AuthorityRecord[]
}

/** An operator's approval of a change of the root. */
export interface Approval {
  readonly operator: string
  readonly atMs: number
}

/** What the CA knows of having been restored from a backup. */
export interface Recovery {
  /** How often it was. */
  readonly restores: number
  /** When it was for the last time; 0: never. */
  readonly restoredAtMs: number
  /** When a certificate turned up that this CA signed and does not know. */
  readonly behindSinceMs: number | undefined
}

const MAX_CHAINS_BYTES = MAX_OWN_AUTHORITIES * MAX_CHAIN_LENGTH * 16 * 1024

export function encodeAuthorities({ active, authorities }: AuthorityRecords): Uint8Array {
  const items = authorities.map(({ kind, main, alternative, chain }) => [kind, main, alternative, [...chain]])
  return encodeCbor([1, active, items])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeAuthorities(bytes: Uint8Array): AuthorityRecords {
  return readValue(bytes, { version: 1, items: 2, maxBytes: MAX_CHAINS_BYTES }, ([active, items]) => {
    const authorities = shape.array(items, 'authorities', { min: 1, max: MAX_OWN_AUTHORITIES }).map((item) => {
      const [kind, main, alternative, chain] = shape.array(item, 'authority', { min: 4, max: 4 })
      return {
        kind: shape.oneOf(kind, 'kind', ['root', 'issuing'] as const),
        main: nodeIdOf(main),
        alternative: nodeIdOf(alternative),
        chain: shape
          .array(chain, 'chain', { min: 1, max: MAX_CHAIN_LENGTH })
          .map((der) => shape.bytes(der, 'certificate')),
      }
    })
    return { active: shape.uint(active, 'active', { max: authorities.length - 1 }), authorities }
  })
}

export function encodeApprovals(approvals: readonly Approval[]): Uint8Array {
  return encodeCbor([1, approvals.map(({ operator, atMs }) => [operator, atMs])])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeApprovals(bytes: Uint8Array): Approval[] {
  return readValue(bytes, { version: 1, items: 1 }, ([items]) =>
    shape.array(items, 'approvals', { max: MAX_ROOT_APPROVALS }).map((item) => {
      const [operator, atMs] = shape.array(item, 'approval', { min: 2, max: 2 })
      return { operator: nodeIdOf(operator), atMs: shape.uint(atMs, 'atMs') }
    }),
  )
}

export function encodeRecovery({ restores, restoredAtMs, behindSinceMs }: Recovery): Uint8Array {
  return encodeCbor([1, restores, restoredAtMs, behindSinceMs ?? null])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeRecovery(bytes: Uint8Array): Recovery {
  return readValue(bytes, { version: 1, items: 3 }, ([restores, restoredAtMs, behindSinceMs]) => ({
    restores: shape.uint(restores, 'restores'),
    restoredAtMs: shape.uint(restoredAtMs, 'restoredAtMs'),
    behindSinceMs: behindSinceMs === null ? undefined : shape.uint(behindSinceMs, 'behindSinceMs'),
  }))
}

export function encodeCount(count: number): Uint8Array {
  return encodeCbor([1, count])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeCount(bytes: Uint8Array): number {
  return readValue(bytes, { version: 1, items: 1 }, ([count]) => shape.uint(count, 'count'))
}
