import type { SuiteName } from '../crypto/index.ts'
import {
  contextTag,
  der,
  derBitString,
  derNamedBits,
  derOid,
  derSequence,
  derText,
  derTrue,
  derUnsigned,
  KEY_USAGE_BITS,
  type KeyUsage,
  OID,
  ROLES,
  type Role,
  signatureAlgorithm,
  TAG,
} from '../records/path/index.ts'

/** One extension, ready to be written into a certificate. */
export interface Extension {
  /** Dotted. */
  readonly oid: string
  readonly critical: boolean
  /** DER of the value. */
  readonly value: Uint8Array
}

/** DER of an Extension (RFC 5280 §4.1). */
export function encodeExtension(extension: Extension): Uint8Array {
  const critical = extension.critical ? [derTrue()] : []
  return derSequence(derOid(extension.oid), ...critical, der(TAG.octetString, extension.value))
}

/** basicConstraints; `pathLength` counts the CAs that may stand between this one and a leaf. */
export function basicConstraints(options: { ca: boolean; pathLength?: number }): Extension {
  const ca = options.ca ? [derTrue()] : []
  const length = options.pathLength === undefined ? [] : [derUnsigned(Uint8Array.of(options.pathLength))]
  return { oid: OID.basicConstraints, critical: true, value: derSequence(...ca, ...length) }
}

/** keyUsage with the named bits. */
export function keyUsage(...usages: readonly KeyUsage[]): Extension {
  return { oid: OID.keyUsage, critical: true, value: derNamedBits(usages.map((usage) => KEY_USAGE_BITS[usage])) }
}

/** extKeyUsage with dotted OIDs. */
export function extendedKeyUsage(...purposes: readonly string[]): Extension {
  return { oid: OID.extendedKeyUsage, critical: false, value: derSequence(...purposes.map(derOid)) }
}

const DNS_NAME = contextTag(2, 'primitive')
const URI_NAME = contextTag(6, 'primitive')

/** subjectAltName with URIs, DNS names and bundle endpoints. */
export function subjectAltName(names: {
  uris: readonly string[]
  dnsNames: readonly string[]
  bundleEndpoints?: readonly string[]
}): Extension {
  const uris = names.uris.map((uri) => derText(URI_NAME, uri))
  const dnsNames = names.dnsNames.map((name) => derText(DNS_NAME, name))
  const endpoints = (names.bundleEndpoints ?? []).map(bundleEndpoint)
  return { oid: OID.subjectAltName, critical: false, value: derSequence(...uris, ...dnsNames, ...endpoints) }
}

/** An otherName of the form bundleEID (RFC 9174 §4.4.2). */
function bundleEndpoint(endpoint: string): Uint8Array {
  const value = der(contextTag(0, 'constructed'), derText(TAG.ia5String, endpoint))
  return der(contextTag(0, 'constructed'), derOid(OID.bundleEndpoint), value)
}

/** nameConstraints that permit one mesh: DNS names at or below its name, URIs whose host is its name. */
export function meshConstraints(mesh: string): Extension {
  const permitted = [derText(DNS_NAME, mesh), derText(URI_NAME, mesh)].map((base) => derSequence(base))
  return {
    oid: OID.nameConstraints,
    critical: true,
    value: derSequence(der(contextTag(0, 'constructed'), ...permitted)),
  }
}

/** subjectKeyIdentifier: 32 bytes. */
export function subjectKeyIdentifier(keyId: Uint8Array): Extension {
  return { oid: OID.subjectKeyIdentifier, critical: false, value: der(TAG.octetString, keyId) }
}

/** authorityKeyIdentifier: the issuer's subject key identifier. */
export function authorityKeyIdentifier(keyId: Uint8Array): Extension {
  const value = derSequence(der(contextTag(0, 'primitive'), keyId))
  return { oid: OID.authorityKeyIdentifier, critical: false, value }
}

/** Roles, in the order of ROLES whatever the order given. */
export function rolesExtension(roles: readonly Role[]): Extension {
  const texts = ROLES.filter((role) => roles.includes(role)).map((role) => derText(TAG.utf8String, role))
  return { oid: OID.roles, critical: false, value: derSequence(...texts) }
}

/** libp2p SignedKey: the overlay key in its protobuf form and its signature over the subject key. */
export function overlaySignedKey(key: { publicKey: Uint8Array; signature: Uint8Array }): Extension {
  return { oid: OID.overlaySignedKey, critical: false, value: encodeSignedKey(key) }
}

/** DER of a SignedKey. */
export function encodeSignedKey(key: { publicKey: Uint8Array; signature: Uint8Array }): Uint8Array {
  return derSequence(der(TAG.octetString, key.publicKey), der(TAG.octetString, key.signature))
}

/** subjectAltPublicKeyInfo (X.509 10/2019 §9.8.2): a second key of the subject, SPKI DER. */
export function subjectAltPublicKey(spki: Uint8Array): Extension {
  return { oid: OID.subjectAltPublicKeyInfo, critical: false, value: spki }
}

/** altSignatureAlgorithm (X.509 10/2019 §9.8.3). */
export function altSignatureAlgorithm(suite: SuiteName): Extension {
  return { oid: OID.altSignatureAlgorithm, critical: false, value: signatureAlgorithm(suite) }
}

/** altSignatureValue (X.509 10/2019 §9.8.4): the signature in its X.509 form. */
export function altSignatureValue(signature: Uint8Array): Extension {
  return { oid: OID.altSignatureValue, critical: false, value: derBitString(signature) }
}
