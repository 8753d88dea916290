import { type CborValue, encodeCbor, shape } from '../../core/index.ts'
import { type Certificate, parseCertificate, type Role } from '../../records/path/index.ts'
import { REASON_CODES, type RevocationReason, reasonName } from '../crl/index.ts'
import { MAX_GRACE_COUNT } from '../limits.ts'
import type { HolderKind } from './ca-types.ts'
import { labelsOf, rolesOf } from './formats.ts'
import { booleanOf, keyId, nodeIdOf, optional, orDamaged, readValue, serial, versionOf } from './values.ts'

/**
 * What the CA issued and revoked, deterministic CBOR arrays; the first item is the version of the form.
 *
 *     certificate  [2, kind, name, issuedAtMs, notBeforeMs, notAfterMs, identity key id, token id or null,
 *                   serial of the certificate that it renews or null, [roles], [labels], DER]
 *                  [1, issuedAtMs, node_id, identity key id, token id, DER]
 *     owner        [2, identity key id, serial number, member since, times renewed after expiry]
 *                  [1, identity key id, serial number]
 *     revocation   [1, sequence, serial number, authority key id, key hash, kind, name, issuedAtMs, notAfterMs,
 *                   revokedAtMs, reason, invalidityMs or null]
 *     held         [1, issuedAtMs, notAfterMs, revoked]
 *
 * The form 1 of certificates and owners is read.
 */

/** A certificate that the CA issued. */
export interface IssuedCertificate {
  readonly kind: HolderKind
  /** node_id, or name of an operator or CA. */
  readonly name: string
  readonly serialNumber: Uint8Array
  readonly issuedAtMs: number
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly identityKeyId: Uint8Array
  /** The token that it was issued for. */
  readonly tokenId: Uint8Array | undefined
  /** Serial number of the certificate that it renews. */
  readonly renews: Uint8Array | undefined
  readonly roles: readonly Role[]
  readonly labels: readonly string[]
  readonly der: Uint8Array
}

/** What a certificate itself says, as the CA keeps it. */
export function issuedFacts(
  certificate: Certificate,
): Pick<IssuedCertificate, 'serialNumber' | 'notBeforeMs' | 'notAfterMs' | 'identityKeyId' | 'roles' | 'der'> {
  const { serialNumber, notBeforeMs, notAfterMs, subjectKeyId, roles, der } = certificate
  return { serialNumber, notBeforeMs, notAfterMs, identityKeyId: subjectKeyId, roles, der }
}

/** A certificate as the index by holder has it. */
export interface HeldCertificate {
  readonly serialNumber: Uint8Array
  readonly issuedAtMs: number
  readonly notAfterMs: number
  readonly revoked: boolean
}

/** Who owns a node_id. */
export interface NameOwner {
  readonly identityKeyId: Uint8Array
  /** Of the newest certificate. */
  readonly serialNumber: Uint8Array
  /** When this key, or the one that it renewed, was enrolled. */
  readonly memberSinceMs: number
  /** Renewals after expiry since then. */
  readonly graceUsed: number
}

/** A revocation as the CA keeps it. */
export interface StoredRevocation {
  /** Rises by one with each revocation of this CA. */
  readonly sequence: number
  readonly serialNumber: Uint8Array
  /** Whose list it goes into. */
  readonly authorityKeyId: Uint8Array
  /** SHA-256 of the SPKI. */
  readonly keyHash: Uint8Array
  readonly kind: HolderKind
  /** Empty when the certificate is not known here. */
  readonly name: string
  readonly issuedAtMs: number
  readonly notAfterMs: number
  readonly revokedAtMs: number
  readonly reason: RevocationReason
  readonly invalidityMs: number | undefined
}

const KINDS: readonly HolderKind[] = ['node', 'operator', 'issuing']

export function encodeIssued(issued: IssuedCertificate): Uint8Array {
  const { kind, name, issuedAtMs, notBeforeMs, notAfterMs, identityKeyId, tokenId, renews, roles, labels, der } = issued
  const times = [issuedAtMs, notBeforeMs, notAfterMs]
  const origin = [identityKeyId, tokenId ?? null, renews ?? null]
  return encodeCbor([2, kind, name, ...times, ...origin, [...roles], [...labels], der])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeIssued(bytes: Uint8Array, serialNumber: Uint8Array): IssuedCertificate {
  if (versionOf(bytes) === 1) return readValue(bytes, { version: 1, items: 5 }, firstForm)
  return readValue(bytes, { version: 2, items: 11 }, (values) => {
    const [kind, name, issuedAtMs, notBeforeMs, notAfterMs, identityKeyId, tokenId, renews, roles, labels, der] = values
    return {
      kind: shape.oneOf(kind, 'kind', KINDS),
      name: nodeIdOf(name),
      serialNumber,
      issuedAtMs: shape.uint(issuedAtMs, 'issuedAtMs'),
      notBeforeMs: shape.uint(notBeforeMs, 'notBeforeMs'),
      notAfterMs: shape.uint(notAfterMs, 'notAfterMs'),
      identityKeyId: keyId(identityKeyId),
      tokenId: optional(tokenId, keyId),
      renews: optional(renews, serial),
      roles: rolesOf(roles),
      labels: labelsOf(labels),
      der: shape.bytes(der, 'certificate'),
    }
  })
}

function firstForm([issuedAtMs, nodeId, identityKeyId, tokenId, der]: CborValue[]): IssuedCertificate {
  return {
    ...issuedFacts(parseCertificate(shape.bytes(der, 'certificate'))),
    kind: 'node',
    name: nodeIdOf(nodeId),
    issuedAtMs: shape.uint(issuedAtMs, 'issuedAtMs'),
    identityKeyId: keyId(identityKeyId),
    tokenId: keyId(tokenId),
    renews: undefined,
    labels: [],
  }
}

export function encodeNameOwner(owner: NameOwner): Uint8Array {
  return encodeCbor([2, owner.identityKeyId, owner.serialNumber, owner.memberSinceMs, owner.graceUsed])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeNameOwner(bytes: Uint8Array): NameOwner {
  if (versionOf(bytes) === 1) {
    return readValue(bytes, { version: 1, items: 2 }, ([identityKeyId, serialNumber]) => ({
      identityKeyId: keyId(identityKeyId),
      serialNumber: serial(serialNumber),
      memberSinceMs: 0,
      graceUsed: 0,
    }))
  }
  return readValue(bytes, { version: 2, items: 4 }, ([identityKeyId, serialNumber, memberSinceMs, graceUsed]) => ({
    identityKeyId: keyId(identityKeyId),
    serialNumber: serial(serialNumber),
    memberSinceMs: shape.uint(memberSinceMs, 'memberSinceMs'),
    graceUsed: shape.uint(graceUsed, 'graceUsed', { max: MAX_GRACE_COUNT }),
  }))
}

export function encodeRevocation(revocation: StoredRevocation): Uint8Array {
  const { sequence, serialNumber, authorityKeyId, keyHash, kind, name, issuedAtMs, notAfterMs } = revocation
  const { revokedAtMs, reason, invalidityMs = null } = revocation
  const certificate = [serialNumber, authorityKeyId, keyHash, kind, name, issuedAtMs, notAfterMs]
  return encodeCbor([1, sequence, ...certificate, revokedAtMs, REASON_CODES[reason], invalidityMs])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeRevocation(bytes: Uint8Array): StoredRevocation {
  return readValue(bytes, { version: 1, items: 11 }, (values) => {
    const [sequence, serialNumber, authorityKeyId, keyHash, kind, name, issuedAtMs, notAfterMs] = values
    const [revokedAtMs, reason, invalidityMs] = values.slice(8)
    return {
      sequence: shape.uint(sequence, 'sequence', { min: 1 }),
      serialNumber: serial(serialNumber),
      authorityKeyId: keyId(authorityKeyId),
      keyHash: keyId(keyHash),
      kind: shape.oneOf(kind, 'kind', KINDS),
      name: shape.text(name, 'name', { max: 63 }),
      issuedAtMs: shape.uint(issuedAtMs, 'issuedAtMs'),
      notAfterMs: shape.uint(notAfterMs, 'notAfterMs'),
      revokedAtMs: shape.uint(revokedAtMs, 'revokedAtMs'),
      reason: readReason(reason),
      invalidityMs: optional(invalidityMs, (value) => shape.uint(value, 'invalidityMs')),
    }
  })
}

function readReason(value: CborValue | undefined): RevocationReason {
  const reason = reasonName(shape.uint(value, 'reason'))
  if (reason === undefined) throw new RangeError('reason')
  return reason
}

export function encodeHeld(held: Omit<HeldCertificate, 'serialNumber'>): Uint8Array {
  return encodeCbor([1, held.issuedAtMs, held.notAfterMs, held.revoked])
}

/** @throws ENROLLMENT_CA_DAMAGED */
export function decodeHeld(bytes: Uint8Array, serialNumber: Uint8Array): HeldCertificate {
  return readValue(bytes, { version: 1, items: 3 }, ([issuedAtMs, notAfterMs, revoked]) => ({
    serialNumber: orDamaged(() => serial(serialNumber)),
    issuedAtMs: shape.uint(issuedAtMs, 'issuedAtMs'),
    notAfterMs: shape.uint(notAfterMs, 'notAfterMs'),
    revoked: booleanOf(revoked),
  }))
}
