import { type CborValue, decodeCbor, encodeCbor, shape } from '../../core/index.ts'
import type { SignaturePolicy } from '../../crypto/index.ts'
import { ROLES, type Role } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_ADDRESS_CHARACTERS, MAX_ADDRESSES, MAX_TOKEN_USES } from '../limits.ts'
import type { TokenState } from '../redemption.ts'
import type { MeshSettings } from '../types.ts'

/**
 * Values in the CA's database, deterministic CBOR arrays. The first item is the version of the form, 1.
 *
 *     token        [1, createdAtMs, expiresAtMs, uses, used, node_id or null, [roles]]
 *     certificate  [1, issuedAtMs, node_id, identity key id, token id, DER]
 *     name         [1, identity key id, serial number]
 *     settings     [1, mesh, signature policy, gossip fan-out, [bootstrap peers], pseudonym epoch]
 *     peer         [1, learnedAtMs, [addresses]]
 *     audit        [1, atMs, event, node_id or null, token id, serial number or null]
 */

const VERSION = 1
const MAX_VALUE_BYTES = 32 * 1024

/** A certificate that the CA issued. */
export interface IssuedCertificate {
  readonly issuedAtMs: number
  readonly nodeId: string
  readonly identityKeyId: Uint8Array
  readonly tokenId: Uint8Array
  readonly der: Uint8Array
}

/** Who owns a node_id. */
export interface NameOwner {
  readonly identityKeyId: Uint8Array
  readonly serialNumber: Uint8Array
}

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

/** One line of what the CA did. */
export interface AuditEntry {
  readonly atMs: number
  readonly event: 'token-created' | 'certificate-issued'
  readonly nodeId: string | undefined
  readonly tokenId: Uint8Array
  readonly serialNumber: Uint8Array | undefined
}

/** The items after the version; any flaw means that the database is damaged. */
function read<T>(bytes: Uint8Array, items: number, build: (values: CborValue[]) => T): T {
  try {
    const [version, ...values] = shape.array(decodeCbor(bytes, { maxBytes: MAX_VALUE_BYTES }), 'value', {
      min: items + 1,
      max: items + 1,
    })
    shape.oneOf(version, 'version', [VERSION])
    return build(values)
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED', { cause })
  }
}

function write(...values: CborValue[]): Uint8Array {
  return encodeCbor([VERSION, ...values])
}

const keyId = (value: CborValue | undefined) => shape.bytes(value, 'key id', { min: 32, max: 32 })
const serial = (value: CborValue | undefined) => shape.bytes(value, 'serial number', { min: 1, max: 20 })
const nodeIdOf = (value: CborValue | undefined) => shape.text(value, 'node_id', { min: 1, max: 63 })
const addressesOf = (value: CborValue | undefined) =>
  shape
    .array(value, 'addresses', { max: MAX_ADDRESSES })
    .map((item) => shape.text(item, 'address', { max: MAX_ADDRESS_CHARACTERS }))

export function encodeTokenState(token: TokenState): Uint8Array {
  const { createdAtMs, expiresAtMs, uses, used, nodeId = null, roles } = token
  return write(createdAtMs, expiresAtMs, uses, used, nodeId, [...roles])
}

export function decodeTokenState(bytes: Uint8Array): TokenState {
  return read(bytes, 6, ([createdAtMs, expiresAtMs, uses, used, nodeId, roles]) => ({
    createdAtMs: shape.uint(createdAtMs, 'createdAtMs'),
    expiresAtMs: shape.uint(expiresAtMs, 'expiresAtMs'),
    uses: shape.uint(uses, 'uses', { min: 1, max: MAX_TOKEN_USES }),
    used: shape.uint(used, 'used', { max: MAX_TOKEN_USES }),
    nodeId: nodeId === null ? undefined : nodeIdOf(nodeId),
    roles: shape.array(roles, 'roles', { min: 1 }).map((role) => shape.oneOf<Role>(role, 'role', ROLES)),
  }))
}

export function encodeIssued(issued: IssuedCertificate): Uint8Array {
  return write(issued.issuedAtMs, issued.nodeId, issued.identityKeyId, issued.tokenId, issued.der)
}

export function decodeIssued(bytes: Uint8Array): IssuedCertificate {
  return read(bytes, 5, ([issuedAtMs, nodeId, identityKeyId, tokenId, der]) => ({
    issuedAtMs: shape.uint(issuedAtMs, 'issuedAtMs'),
    nodeId: nodeIdOf(nodeId),
    identityKeyId: keyId(identityKeyId),
    tokenId: keyId(tokenId),
    der: shape.bytes(der, 'certificate'),
  }))
}

export function encodeNameOwner(owner: NameOwner): Uint8Array {
  return write(owner.identityKeyId, owner.serialNumber)
}

export function decodeNameOwner(bytes: Uint8Array): NameOwner {
  return read(bytes, 2, ([identityKeyId, serialNumber]) => ({
    identityKeyId: keyId(identityKeyId),
    serialNumber: serial(serialNumber),
  }))
}

const POLICIES: readonly SignaturePolicy[] = ['classical-only', 'hybrid', 'quantum-only']

export function encodeSettings(settings: CaSettings): Uint8Array {
  const { mesh, signaturePolicy, gossipFanout, bootstrapPeers, pseudonymEpoch } = settings
  return write(mesh, signaturePolicy, gossipFanout, [...bootstrapPeers], pseudonymEpoch)
}

export function decodeSettings(bytes: Uint8Array): CaSettings {
  return read(bytes, 5, ([mesh, signaturePolicy, gossipFanout, bootstrapPeers, pseudonymEpoch]) => ({
    mesh: shape.text(mesh, 'mesh', { min: 1, max: 63 }),
    signaturePolicy: shape.oneOf(signaturePolicy, 'signature policy', POLICIES),
    gossipFanout: shape.uint(gossipFanout, 'gossip fan-out'),
    bootstrapPeers: addressesOf(bootstrapPeers),
    pseudonymEpoch: shape.uint(pseudonymEpoch, 'pseudonym epoch', { min: 1 }),
  }))
}

export function encodePeer(peer: PeerAddresses): Uint8Array {
  return write(peer.learnedAtMs, [...peer.addresses])
}

export function decodePeer(bytes: Uint8Array): PeerAddresses {
  return read(bytes, 2, ([learnedAtMs, addresses]) => ({
    learnedAtMs: shape.uint(learnedAtMs, 'learnedAtMs'),
    addresses: addressesOf(addresses),
  }))
}

export function encodeAudit(entry: AuditEntry): Uint8Array {
  const { atMs, event, nodeId = null, tokenId, serialNumber = null } = entry
  return write(atMs, event, nodeId, tokenId, serialNumber)
}

export function decodeAudit(bytes: Uint8Array): AuditEntry {
  return read(bytes, 5, ([atMs, event, nodeId, tokenId, serialNumber]) => ({
    atMs: shape.uint(atMs, 'atMs'),
    event: shape.oneOf(event, 'event', ['token-created', 'certificate-issued'] as const),
    nodeId: nodeId === null ? undefined : nodeIdOf(nodeId),
    tokenId: keyId(tokenId),
    serialNumber: serialNumber === null ? undefined : serial(serialNumber),
  }))
}
