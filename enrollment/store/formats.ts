import { type CborValue, encodeCbor, shape } from '../../core/index.ts'
import type { SignaturePolicy } from '../../crypto/index.ts'
import { ROLES, type Role } from '../../records/path/index.ts'
import { MAX_ADDRESS_CHARACTERS, MAX_ADDRESSES, MAX_LABEL_CHARACTERS, MAX_LABELS, MAX_TOKEN_USES } from '../limits.ts'
import type { TokenState } from '../redemption.ts'
import type { MeshSettings } from '../types.ts'
import { nodeIdOf, optional, readValue, versionOf } from './values.ts'

/**
 * Values in the CA's database, deterministic CBOR arrays. The first item is the version of the form.
 *
 *     token        [2, createdAtMs, expiresAtMs, uses, used, node_id or null, [roles], [labels], attestation]
 *                  [1, createdAtMs, expiresAtMs, uses, used, node_id or null, [roles]]
 *     settings     [1, mesh, signature policy, gossip fan-out, [bootstrap peers], pseudonym epoch]
 *     peer         [1, learnedAtMs, [addresses]]
 *
 * Tokens of the form 1 are read; certificates, owners and revocations are in issued-format.ts.
 */

/** {@link MeshSettings} as the CA keeps them. */
export interface CaSettings extends MeshSettings {
  readonly mesh: string
  readonly pseudonymEpoch: number
}

/** A node's addresses. */
export interface PeerAddresses {
  readonly learnedAtMs: number
  readonly addresses: readonly string[]
}

const addressesOf = (value: CborValue | undefined) =>
  shape
    .array(value, 'addresses', { max: MAX_ADDRESSES })
    .map((item) => shape.text(item, 'address', { max: MAX_ADDRESS_CHARACTERS }))

/** Roles in a value. */
export const rolesOf = (value: CborValue | undefined): Role[] =>
  shape.array(value, 'roles', { max: ROLES.length }).map((role) => shape.oneOf<Role>(role, 'role', ROLES))

/** Labels in a value. */
export const labelsOf = (value: CborValue | undefined): string[] =>
  shape
    .array(value, 'labels', { max: MAX_LABELS })
    .map((item) => shape.text(item, 'label', { min: 1, max: MAX_LABEL_CHARACTERS }))

export function encodeTokenState(token: TokenState): Uint8Array {
  const { createdAtMs, expiresAtMs, uses, used, nodeId = null, roles, labels, attestation } = token
  return encodeCbor([2, createdAtMs, expiresAtMs, uses, used, nodeId, [...roles], [...labels], attestation])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeTokenState(bytes: Uint8Array): TokenState {
  if (versionOf(bytes) === 1) {
    return readValue(bytes, { version: 1, items: 6 }, (values) => ({
      ...readTerms(values),
      labels: [],
      attestation: 'none',
    }))
  }
  return readValue(bytes, { version: 2, items: 8 }, (values) => ({
    ...readTerms(values),
    labels: labelsOf(values[6]),
    attestation: shape.oneOf(values[7], 'attestation', ['none', 'required'] as const),
  }))
}

function readTerms([createdAtMs, expiresAtMs, uses, used, nodeId, roles]: CborValue[]) {
  return {
    createdAtMs: shape.uint(createdAtMs, 'createdAtMs'),
    expiresAtMs: shape.uint(expiresAtMs, 'expiresAtMs'),
    uses: shape.uint(uses, 'uses', { min: 1, max: MAX_TOKEN_USES }),
    used: shape.uint(used, 'used', { max: MAX_TOKEN_USES }),
    nodeId: optional(nodeId, nodeIdOf),
    roles: rolesOf(roles),
  }
}

export const SIGNATURE_POLICIES: readonly SignaturePolicy[] = ['classical-only', 'hybrid', 'quantum-only']

export function encodeSettings(settings: CaSettings): Uint8Array {
  const { mesh, signaturePolicy, gossipFanout, bootstrapPeers, pseudonymEpoch } = settings
  return encodeCbor([1, mesh, signaturePolicy, gossipFanout, [...bootstrapPeers], pseudonymEpoch])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeSettings(bytes: Uint8Array): CaSettings {
  return readValue(bytes, { version: 1, items: 5 }, (values) => {
    const [mesh, signaturePolicy, gossipFanout, bootstrapPeers, pseudonymEpoch] = values
    return {
      mesh: shape.text(mesh, 'mesh', { min: 1, max: 63 }),
      signaturePolicy: shape.oneOf(signaturePolicy, 'signature policy', SIGNATURE_POLICIES),
      gossipFanout: shape.uint(gossipFanout, 'gossip fan-out'),
      bootstrapPeers: addressesOf(bootstrapPeers),
      pseudonymEpoch: shape.uint(pseudonymEpoch, 'pseudonym epoch', { min: 1 }),
    }
  })
}

export function encodePeer(peer: PeerAddresses): Uint8Array {
  return encodeCbor([1, peer.learnedAtMs, [...peer.addresses]])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodePeer(bytes: Uint8Array): PeerAddresses {
  return readValue(bytes, { version: 1, items: 2 }, ([learnedAtMs, addresses]) => ({
    learnedAtMs: shape.uint(learnedAtMs, 'learnedAtMs'),
    addresses: addressesOf(addresses),
  }))
}
