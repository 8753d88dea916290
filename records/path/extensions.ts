import { concatBytes, utf8 } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import { ALTERNATIVE_SUITES, DEVICE_SUITES, readSpki, suiteOfSignature } from './algorithms.ts'
import { contextTag, DerReader, TAG } from './der.ts'
import { PATH_ERRORS } from './errors.ts'
import { MAX_EXTENSIONS, MAX_GENERAL_NAME_CHARACTERS, MAX_GENERAL_NAMES, MAX_ROLES } from './limits.ts'
import { OID } from './oids.ts'
import type { Certificate, Role } from './types.ts'

/** Bits of keyUsage by name (RFC 5280 §4.2.1.3). */
export const KEY_USAGE_BITS = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const

export type KeyUsage = keyof typeof KEY_USAGE_BITS

/** Roles in the order in which a certificate lists them. Append-only. */
export const ROLES: readonly Role[] = ['node', 'validator', 'operator', 'ca']

/** What the known extensions of one certificate say. */
export type ExtensionValues = Pick<
  Certificate,
  'basicConstraints' | 'keyUsage' | 'extendedKeyUsage' | 'nameConstraints'
> &
  Pick<
    Certificate,
    'uris' | 'dnsNames' | 'bundleEndpoints' | 'roles' | 'overlayKey' | 'altSpki' | 'altSignatureSuite'
  > & {
    subjectKeyId: Uint8Array | undefined
    authorityKeyId: Uint8Array | undefined
    /** Still in its X.509 form. */
    altSignatureValue: Uint8Array | undefined
  }

interface ExtensionRule {
  readonly critical: 'always' | 'never' | 'either'
  readonly read: (value: DerReader) => Partial<ExtensionValues>
}

const RULES: Readonly<Record<string, ExtensionRule>> = {
  [OID.basicConstraints]: { critical: 'always', read: (value) => ({ basicConstraints: readBasicConstraints(value) }) },
  [OID.keyUsage]: { critical: 'always', read: (value) => ({ keyUsage: readKeyUsage(value) }) },
  [OID.extendedKeyUsage]: { critical: 'either', read: (value) => ({ extendedKeyUsage: readExtendedKeyUsage(value) }) },
  [OID.subjectAltName]: { critical: 'never', read: readSubjectAltName },
  [OID.nameConstraints]: { critical: 'always', read: (value) => ({ nameConstraints: readNameConstraints(value) }) },
  [OID.subjectKeyIdentifier]: { critical: 'never', read: (value) => ({ subjectKeyId: value.octetString() }) },
  [OID.authorityKeyIdentifier]: { critical: 'never', read: (value) => ({ authorityKeyId: readAuthorityKeyId(value) }) },
  [OID.roles]: { critical: 'never', read: (value) => ({ roles: readRoles(value) }) },
  [OID.overlaySignedKey]: { critical: 'never', read: (value) => ({ overlayKey: readSignedKey(value) }) },
  [OID.subjectAltPublicKeyInfo]: {
    critical: 'never',
    read: (value) => ({ altSpki: readSpki(value, DEVICE_SUITES) }),
  },
  [OID.altSignatureAlgorithm]: {
    critical: 'never',
    read: (value) => ({ altSignatureSuite: readAltAlgorithm(value) }),
  },
  [OID.altSignatureValue]: { critical: 'never', read: (value) => ({ altSignatureValue: value.bitString() }) },
}

/** One extension, split but not interpreted. */
export interface RawExtension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
  /** The whole Extension, DER. */
  readonly bytes: Uint8Array
}

/**
 * Splits the content of an Extensions sequence.
 * @throws RECORDS_CERT_EXTENSION_COUNT, RECORDS_CERT_EXTENSION_DUPLICATE, RECORDS_DER_*
 */
export function splitExtensions(reader: DerReader): RawExtension[] {
  const extensions: RawExtension[] = []
  while (!reader.done) {
    if (extensions.length === MAX_EXTENSIONS) throw PATH_ERRORS.create('RECORDS_CERT_EXTENSION_COUNT')
    const { content, bytes } = reader.element(TAG.sequence)
    const inner = new DerReader(content)
    const extension = { oid: inner.oid(), critical: inner.defaultFalse(), value: inner.octetString(), bytes }
    inner.end()
    if (extensions.some((other) => other.oid === extension.oid)) {
      throw PATH_ERRORS.create('RECORDS_CERT_EXTENSION_DUPLICATE', { metadata: { oid: extension.oid } })
    }
    extensions.push(extension)
  }
  if (extensions.length === 0) throw PATH_ERRORS.create('RECORDS_CERT_EXTENSION_COUNT')
  return extensions
}

/**
 * Reads the known extensions; unknown ones are passed over unless critical.
 * @throws RECORDS_CERT_EXTENSION_CRITICAL, RECORDS_CERT_EXTENSION_CRITICALITY, RECORDS_CERT_EXTENSION_VALUE, RECORDS_DER_*
 */
export function readExtensions(extensions: readonly RawExtension[]): ExtensionValues {
  const absent: ExtensionValues = {
    basicConstraints: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    nameConstraints: undefined,
    uris: [],
    dnsNames: [],
    bundleEndpoints: [],
    roles: [],
    overlayKey: undefined,
    altSpki: undefined,
    altSignatureSuite: undefined,
    altSignatureValue: undefined,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
  }
  return Object.assign(absent, ...extensions.map(readExtension))
}

function readExtension(extension: RawExtension): Partial<ExtensionValues> {
  const { oid, critical } = extension
  const rule = Object.hasOwn(RULES, oid) ? RULES[oid] : undefined
  if (rule === undefined) {
    if (critical) throw PATH_ERRORS.create('RECORDS_CERT_EXTENSION_CRITICAL', { metadata: { oid } })
    return {}
  }
  if ((rule.critical === 'always' && !critical) || (rule.critical === 'never' && critical)) {
    throw PATH_ERRORS.create('RECORDS_CERT_EXTENSION_CRITICALITY', { metadata: { oid } })
  }
  const reader = new DerReader(extension.value)
  const values = rule.read(reader)
  reader.end()
  return values
}

function outsideProfile(oid: string) {
  return PATH_ERRORS.create('RECORDS_CERT_EXTENSION_VALUE', { metadata: { oid } })
}

function readBasicConstraints(value: DerReader): NonNullable<Certificate['basicConstraints']> {
  return value.constructed(TAG.sequence, (inner) => {
    const ca = inner.defaultFalse()
    if (inner.done) return { ca }
    if (!ca) throw outsideProfile(OID.basicConstraints)
    return { ca, pathLength: inner.smallInteger() }
  })
}

function readKeyUsage(value: DerReader): ReadonlySet<string> {
  const bits = new Set<number>(value.namedBits())
  const names = Object.entries(KEY_USAGE_BITS).filter(([, bit]) => bits.has(bit))
  if (names.length !== bits.size) throw outsideProfile(OID.keyUsage)
  return new Set(names.map(([name]) => name))
}

function readExtendedKeyUsage(value: DerReader): readonly string[] {
  return value.constructed(TAG.sequence, (inner) => inner.all(MAX_GENERAL_NAMES, (item) => item.oid()))
}

const DNS_NAME = contextTag(2, 'primitive')
const URI_NAME = contextTag(6, 'primitive')
const OTHER_NAME = contextTag(0, 'constructed')

interface GeneralName {
  readonly kind: 'dns' | 'uri' | 'bundle'
  readonly text: string
}

function readGeneralName(reader: DerReader, oid: string): GeneralName {
  const tag = reader.nextTag
  if (tag !== DNS_NAME && tag !== URI_NAME) throw outsideProfile(oid)
  return { kind: tag === DNS_NAME ? 'dns' : 'uri', text: reader.text(tag, MAX_GENERAL_NAME_CHARACTERS) }
}

function textsOf(names: readonly GeneralName[], kind: GeneralName['kind']): readonly string[] {
  return names.filter((name) => name.kind === kind).map((name) => name.text)
}

function readSubjectAltName(value: DerReader): Partial<ExtensionValues> {
  const names = value.constructed(TAG.sequence, (inner) =>
    inner.all(MAX_GENERAL_NAMES, (item) =>
      item.nextTag === OTHER_NAME ? readBundleEndpoint(item) : readGeneralName(item, OID.subjectAltName),
    ),
  )
  return {
    uris: textsOf(names, 'uri'),
    dnsNames: textsOf(names, 'dns'),
    bundleEndpoints: textsOf(names, 'bundle'),
  }
}

/** An otherName of the form bundleEID: [0] { OBJECT IDENTIFIER, [0] { IA5String } } (RFC 9174 §4.4.2). */
function readBundleEndpoint(reader: DerReader): GeneralName {
  return reader.constructed(OTHER_NAME, (inner) => {
    if (inner.oid() !== OID.bundleEndpoint) throw outsideProfile(OID.subjectAltName)
    const text = inner.constructed(contextTag(0, 'constructed'), (value) =>
      value.text(TAG.ia5String, MAX_GENERAL_NAME_CHARACTERS),
    )
    return { kind: 'bundle', text }
  })
}

/** Permitted DNS and URI subtrees only (RFC 5280 §4.2.1.10); excluded subtrees and other forms are outside the profile. */
function readNameConstraints(value: DerReader): NonNullable<Certificate['nameConstraints']> {
  const names = value.constructed(TAG.sequence, (inner) =>
    inner.constructed(contextTag(0, 'constructed'), (permitted) =>
      permitted.all(MAX_GENERAL_NAMES, (item) =>
        item.constructed(TAG.sequence, (subtree) => readGeneralName(subtree, OID.nameConstraints)),
      ),
    ),
  )
  return { dns: textsOf(names, 'dns'), uri: textsOf(names, 'uri') }
}

function readAuthorityKeyId(value: DerReader): Uint8Array {
  return value.constructed(TAG.sequence, (inner) => inner.element(contextTag(0, 'primitive')).content)
}

function readRoles(value: DerReader): readonly Role[] {
  const texts = value.constructed(TAG.sequence, (inner) =>
    inner.all(MAX_ROLES, (item) => item.text(TAG.utf8String, 32)),
  )
  const roles = ROLES.filter((role) => texts.includes(role))
  if (roles.length !== texts.length || texts.some((text, at) => text !== roles[at])) throw outsideProfile(OID.roles)
  return roles
}

const ED25519_PROTOBUF_PREFIX = '08011220'

/**
 * SignedKey of the libp2p TLS specification: SEQUENCE { publicKey OCTET STRING, signature OCTET STRING }, here with an
 * Ed25519 key in its protobuf form (08 01 12 20 and 32 bytes).
 * @throws RECORDS_CERT_EXTENSION_VALUE, RECORDS_DER_*
 */
export function readSignedKey(value: DerReader): NonNullable<Certificate['overlayKey']> {
  const key = value.constructed(TAG.sequence, (inner) => ({
    publicKey: inner.octetString(),
    signature: inner.octetString(),
  }))
  const prefix = Buffer.from(key.publicKey.subarray(0, 4)).toString('hex')
  if (prefix !== ED25519_PROTOBUF_PREFIX || key.publicKey.length !== 36 || key.signature.length !== 64) {
    throw outsideProfile(OID.overlaySignedKey)
  }
  return key
}

/** What the overlay key signs: "libp2p-tls-handshake:" and the subject's SubjectPublicKeyInfo. */
export function signedKeyMessage(spki: Uint8Array): Uint8Array {
  return concatBytes(utf8('libp2p-tls-handshake:'), spki)
}

function readAltAlgorithm(value: DerReader): SuiteName {
  return suiteOfSignature(value.element(TAG.sequence).bytes, ALTERNATIVE_SUITES)
}
